"""LATENCY: the shape of its replies. What is kept is tested with mcserver.telemetry.latency."""

import pytest

from tests.mcserver.commands.wire import STARTED, Wire

NOW = int(STARTED)


@pytest.fixture
def spiky(wire: Wire) -> Wire:
    """Spikes 0, 65 and 4000 seconds, and two days old."""
    wire.settings.assign([("latency-monitor-threshold", "10")])
    for ago, milliseconds in ((2 * 86400, 40), (4000, 10), (65, 30), (0, 20)):
        wire.context.latency.note("command", milliseconds, 1000 * (NOW - ago))
    wire.context.latency.note("event-loop", 15, 1000 * NOW)
    return wire


async def test_latest(spiky: Wire):
    assert await spiky.ask("LATENCY LATEST") == [["command", NOW, 20, 40], ["event-loop", NOW, 15, 15]]


async def test_history(spiky: Wire):
    assert await spiky.ask("LATENCY HISTORY command") == [[NOW - 2 * 86400, 40], [NOW - 4000, 10], [NOW - 65, 30], [NOW, 20]]
    assert await spiky.ask("LATENCY HISTORY COMMAND") == []


async def test_reset(spiky: Wire):
    assert await spiky.ask("LATENCY RESET Event-Loop nosuch") == 1
    assert await spiky.ask("LATENCY RESET") == 1
    assert await spiky.ask("LATENCY LATEST") == []


async def test_graph(spiky: Wire):
    text = await spiky.ask("LATENCY GRAPH command")
    assert text.splitlines() == [
        "command - high 40 ms, low 10 ms (all time high 40 ms)",
        "-" * 80,
        "#   ",
        "| # ",
        "| |o",
        "|_||",
        "    ",
        "2110",
        "dhms",
    ]


async def test_doctor(spiky: Wire):
    await spiky.send("HELLO 3")
    assert (await spiky.send("LATENCY DOCTOR")).split(b"\r\n")[1].startswith(b"txt:These latency spikes were seen:")


async def test_histogram(wire: Wire):
    for name, times in {"mc.get": (0, 1, 3, 3, 900), "client|id": (5,), "client|list": (9,), "ping": (2,)}.items():
        for microseconds in times:
            wire.context.statistics.command(name).record(microseconds)
    wire.context.statistics.command("echo").rejected += 1
    await wire.send("HELLO 3")
    everything = await wire.ask("LATENCY HISTOGRAM")
    assert list(everything) == ["client|id", "client|list", "mc.get", "ping"]
    assert everything["mc.get"] == {"calls": 5, "histogram_usec": {1: 1, 2: 2, 4: 4, 1024: 5}}
    assert list(await wire.ask("LATENCY HISTOGRAM nosuch PING CLIENT mc.set echo")) == ["ping", "client|id", "client|list"]
    assert list(await wire.ask("LATENCY HISTOGRAM Client|List client|nosuch")) == ["client|list"]
