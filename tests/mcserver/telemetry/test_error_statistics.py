"""How errors are counted, as in unit/info of Redis' own tests, with commands that there are here: failed where the command ran, rejected
where it was not let run."""

from collections.abc import Sequence

import pytest

from tests.mcserver.parts import Tcp

Words = Sequence[str]

CASES: dict[str, tuple[list[Words], dict[str, int], dict[str, str]]] = {
    "a command that fails": ([["AUTH", "k"]], {"ERR": 1}, {"auth": "calls=1 rejected=0 failed=1"}),
    "an unknown command": ([["ASDF"], ["ASDF"]], {"ERR": 2}, {}),
    "an unknown subcommand": ([["CLIENT", "ASDF"]], {"ERR": 1}, {}),
    "a wrong arity, then right ones": (
        [["ECHO"], ["ECHO", "1"], ["ECHO", "2"]],
        {"ERR": 1},
        {"echo": "calls=2 rejected=1 failed=0"},
    ),
    "a failure inside EXEC": (
        [["MULTI"], ["ECHO", "x"], ["AUTH", "a"], ["EXEC"]],
        {"ERR": 1},
        {
            "multi": "calls=1 rejected=0 failed=0",
            "echo": "calls=1 rejected=0 failed=0",
            "auth": "calls=1 rejected=0 failed=1",
            "exec": "calls=1 rejected=0 failed=0",
        },
    ),
    "EXEC alone": ([["EXEC"]], {"ERR": 1}, {"exec": "calls=1 rejected=0 failed=1"}),
    "what may not be queued": (
        [["MULTI"], ["ECHO"], ["EXEC"]],
        {"ERR": 1, "EXECABORT": 1},
        {"multi": "calls=1 rejected=0 failed=0", "echo": "calls=0 rejected=1 failed=0", "exec": "calls=1 rejected=0 failed=1"},
    ),
    "what the user may not": (
        [["ACL", "SETUSER", "alice", "on", "nopass", "+auth"], ["AUTH", "alice", "x"], ["ECHO", "x"], ["AUTH", "default", ""]],
        {"NOPERM": 1},
        {
            "acl|setuser": "calls=1 rejected=0 failed=0",
            "auth": "calls=2 rejected=0 failed=0",
            "echo": "calls=0 rejected=1 failed=0",
        },
    ),
    "what DEBUG is not allowed": ([["DEBUG", "SLEEP", "0"]], {"ERR": 1}, {"debug": "calls=1 rejected=0 failed=1"}),
}


@pytest.mark.parametrize("name", CASES)
async def test_counts(name: str, tcp: Tcp):
    requests, errors, commands = CASES[name]
    peer = await tcp.connect()
    for words in requests:
        await peer.ask(*words)
    statistics = tcp.parts.context.statistics
    assert statistics.errors == errors
    counted = {
        command: f"calls={counters.calls} rejected={counters.rejected} failed={counters.failed}"
        for command, counters in statistics.commands.items()
    }
    assert counted == commands
    assert await peer.ask("CONFIG", "RESETSTAT") == b"OK"
    assert statistics.errors == {}
    assert list(statistics.commands) == ["config|resetstat"]
