"""CLIENT: lines, and what a client says about itself."""

import asyncio

import pytest

from mcserver.commands.client import LINES_AT_ONCE
from mcserver.context import WORD_OVERHEAD, Buffers
from tests.mcserver.commands.wire import Wire
from tests.mcserver.parts import SilentLink


def fields(line: str) -> dict[str, str]:
    return dict(field.split("=", 1) for field in line.split(" "))


async def test_a_line_tells_what_the_client_is(wire: Wire):
    client = wire.connect(link=SilentLink(Buffers(7, 30)), name="me", protocol=3)
    await wire.send("CLIENT SETINFO LIB-NAME redis-py", client)
    await wire.send("CLIENT SETINFO lib-ver 8.1.0", client)
    wire.now += 90
    client.last_active = wire.now - 4
    assert (await wire.ask("CLIENT INFO", client)) == (
        "id=2 addr=127.0.0.1:5002 laddr=127.0.0.1:6380 fd=12 name=me age=90 idle=4 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 watch=0 "
        "qbuf=33 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=30 tot-mem=8255 events=rw cmd=client|info user=default "
        "redir=-1 resp=3 lib-name=redis-py lib-ver=8.1.0\n"
    )


async def test_list_has_a_line_for_each(wire: Wire):
    other = wire.connect()
    await wire.send("MULTI", other)
    await wire.send("PING hello", other)
    first, second = (await wire.ask("CLIENT LIST")).splitlines()
    assert (fields(first)["cmd"], fields(first)["id"]) == ("client|list", "1")
    assert {name: fields(second)[name] for name in ("id", "flags", "multi", "multi-mem", "cmd")} == {
        "id": "2",
        "flags": "x",
        "multi": "1",
        "multi-mem": str(9 + 2 * WORD_OVERHEAD),
        "cmd": "ping",
    }


async def test_a_client_that_leaves_shows(wire: Wire):
    wire.connect(closing=True)
    assert "flags=c " in (await wire.ask("CLIENT LIST ID 2"))


async def test_a_clock_set_back_makes_no_negative_age(wire: Wire):
    wire.now -= 1000
    assert " age=0 idle=0 " in (await wire.ask("CLIENT INFO"))


async def test_list_by_id_in_the_order_asked(wire: Wire):
    wire.connect()
    wire.connect()
    lines = (await wire.ask("CLIENT LIST ID 3 99 1")).splitlines()
    assert [fields(line)["id"] for line in lines] == ["3", "1"]


async def test_ids_are_told(wire: Wire):
    assert await wire.ask("CLIENT ID") == 1
    assert await wire.ask("CLIENT ID", wire.connect()) == 2


@pytest.mark.parametrize("option", ["lib-name", "LIB-VER"])
async def test_library_attributes_fit_into_a_line(option: str, wire: Wire):
    error = f"-ERR {option} cannot contain spaces, newlines or special characters.\r\n".encode()
    assert await wire.send([b"CLIENT", b"SETINFO", option.encode(), b"a b"]) == error
    assert await wire.send([b"CLIENT", b"SETINFO", option.encode(), b""]) == b"+OK\r\n"


async def test_other_attributes_are_unknown(wire: Wire):
    assert await wire.send("CLIENT SETINFO lib-color red") == b"-ERR Unrecognized option 'lib-color'\r\n"
    assert await wire.send([b"CLIENT", b"SETINFO", b"\xff", b"x"]) == b"-ERR Unrecognized option '\xff'\r\n"
    assert await wire.send("CLIENT SETINFO lib-name") == b"-ERR wrong number of arguments for 'client|setinfo' command\r\n"


async def test_what_only_other_servers_have_is_refused_as_redis_refuses_it(wire: Wire):
    refusal = b"-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n"
    assert await wire.send("CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-fqdn") == refusal


async def test_help(wire: Wire):
    lines = await wire.ask("CLIENT HELP")
    assert lines[0] == "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    at = lines.index("GETNAME")
    assert lines[at : at + 2] == ["GETNAME", "    Returns the name of the connection."]
    assert lines[1::2][:-1] == sorted(lines[1::2][:-1])


async def test_many_lines_let_others_in_between(wire: Wire):
    connected = [wire.client, *(wire.connect() for _ in range(2 * LINES_AT_ONCE + 1))]
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    lines = (await wire.ask("CLIENT LIST")).splitlines()
    task.cancel()
    assert [fields(line)["id"] for line in lines] == [str(client.id) for client in connected]
    assert turns >= 3
