"""Where a command and its connection work together: what closes it, and what is counted there."""

import asyncio

from tests.mcserver.commands.wire import Wire


async def talk(port: int, data: bytes) -> bytes:
    """Send all of it, read until the server closes; half-closing after the last reply would be the client's doing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_nothing_after_quit_is_run(port: int, wire: Wire):
    assert await talk(port, b"PING\r\nQUIT\r\nCONFIG SET timeout 77\r\n") == b"+PONG\r\n+OK\r\n"
    assert wire.settings.timeout == 0


async def test_nothing_after_a_quit_that_had_to_wait_is_run(port: int, wire: Wire):
    """The look-up waits for the write before it, QUIT for both."""
    answer = await talk(port, b"MC.SET m red answer\r\nMC.GET m red\r\nQUIT\r\nCONFIG SET timeout 77\r\nMC.SET m blue x\r\n")
    assert answer == b"+OK\r\n$6\r\nanswer\r\n+OK\r\n"
    assert wire.settings.timeout == 0
    assert await wire.ask("MC.GET m blue EXACT") is None


async def test_shutdown_closes_without_a_reply(port: int, wire: Wire):
    assert await talk(port, b"PING\r\nSHUTDOWN NOSAVE\r\nPING\r\n") == b"+PONG\r\n"
    assert wire.stopped == 1


async def test_hello_counts_from_its_place_in_the_pipeline(port: int):
    answer = await talk(port, b"CLIENT GETNAME\r\nHELLO 3 SETNAME me\r\nCONFIG GET nosuch\r\nRESET\r\nCLIENT GETNAME\r\nQUIT\r\n")
    assert answer.startswith(b"$-1\r\n%7\r\n")
    assert answer.endswith(b"%0\r\n+RESET\r\n$-1\r\n+OK\r\n")


async def test_what_is_counted(port: int, wire: Wire):
    await talk(port, b"PING\r\nPING a b\r\nCLIENT ID x\r\nCONFIG GET\r\nNOSUCH\r\nAUTH x\r\nQUIT\r\n")
    text = await wire.ask("INFO everything")
    for line in (
        "total_connections_received:1",
        "total_commands_processed:7",
        "total_error_replies:5",
        "errorstat_ERR:count=5",
        "total_reads_processed:1",
        "total_writes_processed:1",
    ):
        assert f"\r\n{line}\r\n" in text
    statistics = wire.context.statistics
    assert (statistics.command("ping").calls, statistics.command("ping").failed) == (2, 1)
    assert (statistics.command("client|id").calls, statistics.command("client|id").rejected) == (0, 1)
    assert statistics.command("config|get").rejected == 1
    assert (statistics.command("auth").failed, statistics.command("auth").latency.total) == (1, 1)


async def test_exact_hits_after_resetstat_are_counted(port: int, wire: Wire):
    """They take the short way through the connection, which must not hold on to the counters of before."""
    await talk(port, b"MC.SET m red answer\r\nMC.GET m red\r\nQUIT\r\n")
    await talk(port, b"CONFIG RESETSTAT\r\nQUIT\r\n")
    await talk(port, b"MC.GET m red\r\nMC.GET m red\r\nQUIT\r\n")
    counted = wire.context.statistics.command("mc.get")
    assert (counted.calls, counted.latency.total) == (2, 2)
    assert "\r\nkeyspace_hits:2\r\n" in await wire.ask("INFO stats")


async def test_info_and_list_over_a_connection(port: int, wire: Wire):
    answer = await talk(port, b"CLIENT SETNAME me\r\nCLIENT INFO\r\nQUIT\r\n")
    assert b" name=me " in answer
    assert f" laddr=127.0.0.1:{port} ".encode() in answer
