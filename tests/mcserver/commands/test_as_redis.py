"""The same words to this server and to a real redis-server: the same bytes back, in both versions of the protocol."""

import pytest

from tests.mcserver.commands.wire import Redis, Wire, Words, decode

SEQUENCES: dict[str, list[Words]] = {
    "ping": ["PING", "ping hello", "PING a b", [b"PING", b"\xff\r\n"]],
    "echo": ["ECHO", "ECHO x", [b"ECHO", b""], "ECHO a b"],
    "select": ["SELECT", "SELECT 0", "SELECT x", "SELECT 99", "SELECT -1", "SELECT 99999999999", "SELECT 99999999999999999999"],
    "auth without a password set": ["AUTH", "AUTH x", "AUTH default x", "AUTH nobody x", "AUTH a b c"],
    "hello that fails": [
        "HELLO x",
        "HELLO 4",
        "HELLO 99999999999999999999",
        "HELLO 2 FOO",
        "HELLO 2 AUTH a",
        "HELLO 2 SETNAME",
        "HELLO 2 AUTH nobody x",
        [b"HELLO", b"2", b"SETNAME", b"a b"],
        [b"HELLO", b"2", b"F\r\n\xff\0x"],
        "CLIENT GETNAME",
    ],
    "hello that fails changes nothing": ["CLIENT SETNAME me", "HELLO 3 AUTH nobody x", "CLIENT GETNAME", "CONFIG GET nosuch"],
    "client": ["CLIENT", "CLIENT foo", "CLIENT ID x", "CLIENT HELP x", "CLIENT INFO x"],
    "client name": [
        "CLIENT GETNAME",
        "CLIENT SETNAME abc",
        "CLIENT GETNAME",
        [b"CLIENT", b"SETNAME", b"a b"],
        [b"CLIENT", b"SETNAME", b"a\nb"],
        [b"CLIENT", b"SETNAME", "é".encode()],
        "CLIENT GETNAME",
        [b"CLIENT", b"SETNAME", b""],
        "CLIENT GETNAME",
    ],
    "client list": [
        "CLIENT LIST TYPE foo",
        "CLIENT LIST TYPE",
        "CLIENT LIST TYPE normal x",
        "CLIENT LIST TYPE pubsub",
        "CLIENT LIST type REPLICA",
        "CLIENT LIST TYPE slave",
        "CLIENT LIST TYPE master",
        "CLIENT LIST ID",
        "CLIENT LIST ID x",
        "CLIENT LIST ID 99999 x",
        "CLIENT LIST ID 99999 99998",
        "CLIENT LIST FOO a",
    ],
    "reset": ["CLIENT SETNAME x", "MULTI", "PING", "RESET", "PING", "CLIENT GETNAME", "EXEC", "CONFIG GET nosuch"],
    "command": [
        "COMMAND FOO",
        "COMMAND COUNT x",
        "COMMAND INFO nosuch get|x client|nosuch nosuch|x",
        "COMMAND DOCS nosuch client|nosuch",
        "COMMAND INFO select",
        "COMMAND INFO ECHO client|ID client|setname",
        "COMMAND INFO config|resetstat config|get config|help",
        "COMMAND GETKEYS",
        "COMMAND GETKEYS nosuch a",
        "COMMAND GETKEYS client foo",
        "COMMAND GETKEYS client id",
        "COMMAND GETKEYS echo x",
        "COMMAND LIST FILTERBY PATTERN pin*",
        "COMMAND LIST filterby pattern [^a-oq-z]ing",
        "COMMAND LIST FILTERBY ACLCAT nosuch",
        "COMMAND LIST FILTERBY MODULE nosuch",
        "COMMAND LIST FILTERBY FOO x",
        "COMMAND LIST FILTERBY",
        "COMMAND LIST FILTERBY PATTERN",
        "COMMAND LIST a b c",
        "COMMAND LIST FILTERBY PATTERN a b",
    ],
    "info": ["INFO nosuch", "INFO cluster", "INFO CLUSTER nosuch", "INFO cluster keyspace", "INFO keyspace Cluster cluster"],
    "config": [
        "CONFIG",
        "CONFIG FOO",
        "CONFIG GET",
        "CONFIG GET nosuch",
        "CONFIG GET maxclients",
        "CONFIG GET MAXCL* maxclients",
        "CONFIG GET m[^b]xclients",
        "CONFIG SET",
        "CONFIG SET maxclients",
        "CONFIG SET maxclients 10 timeout",
        "CONFIG SET nosuch 1",
        [b"CONFIG", b"SET", b"\xff", b"1"],
        "CONFIG SET maxclients abc",
        "CONFIG SET MAXCLIENTS abc",
        "CONFIG SET timeout -1",
        "CONFIG SET timeout 100 nosuch 2",
        "CONFIG SET timeout 100 maxclients abc",
        "CONFIG SET timeout 100 timeout 200",
        "CONFIG SET databases 3",
        "CONFIG GET timeout",
        "CONFIG SET timeout 100 tcp-keepalive 200",
        "CONFIG GET timeout",
        "CONFIG SET timeout 0 tcp-keepalive 300",
        "CONFIG RESETSTAT",
        "CONFIG RESETSTAT x",
    ],
    "a password": [
        "CONFIG SET requirepass secret",
        "PING",
        "CONFIG GET requirepass",
        "RESET",
        "PING",
        "NOSUCH x",
        "SELECT",
        "CLIENT foo",
        "HELLO 4",
        "HELLO 2 AUTH default wrong",
        "AUTH wrong",
        "AUTH nobody secret",
        "AUTH default wrong",
        "CLIENT ID x",
        "PING",
        "AUTH secret",
        "PING",
        "AUTH wrong",
        "PING",
        "RESET",
        "AUTH default secret",
        "AUTH default wrong",
        "PING",
        [b"CONFIG", b"SET", b"requirepass", b"\xff\xfe"],
        [b"AUTH", b"\xff\xfe"],
        "CONFIG GET requirepass",
        [b"CONFIG", b"SET", b"requirepass", b""],
        "AUTH secret",
        "RESET",
        "PING",
    ],
    "time": ["TIME x"],
    "shutdown that does not": [
        "SHUTDOWN ABORT",
        "SHUTDOWN FOO",
        "SHUTDOWN SAVE NOSAVE",
        "SHUTDOWN NOW ABORT",
        "SHUTDOWN ABORT NOW",
        "MULTI",
        "SHUTDOWN",
        "RESET",
    ],
}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("name", SEQUENCES)
async def test_same_bytes(name: str, protocol: int, wire: Wire, redis: Redis):
    await wire.send(f"HELLO {protocol}")
    redis.send(f"HELLO {protocol}")
    for words in SEQUENCES[name]:
        assert (words, await wire.send(words)) == (words, redis.send(words))


