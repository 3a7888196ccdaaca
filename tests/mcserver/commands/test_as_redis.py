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
        "COMMAND GETKEYS spublish a b",
        "COMMAND GETKEYS ssubscribe a",
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
    "no keys": [
        "EXISTS",
        "EXISTS a b a",
        "TYPE a",
        "TYPE a b",
        "TTL a",
        "PTTL a",
        "EXPIRETIME a",
        "PEXPIRETIME a",
        "PERSIST a",
        "TOUCH a b",
        "DEL a b",
        "DEL",
        "UNLINK a",
        [b"DEL", b"\xff", b""],
        "OBJECT",
        "OBJECT FOO",
        "OBJECT ENCODING",
        "OBJECT ENCODING a",
        "OBJECT REFCOUNT a",
        "OBJECT IDLETIME a",
        "OBJECT FREQ a",
        "OBJECT FREQ a b",
        "KEYS *",
        "KEYS",
        "KEYS a b",
        "RANDOMKEY",
        "RANDOMKEY x",
        "DBSIZE",
        "DBSIZE x",
    ],
    "scan": [
        "SCAN",
        "SCAN 0",
        "SCAN 7",
        "SCAN -1",
        "SCAN +1",
        "SCAN -18446744073709551615",
        "SCAN -18446744073709551616",
        "SCAN 99999999999999999999999",
        [b"SCAN", b"0" * 5000 + b"7"],
        [b"SCAN", b"9" * 5000],
        "SCAN 18446744073709551615",
        "SCAN 18446744073709551616",
        "SCAN x",
        "SCAN 1x",
        "SCAN +",
        [b"SCAN", b" 1"],
        [b"SCAN", b"1 "],
        [b"SCAN", b""],
        "SCAN 0 MATCH * COUNT 5 TYPE string",
        "SCAN 0 type nosuch match [a",
        "SCAN 0 COUNT 1 COUNT 2",
        "SCAN 0 MATCH a MATCH b",
        "SCAN 0 COUNT",
        "SCAN 0 COUNT 0",
        "SCAN 0 COUNT -1",
        "SCAN 0 COUNT x",
        "SCAN 0 COUNT x FOO",
        "SCAN 0 COUNT 0 COUNT x",
        "SCAN 0 COUNT 99999999999999999999",
        "SCAN 0 MATCH",
        "SCAN 0 FOO",
        "SCAN 0 FOO x",
        "SCAN x FOO",
    ],
    "flush": ["FLUSHALL", "FLUSHALL SYNC", "FLUSHDB async", "FLUSHALL FOO", "FLUSHDB FOO", "FLUSHALL SYNC ASYNC"],
    "keys of commands": [
        "COMMAND GETKEYS del a b c",
        "COMMAND GETKEYS object freq a",
        "COMMAND GETKEYS keys a",
        "COMMAND GETKEYSANDFLAGS",
        "COMMAND GETKEYSANDFLAGS del a b",
        "COMMAND GETKEYSANDFLAGS exists a",
        "COMMAND GETKEYSANDFLAGS touch a b",
        "COMMAND GETKEYSANDFLAGS persist a",
        "COMMAND GETKEYSANDFLAGS pttl a",
        "COMMAND GETKEYSANDFLAGS object encoding a",
        "COMMAND GETKEYSANDFLAGS object encoding",
        "COMMAND GETKEYSANDFLAGS echo a",
        "COMMAND GETKEYSANDFLAGS nosuch a",
        "COMMAND GETKEYSANDFLAGS type a b",
    ],
    "keys in a transaction": ["MULTI", "EXISTS a", "DEL a", "SCAN 0", "KEYS *", "FLUSHALL", "TYPE a", "OBJECT ENCODING a", "EXEC"],
    "unknown commands": [
        "NOSUCH",
        "nosuch a b",
        [b"NOSUCH", b"x" * 200, b"y" * 200],
        [b"n" * 200, b"a\r\nb", b"\xff"],
    ],
    "time": ["TIME x"],
    "slowlog": [
        "SLOWLOG",
        "SLOWLOG foo",
        "CONFIG SET slowlog-log-slower-than -1",
        "SLOWLOG RESET",
        "SLOWLOG RESET x",
        "SLOWLOG LEN",
        "SLOWLOG LEN x",
        "SLOWLOG GET",
        "SLOWLOG GET -1",
        "SLOWLOG GET -2",
        "SLOWLOG GET x",
        "SLOWLOG get 1 2",
        "CONFIG SET slowlog-log-slower-than -2",
        "CONFIG SET slowlog-max-len -1",
        "CONFIG GET slowlog-m*",
        "CONFIG GET slowlog-l*",
        "CONFIG SET slowlog-log-slower-than 10000",
    ],
    "latency": [
        "LATENCY",
        "LATENCY foo",
        "LATENCY RESET",
        "LATENCY LATEST",
        "LATENCY LATEST x",
        "LATENCY HISTORY",
        "LATENCY HISTORY nosuch",
        "LATENCY GRAPH nosuch",
        "LATENCY GRAPH",
        "LATENCY DOCTOR x",
        "LATENCY RESET nosuch nor-this",
        "LATENCY HISTOGRAM nosuch config|nosuch",
        "LATENCY HELP x",
        "CONFIG GET latency-m*",
        "CONFIG GET latency-tracking",
        "CONFIG SET latency-monitor-threshold -1",
        "CONFIG SET latency-tracking-info-percentiles 101",
        "CONFIG SET latency-tracking-info-percentiles x",
        [b"CONFIG", b"SET", b"latency-tracking-info-percentiles", b"0.0 50.0 12.345 100.0"],
        "CONFIG GET latency-tracking-info-percentiles",
        [b"CONFIG", b"SET", b"latency-tracking-info-percentiles", b""],
        "CONFIG GET latency-tracking-info-percentiles",
        [b"CONFIG", b"SET", b"latency-tracking-info-percentiles", b"50 99 99.9"],
    ],
    "latencystats": [
        "CONFIG SET latency-tracking no",
        "CONFIG RESETSTAT",
        "PING",
        "INFO latencystats",
        "LATENCY HISTOGRAM ping",
        "CONFIG SET latency-tracking yes",
        "LATENCY HISTOGRAM ping",
    ],
    "memory": [
        "MEMORY",
        "MEMORY foo",
        "MEMORY USAGE",
        "MEMORY USAGE nosuch",
        "MEMORY USAGE nosuch SAMPLES 0",
        "MEMORY USAGE nosuch samples -1",
        "MEMORY USAGE nosuch SAMPLES x",
        "MEMORY USAGE nosuch SAMPLES",
        "MEMORY USAGE nosuch FOO",
        "MEMORY PURGE",
        "MEMORY PURGE x",
        "MEMORY STATS x",
        "MEMORY DOCTOR x",
        "MEMORY MALLOC-STATS x",
    ],
    "debug": [
        "DEBUG",
        "DEBUG foo",
        "DEBUG SLEEP",
        "DEBUG SLEEP 0",
        "debug sleep 0.001",
        "debug replybuffer resizing 0",
        "debug replybuffer resizing",
        "DEBUG SLEEP 0 0",
        "DEBUG LOG hello",
        "DEBUG ERROR whatever",
        [b"DEBUG", b"ERROR", b"two\r\nlines"],
        "DEBUG SET-ACTIVE-EXPIRE 0",
        "DEBUG SET-ACTIVE-EXPIRE 1",
        "DEBUG PAUSE-CRON 1",
        "DEBUG PAUSE-CRON 0",
        "DEBUG CHANGE-REPL-ID",
        "DEBUG HELP x",
        "DEBUG PROTOCOL",
        "DEBUG PROTOCOL nosuch",
    ],
    "every type of reply": [
        f"DEBUG PROTOCOL {name}"
        for name in "string integer double bignum null array set map attrib push verbatim true false VERBATIM".split()
    ],
    "replication": [
        "ROLE",
        "ROLE x",
        "WAIT",
        "WAIT 0 0",
        "WAIT 1 1",
        "WAIT x x",
        "WAIT 0 x",
        "WAIT 0 -1",
        "REPLICAOF NO ONE",
        "slaveof no one",
        "REPLICAOF host x",
        "REPLICAOF host 65536",
        "REPLICAOF host -1",
        "REPLICAOF NO",
        "FAILOVER",
        "FAILOVER ABORT",
        "FAILOVER ABORT x",
        "FAILOVER foo",
        "FAILOVER TO host",
        "FAILOVER TO host x",
        "FAILOVER TO host 1 TO host 2",
        "FAILOVER TIMEOUT 0",
        "FAILOVER TIMEOUT x",
        "FAILOVER TO host 1 TIMEOUT 5 FORCE",
    ],
    "scripts and functions": [
        "FUNCTION",
        "FUNCTION foo",
        "FUNCTION FLUSH",
        "FUNCTION FLUSH async",
        "FUNCTION FLUSH x",
        "FUNCTION FLUSH SYNC x",
        "FUNCTION LIST",
        "FUNCTION LIST WITHCODE libraryname a*",
        "FUNCTION LIST WITHCODE WITHCODE",
        "FUNCTION LIST LIBRARYNAME",
        "FUNCTION LIST foo",
        "SCRIPT",
        "SCRIPT foo",
        "SCRIPT FLUSH",
        "SCRIPT FLUSH SYNC",
        "SCRIPT FLUSH x",
        "SCRIPT FLUSH SYNC x",
        "SCRIPT EXISTS",
        "SCRIPT EXISTS a b",
    ],
    "modules": ["MODULE", "MODULE foo", "MODULE LIST x", "MODULE LOAD", "MODULE LOAD x", "MODULE UNLOAD x", "MODULE LOADEX x"],
    "cluster": [
        "CLUSTER",
        "CLUSTER foo",
        "CLUSTER INFO",
        "CLUSTER SLOTS",
        "CLUSTER SHARDS",
        "CLUSTER NODES",
        "CLUSTER MYID",
        "CLUSTER KEYSLOT x",
        "CLUSTER KEYSLOT",
        "CLUSTER SLOTS x",
        "READONLY",
        "READWRITE",
        "ASKING",
        "READONLY x",
    ],
    "saving": ["SAVE", "SAVE x", "LASTSAVE x", "BGSAVE x", "BGSAVE SCHEDULE x", "BGREWRITEAOF x", "MULTI", "SAVE", "RESET"],
    "databases": ["SWAPDB", "SWAPDB 0 0", "SWAPDB 0 99", "SWAPDB 99 0", "SWAPDB a b", "SWAPDB 0 b", "SWAPDB 0"],
    "lolwut": ["LOLWUT VERSION x"],
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
STANDARD += "config config|get config|set config|resetstat config|rewrite config|help multi exec discard dbsize".split()
STANDARD += "slowlog slowlog|get slowlog|len slowlog|reset slowlog|help latency latency|latest latency|history latency|graph".split()
STANDARD += "latency|doctor latency|reset latency|histogram latency|help memory memory|usage memory|stats memory|doctor".split()
STANDARD += "memory|purge memory|malloc-stats memory|help debug role wait replicaof slaveof failover module module|list".split()
STANDARD += "module|load module|unload module|loadex module|help cluster cluster|info cluster|slots cluster|shards cluster|nodes".split()
STANDARD += "cluster|myid cluster|keyslot cluster|help readonly readwrite asking save bgsave bgrewriteaof lastsave swapdb lolwut".split()
STANDARD += "function function|flush function|list function|help script script|flush script|exists script|help".split()

