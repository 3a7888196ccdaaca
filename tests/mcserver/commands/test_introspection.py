"""COMMAND: the table as clients read it."""

import pytest

from mcserver.commands import FAMILIES
from mcserver.dispatch import call_of
from mcserver.table import Table
from protocol.errors import CommandError
from tests.mcserver.commands.wire import Wire

EVERY = [command for top in Table(FAMILIES) for command in (top, *top.subcommands.values())]
WITH_KEY = [command for command in EVERY if command.key_position and "not_key" not in command.key_flags]


async def test_without_subcommand_all_are_described(wire: Wire):
    described = await wire.ask("COMMAND")
    assert described == await wire.ask("COMMAND INFO")
    assert [one[0] for one in described] == await wire.ask("COMMAND LIST")
    assert len(described) == await wire.ask("COMMAND COUNT") == len(Table(FAMILIES))
    assert all(len(one) == 10 for one in described)


async def test_info_of_a_cache_command(wire: Wire):
    assert await wire.ask("COMMAND INFO mc.get MC.SET") == [
        [
            "mc.get",
            -3,
            ["readonly"],
            1,
            1,
            1,
            ["@read", "@slow", "@semantic"],
            [],
            [
                [
                    "flags",
                    ["RO", "access"],
                    "begin_search",
                    ["type", "index", "spec", ["index", 1]],
                    "find_keys",
                    ["type", "range", "spec", ["lastkey", 0, "keystep", 1, "limit", 0]],
                ]
            ],
            [],
        ],
        [
            "mc.set",
            -4,
            ["write", "denyoom"],
            1,
            1,
            1,
            ["@write", "@slow", "@semantic"],
            [],
            [
                [
                    "flags",
                    ["RW", "update"],
                    "begin_search",
                    ["type", "index", "spec", ["index", 1]],
                    "find_keys",
                    ["type", "range", "spec", ["lastkey", 0, "keystep", 1, "limit", 0]],
                ]
            ],
            [],
        ],
    ]


async def test_the_key_of_a_subcommand_is_behind_its_name(wire: Wire):
    described = (await wire.ask("COMMAND INFO mc.config|get"))[0]
    assert (described[1], described[3:6]) == (4, [2, 2, 1])


async def test_sets_and_maps_in_resp3(wire: Wire):
    await wire.send("HELLO 3")
    reply = await wire.send("COMMAND INFO mc.get")
    assert reply.startswith(
        b"*1\r\n*10\r\n$6\r\nmc.get\r\n:-3\r\n~1\r\n+readonly\r\n:1\r\n:1\r\n:1\r\n~3\r\n+@read\r\n+@slow\r\n+@semantic\r\n~0\r\n"
    )
    assert b"~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n%2\r\n" in reply
    assert reply.endswith(b"~0\r\n")


@pytest.mark.parametrize("command", WITH_KEY, ids=lambda command: command.name)
async def test_getkeys_finds_the_model(command, wire: Wire):
    words = command.name.encode().split(b"|")
    words += [b"word"] * (abs(command.arity) - len(words))
    words[command.key_position] = b"the model"
    assert await wire.ask([b"COMMAND", b"GETKEYS", *words]) == ["the model"]


async def test_what_is_done_with_the_model(wire: Wire):
    """As Redis has it: RM of a key that goes, RO alone where nothing of what is stored reaches the client."""
    flags = {command.name: " ".join(command.key_flags) for command in WITH_KEY if command.name.startswith("mc.")}
    assert {name: which for name, which in flags.items() if which not in {"RO access", "RW update"}} == {
        "mc.create": "OW insert",
        "mc.drop": "RM delete",
        "mc.del": "RW delete",
        "mc.truncate": "RW delete",
        "mc.sim": "RO",
        "mc.embed": "RO",
    }
    assert {name for name, which in flags.items() if which == "RW update"} >= {"mc.set", "mc.mset", "mc.expire", "mc.persist"}
    assert await wire.ask("COMMAND GETKEYSANDFLAGS mc.get m q") == [["m", ["RO", "access"]]]
    assert await wire.ask("COMMAND GETKEYSANDFLAGS mc.config set m a b") == [["m", ["RW", "update"]]]
    await wire.send("HELLO 3")
    assert await wire.send("COMMAND GETKEYSANDFLAGS mc.drop m") == b"*1\r\n*2\r\n$1\r\nm\r\n~2\r\n+RM\r\n+delete\r\n"


