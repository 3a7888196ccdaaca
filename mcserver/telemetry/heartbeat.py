"""How late the event loop is: a task that should go on every tenth of a second, and tells the latency monitor when it goes on later."""

import asyncio
from collections.abc import Awaitable, Callable

from mcserver.cache import SemanticCache
from mcserver.telemetry.latency import EVENT_LOOP, LatencyMonitor

__all__ = ["beat"]

BEAT_SECONDS = 0.1
"""As Redis' cron, by default (hz 10)."""


async def beat(monitor: LatencyMonitor, cache: SemanticCache, *, pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
    """Run until cancelled. `pause` waits so many seconds, or longer where the loop is held up; times are those of the cache's clocks."""
    while True:
        due = cache.timer() + BEAT_SECONDS
        await pause(BEAT_SECONDS)
        monitor.note(EVENT_LOOP, round((cache.timer() - due) * 1000), cache.now())