STANDARD += "scan keys exists type randomkey del unlink ttl pttl expiretime pexpiretime persist touch flushall flushdb".split()
STANDARD += "object object|encoding object|freq object|idletime object|refcount object|help".split()
STANDARD += "subscribe unsubscribe psubscribe punsubscribe ssubscribe sunsubscribe publish spublish pubsub pubsub|channels".split()
STANDARD += "pubsub|numsub pubsub|numpat pubsub|shardchannels pubsub|shardnumsub pubsub|help".split()
STANDARD += ["client", "client|tracking", "client|trackinginfo", "client|caching", "client|getredir"]


@pytest.mark.parametrize("name", STANDARD)
async def test_command_info_tells_what_redis_tells(name: str, wire: Wire, redis: Redis):
    """But for `allow_busy`, which is about scripts."""
    ours, theirs = (await wire.ask(f"COMMAND INFO {name}"))[0], decode(redis.send(f"COMMAND INFO {name}"))[0]
    theirs[2] = [flag for flag in theirs[2] if flag != "allow_busy"]
    assert ours[:7] == theirs[:7]
    assert ours[8] == theirs[8]


async def test_container_lines_begin_and_end_as_those_of_redis(wire: Wire, redis: Redis):
    for container in ("CLIENT", "CONFIG", "COMMAND", "SLOWLOG", "LATENCY", "MEMORY", "MODULE", "FUNCTION", "SCRIPT", "DEBUG"):
        ours, theirs = await wire.ask(f"{container} HELP"), decode(redis.send(f"{container} HELP"))
        assert ours[0] == theirs[0]
        assert ours[-2:] == theirs[-2:]
        assert (await wire.send(f"{container} HELP")).startswith(b"*%d\r\n+%b <sub" % (len(ours), container.encode()))
