"""How late the event loop is."""

import asyncio

import pytest

from mcserver.telemetry.heartbeat import BEAT_SECONDS, beat
from tests.mcserver.parts import Parts, Tcp, until


async def test_late_beats_are_spikes(parts: Parts):
    parts.settings.assign([("latency-monitor-threshold", "50")])
    late = iter([0.0, 0.049, 0.051, 2.0])
    seconds = 0.0
    parts.cache.timer = lambda: seconds

    async def pause(wanted: float) -> None:
        nonlocal seconds
        parts.clock.seconds += 1
        try:
            seconds += wanted + next(late)
        except StopIteration:
            raise asyncio.CancelledError from None

    with pytest.raises(asyncio.CancelledError):
        await beat(parts.context.latency, parts.cache, pause=pause)
    assert parts.context.latency.find("event-loop").milliseconds == [51, 2000]


async def test_the_server_measures_its_own_loop(tcp: Tcp):
    tcp.parts.settings.assign([("latency-monitor-threshold", "1")])
    steps = iter(range(10**6))
    tcp.parts.cache.timer = lambda: BEAT_SECONDS * 2 * next(steps)  # the clock runs twice as fast as the loop sleeps
    await until(lambda: tcp.parts.context.latency.find("event-loop") is not None)
    assert tcp.parts.context.latency.find("event-loop").worst == 100
