"""rename-command: by which name a command is called, and where its own name stays."""

import pytest

from mcserver.commands import FAMILIES
from mcserver.folder import StartupError
from mcserver.table import Table
from tests.mcserver.commands.wire import Wire

RENAMES = (("FLUSHALL", "Zap"), ("CONFIG", "CFG"), ("mc.get", "ASK"), ("DEBUG", ""))


@pytest.fixture
def renamed(wire: Wire) -> Wire:
    wire.context.commands = Table(FAMILIES, RENAMES)
    return wire


@pytest.mark.parametrize("name", ["ZAP", "zap", "Zap", b"zAp"])
async def test_called_by_the_new_name(renamed, name):
    assert await renamed.ask([name.encode() if isinstance(name, str) else name]) == "OK"


@pytest.mark.parametrize("words", ["FLUSHALL", "flushall", "CONFIG GET port", "MC.GET m a", "DEBUG SLEEP 0", "DEBUG"])
async def test_unknown_by_the_old_one(renamed, words):
    assert str(await renamed.ask(words)).startswith(f"ERR unknown command '{words.split()[0]}', with args beginning with: ")


async def test_a_lookup(renamed):
    await renamed.ask("MC.SET m red 1")
    assert await renamed.ask("ASK m red") == "1"


class TestDescribed:
    """As a real server does: found by the new name, shown by its own."""

    async def test_command(self, renamed):
        everything = Table(FAMILIES)
        assert await renamed.ask("COMMAND COUNT") == len(everything) - 1
        assert await renamed.ask("COMMAND INFO FLUSHALL CONFIG CONFIG|GET DEBUG") == [None] * 4
        assert [found[0] for found in await renamed.ask("COMMAND INFO ZAP cfg CFG|GET")] == ["flushall", "config", "config|get"]
        names = {found[0] for found in await renamed.ask("COMMAND")}
        assert names == {command.name for command in everything} - {"debug"}

    async def test_docs(self, renamed):
        assert (await renamed.ask("COMMAND DOCS ASK FLUSHALL"))[0] == "mc.get"
        assert await renamed.ask("COMMAND DOCS FLUSHALL") == []

    async def test_keys(self, renamed):
        assert await renamed.ask("COMMAND GETKEYS ASK m a") == ["m"]
        assert str(await renamed.ask("COMMAND GETKEYS MC.GET m a")) == "ERR Invalid command specified"

    async def test_help(self, renamed):
        assert (await renamed.ask("cfg HELP"))[0] == "CFG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
        assert str(await renamed.ask("cfg NONE")) == "ERR unknown subcommand 'NONE'. Try CFG HELP."

    async def test_errors(self, renamed):
        assert str(await renamed.ask("CFG GET")) == "ERR wrong number of arguments for 'config|get' command"


class TestRights:
    """By a command's own name, so that a user file means the same on every server."""

    @pytest.fixture
    def tables(self):
        return Table(FAMILIES), Table(FAMILIES, RENAMES)

    def test_all_are_there(self, tables):
        plain, renamed = tables
        assert [command.name for command in plain.everything()] == [command.name for command in renamed.everything()]
        assert renamed.named("debug") is not None
        assert renamed.named("config|get") is not None
        assert renamed.named("cfg") is None


class TestTable:
    def test_one_after_the_other(self):
        table = Table(FAMILIES, [("ECHO", "X"), ("PING", "ECHO"), ("X", "PING")])
        assert (table.find(b"echo").name, table.find(b"PING").name, table.find(b"x")) == ("ping", "echo", None)

    def test_to_its_own_name(self):
        assert len(Table(FAMILIES, [("ECHO", "echo")])) == len(Table(FAMILIES))

    @pytest.mark.parametrize("old", ["NONESUCH", "CONFIG|GET", "flushal", ""])
    def test_unknown(self, old):
        with pytest.raises(StartupError, match="No such command in rename-command"):
            Table(FAMILIES, [(old, "X")])

    def test_twice(self):
        with pytest.raises(StartupError, match="rename-command ECHO: No such command in rename-command"):
            Table(FAMILIES, [("ECHO", ""), ("ECHO", "")])

    def test_a_name_that_is_taken(self):
        with pytest.raises(StartupError, match="rename-command ECHO ping: Target command name already exists"):
            Table(FAMILIES, [("ECHO", "ping")])
