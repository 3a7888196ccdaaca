"""What LATENCY DOCTOR says: the spikes that were seen, and what can be done about them."""

from collections.abc import Iterator
from statistics import fmean

from mcserver.settings import Settings
from mcserver.telemetry.latency import COMMAND, EMBEDDING, EVENT_LOOP, FAST_COMMAND, STORE_COMMIT, LatencyMonitor, Series

__all__ = ["diagnose"]

_US = 1000
"""Microseconds of a millisecond."""


def diagnose(monitor: LatencyMonitor, settings: Settings, now: int) -> str:
    """A report for people. `now` is seconds since the epoch."""
    if not monitor.events and not monitor.threshold:
        return (
            "The latency monitor is switched off, and has seen nothing so far. 'CONFIG SET latency-monitor-threshold <milliseconds>' "
            "switches it on: events that take at least so long are kept from then on.\n"
        )
    if not monitor.events:
        return f"No event has taken {monitor.threshold} ms or longer since the monitor was switched on or reset.\n"
    found = [_describe(number, event, series, now) for number, (event, series) in enumerate(monitor.events.items(), 1)]
    advice = [f"- {text}\n" for text in _advise(monitor, settings)]
    return "".join(["These latency spikes were seen:\n\n", *found, "\nWhat can be done:\n\n", *advice])


def _describe(number: int, event: str, series: Series, now: int) -> str:
    spikes, times = series.spikes, series.milliseconds
    mean = fmean(times)
    deviation = fmean(abs(mean - time) for time in times)
    period = max(1, now - spikes[0].time) / len(spikes)
    return (
        f"{number}. {event}: {len(spikes)} latency spikes (average {mean:.0f}ms, mean deviation {deviation:.0f}ms, "
        f"period {period:.2f} sec). Worst all time event {series.worst}ms.\n"
    )


def _advise(monitor: LatencyMonitor, settings: Settings) -> Iterator[str]:
    seen = monitor.events.keys()
    if COMMAND in seen:
        yield from _advise_on_commands(monitor.threshold, settings)
    if EMBEDDING in seen:
        yield from _advise_on_embedding(settings)
    if STORE_COMMIT in seen:
        yield from _advise_on_commits(settings)
    if EVENT_LOOP in seen or FAST_COMMAND in seen:
        yield (
            "The process was not given the processor, or one command kept it: lower the load of the machine, look for neighbours on it "
            "('redis-cli --intrinsic-latency 100' measures the machine alone), and split requests of many megabytes or thousands of items."
        )


def _advise_on_commands(threshold: int, settings: Settings) -> Iterator[str]:
    least = settings.slowlog_log_slower_than
    if least < 0 or least > threshold * _US:
        state = "is switched off" if least < 0 else "keeps only what is slower than this"
        yield f"The slow log {state}: 'CONFIG SET slowlog-log-slower-than {threshold * _US}'."
    yield "'SLOWLOG GET' names the commands that were slow; 'LATENCY HISTOGRAM' tells how many of each were."


def _advise_on_embedding(settings: Settings) -> Iterator[str]:
    yield (
        f"Texts waited for their vectors (embedder {settings.embedder}, embedder-workers {settings.embedder_workers}, "
        f"embedder-threads {settings.embedder_threads}): give the server more cores or a smaller model; long texts take longest. "
        "Clients that have vectors already can send them with VECTOR."
    )
    yield "A question asked again in the same words needs no vector: 'INFO mc_stats' tells how many were; exact-memory keeps more of them."


def _advise_on_commits(settings: Settings) -> Iterator[str]:
    yield (
        "Writes waited for the entry store: put the data folder on a local SSD, away from what else writes, "
        "and store several answers with one MC.MSET."
    )
    if settings.durability == "always":
        yield (
            "durability is 'always', so that every commit waits for the disk. With 'everysec' none does, "
            "and a power cut may cost the last second."
        )
