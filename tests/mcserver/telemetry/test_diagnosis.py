"""What LATENCY DOCTOR says."""

import pytest

from mcserver.settings import Settings
from mcserver.telemetry.diagnosis import diagnose
from mcserver.telemetry.latency import LatencyMonitor

NOW = 1_700_000_000


def report(*spikes: tuple[str, int, int], **settings: object) -> str:
    """Of spikes (event, milliseconds, seconds ago)."""
    chosen = Settings(**{"latency_monitor_threshold": 100} | settings)
    monitor = LatencyMonitor(chosen)
    for event, milliseconds, ago in spikes:
        monitor.note(event, milliseconds, 1000 * (NOW - ago))
    return diagnose(monitor, chosen, NOW)


def test_switched_off():
    assert "CONFIG SET latency-monitor-threshold" in report(latency_monitor_threshold=0)


def test_nothing_seen():
    assert report() == "No event has taken 100 ms or longer since the monitor was switched on or reset.\n"


def test_what_was_seen():
    text = report(("command", 100, 60), ("command", 300, 30), ("embedding", 200, 0))
    assert "1. command: 2 latency spikes (average 200ms, mean deviation 100ms, period 30.00 sec). Worst all time event 300ms.\n" in text
    assert "2. embedding: 1 latency spikes (average 200ms, mean deviation 0ms, period 1.00 sec). Worst all time event 200ms.\n" in text


def test_what_was_seen_before_it_was_switched_off():
    settings = Settings(latency_monitor_threshold=100)
    monitor = LatencyMonitor(settings)
    monitor.note("embedding", 100, 1000 * NOW)
    settings.assign([("latency-monitor-threshold", "0")])
    assert "1. embedding" in diagnose(monitor, settings, NOW)


@pytest.mark.parametrize(
    ("event", "settings", "said", "unsaid"),
    [
        ("command", {"slowlog_log_slower_than": -1}, ["is switched off", "slowlog-log-slower-than 100000'", "SLOWLOG GET"], ["neighbours"]),
        ("command", {"slowlog_log_slower_than": 200_000}, ["keeps only what is slower"], ["is switched off"]),
        ("command", {"slowlog_log_slower_than": 100_000}, ["SLOWLOG GET", "LATENCY HISTOGRAM"], ["CONFIG SET", "embedder", "SSD"]),
        ("fast-command", {}, ["neighbours", "--intrinsic-latency"], ["SLOWLOG GET"]),
        ("event-loop", {}, ["neighbours", "--intrinsic-latency"], ["SLOWLOG GET"]),
        ("embedding", {"embedder_workers": 3}, ["embedder-workers 3", "VECTOR", "exact-memory"], ["SSD", "neighbours"]),
        ("store-commit", {"durability": "everysec"}, ["SSD", "MC.MSET"], ["everysec", "embedder"]),
        ("store-commit", {"durability": "always"}, ["SSD", "'everysec'"], []),
    ],
)
def test_advice(event: str, settings: dict[str, object], said: list[str], unsaid: list[str]):
    text = report((event, 150, 5), **settings)
    assert [words for words in said if words not in text] == []
    assert [words for words in unsaid if words in text] == []
