"""LATENCY: spikes as the latency monitor saw them, and how long each command takes."""

from collections.abc import Iterator

from mcserver.context import Call
from mcserver.table import Family
from mcserver.telemetry.diagnosis import diagnose
from mcserver.telemetry.latency import Series
from mcserver.telemetry.sparkline import COLUMNS, draw
from mcserver.telemetry.statistics import CommandStatistics
from protocol.errors import CommandError
from protocol.reply import Verbatim
from protocol.text import decode

__all__ = ["family"]

family = Family("server")

_ADMIN = "admin noscript loading stale"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400

family.container("LATENCY", summary="A container for commands on latency.")


@family.command("LATENCY|LATEST", "", summary="Returns the latest spike of every event, and the worst.", flags=_ADMIN)
def latest(call: Call) -> object:
    """Reply: an array of event, time in seconds, milliseconds, milliseconds of the worst."""
    events = call.context.latency.events.items()
    return [[event, series.spikes[-1].time, series.spikes[-1].milliseconds, series.worst] for event, series in events]


@family.command("LATENCY|HISTORY", "event", summary="Returns the spikes of an event.", flags=_ADMIN)
def history(call: Call) -> object:
    """Reply: an array of time in seconds and milliseconds, oldest first."""
    series = call.context.latency.find(decode(call.words[2]))
    return [[spike.time, spike.milliseconds] for spike in series.spikes] if series else []


@family.command("LATENCY|GRAPH", "event", summary="Draws the spikes of an event.", flags=_ADMIN)
def graph(call: Call) -> object:
    """Reply: text."""
    event = decode(call.words[2])
    series = call.context.latency.find(event)
    if series is None:
        raise CommandError(f"No samples available for event '{event}'")
    return Verbatim(_draw(event, series, call.now // 1000))


@family.command("LATENCY|DOCTOR", "", summary="Reports on latency, and what can be done about it.", flags=_ADMIN)
def doctor(call: Call) -> object:
    """Reply: text."""
    return Verbatim(diagnose(call.context.latency, call.context.settings, call.now // 1000))


@family.command("LATENCY|RESET", "[event ...]", summary="Forgets the spikes of events, by default of all.", flags=_ADMIN)
def reset(call: Call) -> object:
    """Reply: how many events there were."""
    return call.context.latency.reset([decode(word) for word in call.words[2:]])


@family.command(
    "LATENCY|HISTOGRAM",
    "[command ...]",
    summary="Returns how many calls of commands took less than 1, 2, 4, 8, ... microseconds; by default of all commands.",
    complexity="O(N) with N commands that were called",
    flags=_ADMIN,
)
def histogram(call: Call) -> object:
    """Reply: a map of commands, each with its calls and a map of microseconds and calls below them. Unknown names are passed over."""
    called = call.context.statistics.commands
    names = list(_named(call)) if len(call.words) > 2 else sorted(called)  # noqa: PLR2004 - the two words of the name
    return {name: _distribution(called[name]) for name in names if name in called and called[name].latency.total}


def _named(call: Call) -> Iterator[str]:
    """The commands asked for: a container stands for its subcommands."""
    for word in call.words[2:]:
        name, _, sub = decode(word).lower().partition("|")
        command = call.context.commands.find(name.encode())
        if command is None:
            continue
        if sub:
            yield f"{command.name}|{sub}"
        else:
            yield command.name
            yield from sorted(one.name for one in command.subcommands.values())


def _distribution(counters: CommandStatistics) -> dict[str, object]:
    return {"calls": counters.latency.total, "histogram_usec": counters.latency.doublings()}


def _draw(event: str, series: Series, now: int) -> str:
    times = series.milliseconds
    head = f"{event} - high {max(times)} ms, low {min(times)} ms (all time high {series.worst} ms)\n"
    return head + "-" * COLUMNS + "\n" + draw(times, [_ago(now - spike.time) for spike in series.spikes])


def _ago(seconds: int) -> str:
    """How long ago, in the largest unit that is not over 1."""
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
