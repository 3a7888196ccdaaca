"""MODULE LIST, LOLWUT: what this server says it is."""

from mcserver import __version__
from mcserver.version import module_version
from tests.mcserver.commands.wire import Wire


async def test_the_cache_is_listed_as_a_module(wire: Wire):
    assert await wire.ask("MODULE LIST") == [["name", "mc", "ver", module_version(), "path", "", "args", []]]
    await wire.send("HELLO 3")
    assert await wire.ask("MODULE LIST") == [{"name": "mc", "ver": module_version(), "path": "", "args": []}]


async def test_lolwut_ends_with_the_version(wire: Wire):
    for words in ("LOLWUT", "lolwut version 5 1 2", "LOLWUT a b c", "LOLWUT VERSION"):
        lines = (await wire.ask(words)).splitlines()
        assert __version__ in lines[0]
        assert lines[-1] == "Redis ver. 7.4.0"