async def test_getkeys_of_what_could_not_be_run(wire: Wire):
    assert await wire.send("COMMAND GETKEYS mc.set m q") == b"-ERR Invalid number of arguments specified for command\r\n"
    assert await wire.send("COMMAND GETKEYS ping") == b"-ERR The command has no key arguments\r\n"
    assert await wire.send("COMMAND GETKEYS client") == b"-ERR The command has no key arguments\r\n"
    assert await wire.send([b"COMMAND", b"GETKEYS", b"client", b"\xff"]) == b"-ERR Invalid command specified\r\n"


async def test_list_by_module_and_category(wire: Wire):
    ours = await wire.ask("COMMAND LIST FILTERBY MODULE mc")
    assert set(ours) == {command.name for command in EVERY if command.name.startswith("mc.")}
    assert await wire.ask("COMMAND LIST FILTERBY aclcat SEMANTIC") == [name for name in ours if name != "mc.config"]
    assert set(await wire.ask("COMMAND LIST FILTERBY ACLCAT admin")) == {command.name for command in EVERY if "admin" in command.categories}
    assert await wire.ask("COMMAND LIST FILTERBY PATTERN CLIENT|GETN*") == ["client|getname"]


async def test_docs_of_a_command(wire: Wire):
    await wire.send("HELLO 3")
    documented = (await wire.ask("COMMAND DOCS mc.set nosuch"))["mc.set"]
    assert {name: documented[name] for name in ("since", "group", "module")} == {"since": "0.1.0", "group": "semantic", "module": "mc"}
    model, query, _, _, _, expiry, condition, tags, *_ = documented["arguments"]
    assert model == {"name": "model", "type": "key", "display_text": "model", "key_spec_index": 0}
    assert query == {"name": "query", "type": "string", "display_text": "query"}
    assert (expiry["type"], expiry["flags"], expiry["arguments"][0]) == (
        "oneof",
        ["optional"],
        {"name": "seconds", "type": "integer", "display_text": "seconds", "token": "EX"},
    )
    assert [one["token"] for one in condition["arguments"]] == ["NX", "XX"]
    assert (tags["type"], tags["token"], tags["arguments"][1]["flags"]) == ("block", "TAGS", ["multiple"])


async def test_docs_hold_the_subcommands(wire: Wire):
    await wire.send("HELLO 3")
    container = (await wire.ask("COMMAND DOCS client"))["client"]
    assert "arguments" not in container
    assert list(container["subcommands"]) == [f"client|{name}" for name in wire.context.commands.find(b"client").subcommands]
    assert (await wire.ask("COMMAND DOCS CLIENT|id"))["client|id"] == container["subcommands"]["client|id"]


async def test_docs_of_all(wire: Wire):
    await wire.send("HELLO 3")
    documented = await wire.ask("COMMAND DOCS")
    assert list(documented) == await wire.ask("COMMAND LIST")
    assert all({"summary", "since", "group", "complexity"} <= one.keys() for one in documented.values())


async def test_help_names_the_command_itself(wire: Wire):
    lines = await wire.ask("COMMAND HELP")
    assert lines[1:3] == ["(no subcommand)", "    Describes all commands."]
    assert "GETKEYS command [arg [arg ...]]" in lines


async def test_containers_alone(wire: Wire):
    for name in ("client", "config"):
        assert await wire.send(name) == f"-ERR wrong number of arguments for '{name}' command\r\n".encode()


def test_a_container_run_by_itself_refuses(wire: Wire):
    """As it would were its subcommands not found first."""
    command = wire.context.commands.find(b"client")
    assert command is not None
    with pytest.raises(CommandError, match="wrong number of arguments for 'client' command"):
        command.run(call_of(wire.context, wire.client, command, [b"client", b"x"]))