async def test_a_client_of_before_the_password_is_let_in_again_when_it_is_taken_away(wire: Wire, redis_port: int):
    first, second = Redis(redis_port), Redis(redis_port)
    ours = wire.connect()
    try:
        sequence = [
            (first, wire.client, "CONFIG SET requirepass x"),
            (second, ours, "PING"),
            (second, ours, "RESET"),
            (second, ours, "PING"),
        ]
        sequence += [(first, wire.client, [b"CONFIG", b"SET", b"requirepass", b""]), (second, ours, "PING"), (second, ours, "ECHO x")]
        for redis, client, words in sequence:
            assert (words, await wire.send(words, client)) == (words, redis.send(words))
    finally:
        first.send([b"CONFIG", b"SET", b"requirepass", b""])
        first.close()
        second.close()


@pytest.mark.parametrize("protocol", [2, 3])
async def test_hello_has_the_fields_of_redis(protocol: int, wire: Wire, redis: Redis):
    ours, theirs = await wire.ask(f"HELLO {protocol}"), decode(redis.send(f"HELLO {protocol}"))
    if protocol == 3:
        assert list(ours) == list(theirs)
        assert [type(value) for value in ours.values()] == [type(value) for value in theirs.values()]
        assert {name: ours[name] for name in ("server", "proto", "mode", "role")} == {
            name: theirs[name] for name in ("server", "proto", "mode", "role")
        }
    else:
        assert ours[::2] == theirs[::2]
        assert [type(value) for value in ours] == [type(value) for value in theirs]


FIELDS_OF_LATER_VERSIONS = {"watch", "lib-name", "lib-ver"}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("words", ["CLIENT INFO", "CLIENT LIST", "CLIENT LIST TYPE normal"])
async def test_client_lines_have_the_fields_of_redis(words: str, protocol: int, wire: Wire, redis: Redis):
    await wire.send(f"HELLO {protocol}")
    redis.send(f"HELLO {protocol}")
    ours, theirs = (await wire.send(words)).decode(), redis.send(words).decode()
    assert (ours[0], ours[-3:]) == (theirs[0], theirs[-3:])
    line, other = _fields(ours), _fields(theirs)
    assert [name for name in line if name not in FIELDS_OF_LATER_VERSIONS] == list(other)
    same = ("name", "flags", "db", "sub", "psub", "ssub", "multi", "events", "cmd", "user", "redir", "resp", "omem")
    assert {name: line[name] for name in same} == {name: other[name] for name in same}


def _fields(reply: str) -> dict[str, str]:
    text = next(line for line in reply.splitlines() if "id=" in line)
    return dict(field.split("=", 1) for field in text.removeprefix("txt:").split(" "))


STANDARD = "ping echo quit reset hello auth select client|id client|getname client|setname client|info client|list client|help".split()
STANDARD += "command command|count command|list command|info command|docs command|help info time shutdown".split()
STANDARD += "config config|get config|set config|resetstat config|help multi discard dbsize".split()


@pytest.mark.parametrize("name", STANDARD)
async def test_command_info_tells_what_redis_tells(name: str, wire: Wire, redis: Redis):
    """But for `allow_busy`, which is about scripts."""
    ours, theirs = (await wire.ask(f"COMMAND INFO {name}"))[0], decode(redis.send(f"COMMAND INFO {name}"))[0]
    theirs[2] = [flag for flag in theirs[2] if flag != "allow_busy"]
    assert ours[:7] == theirs[:7]


async def test_container_lines_begin_and_end_as_those_of_redis(wire: Wire, redis: Redis):
    for container in ("CLIENT", "CONFIG", "COMMAND"):
        ours, theirs = await wire.ask(f"{container} HELP"), decode(redis.send(f"{container} HELP"))
        assert ours[0] == theirs[0]
        assert ours[-2:] == theirs[-2:]
        assert (await wire.send(f"{container} HELP")).startswith(b"*%d\r\n+%b <sub" % (len(ours), container.encode()))
