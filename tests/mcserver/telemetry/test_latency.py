"""The latency monitor: spikes by event and second."""

import pytest

from mcserver.settings import Settings
from mcserver.telemetry.latency import MAX_SPIKES, LatencyMonitor, Spike
from tests.mcserver.parts import Parts

NOW = 1_700_000_000_000


@pytest.fixture
def settings() -> Settings:
    return Settings(latency_monitor_threshold=100)


@pytest.fixture
def monitor(settings: Settings) -> LatencyMonitor:
    return LatencyMonitor(settings)


def test_only_what_took_long_enough(monitor: LatencyMonitor):
    monitor.note("command", 99, NOW)
    assert monitor.events == {}
    monitor.note("command", 100, NOW)
    assert list(monitor.find("command").spikes) == [Spike(NOW // 1000, 100)]
    assert monitor.find("nosuch") is None


def test_nothing_while_it_is_switched_off(monitor: LatencyMonitor, settings: Settings):
    settings.assign([("latency-monitor-threshold", "0")])
    monitor.note("command", 10**6, NOW)
    assert monitor.events == {}


def test_the_worst_of_every_second(monitor: LatencyMonitor):
    for milliseconds, when in ((200, 0), (300, 500), (250, 999), (150, 1000)):
        monitor.note("command", milliseconds, NOW + when)
    series = monitor.find("command")
    assert list(series.spikes) == [Spike(NOW // 1000, 300), Spike(NOW // 1000 + 1, 150)]
    assert series.worst == 300


def test_the_oldest_leave_and_the_worst_stays(monitor: LatencyMonitor):
    for second in range(MAX_SPIKES + 1):
        monitor.note("command", 1000 - second, NOW + 1000 * second)
    series = monitor.find("command")
    assert (len(series.spikes), series.milliseconds[0], series.worst) == (MAX_SPIKES, 999, 1000)


def test_reset(monitor: LatencyMonitor):
    for event in ("command", "fast-command", "embedding"):
        monitor.note(event, 100, NOW)
    assert monitor.reset(["EMBEDDING", "nosuch"]) == 1
    assert list(monitor.events) == ["command", "fast-command"]
    assert monitor.reset() == 2
    assert monitor.reset() == 0


async def test_the_cache_tells_of_embeddings_and_commits(parts: Parts):
    parts.settings.assign([("latency-monitor-threshold", "1")])
    times = iter(range(1000))
    parts.cache.timer = lambda: float(next(times))  # every look at it is a second later
    await parts.ask("MC.SET", "m", "red", "answer")
    await parts.ask("MC.GET", "m", "blue")
    events = parts.context.latency.events
    assert list(events) == ["embedding", "store-commit"]
    assert all(series.milliseconds == [1000] for series in events.values())
