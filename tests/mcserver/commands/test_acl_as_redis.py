"""ACL: the same words to this server and to a real redis-server, the same bytes back. What the texts of NOPERM are differs by version."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcserver.access import User, describe_commands
from mcserver.access.rule import RuleError
from mcserver.commands import FAMILIES
from mcserver.settings import Settings
from mcserver.table import Table
from tests.mcserver.commands.wire import Redis, Wire, Words, decode

DIGEST = "148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940"  # of the password p

SEQUENCES: dict[str, list[Words]] = {
    "who there is": ["ACL WHOAMI", "ACL USERS", "ACL LIST", "ACL GETUSER default", "ACL GETUSER nobody", "ACL WHOAMI x", "ACL", "ACL FOO"],
    "a new user": ["ACL SETUSER u", "ACL LIST", "ACL GETUSER u", "AUTH u x", "ACL DELUSER u", "ACL DELUSER u", "ACL USERS"],
    "names": [
        [b"ACL", b"SETUSER", b"a b"],
        [b"ACL", b"SETUSER", b"a\0b"],
        [b"ACL", b"SETUSER", b"\xff"],
        [b"ACL", b"SETUSER", b""],
        "ACL USERS",
        "ACL DELUSER default",
        [b"ACL", b"DELUSER", b"\xff", b"", b"nobody"],
        "ACL SETUSER",
        "ACL DELUSER",
        "ACL SETUSER B",
        "ACL SETUSER a",
        "ACL USERS",
    ],
    "on and off": ["ACL SETUSER u on nopass", "AUTH u anything", "RESET", "ACL SETUSER u off", "AUTH u anything", "ACL GETUSER u"],
    "passwords": [
        "ACL SETUSER u on >p >q >p",
        "ACL GETUSER u",
        "AUTH u p",
        "RESET",
        "AUTH u q",
        "RESET",
        "AUTH u r",
        "ACL SETUSER u <q",
        "AUTH u q",
        "ACL SETUSER u <q",
        "ACL SETUSER u nopass",
        "ACL GETUSER u",
        "ACL SETUSER u >p",
        "ACL GETUSER u",
        f"ACL SETUSER u !{DIGEST}",
        "ACL GETUSER u",
        f"ACL SETUSER u #{DIGEST}",
        f"ACL SETUSER u #{DIGEST[:-1]}",
        f"ACL SETUSER u !{DIGEST[:-1]}g",
        f"ACL SETUSER u #{DIGEST.upper()}",
        [b"ACL", b"SETUSER", b"u", b">\xff \0"],
        [b"AUTH", b"u", b"\xff \0"],
        "RESET",
        "ACL GETUSER u",
        "ACL SETUSER u resetpass",
        "ACL GETUSER u",
        "AUTH u p",
    ],
    "flags": [
        "ACL SETUSER u sanitize-payload",
        "ACL GETUSER u",
        "ACL SETUSER u SKIP-sanitize-payload ON",
        "ACL GETUSER u",
        "ACL SETUSER u reset",
        "ACL GETUSER u",
        "ACL SETUSER u clearselectors",
        "ACL LIST",
    ],
    "keys": [
        "ACL SETUSER u ~a* ~b* ~a*",
        "ACL GETUSER u",
        "ACL SETUSER u %R~c %W~d %RW~e %wr~f %r~d %W~a*",
        "ACL GETUSER u",
        "ACL LIST",
        "ACL SETUSER u ~*",
        "ACL GETUSER u",
        "ACL SETUSER u ~x",
        "ACL SETUSER u %R~x",
        "ACL SETUSER u resetkeys ~x",
        "ACL SETUSER u allkeys",
        "ACL SETUSER u resetkeys",
        "ACL GETUSER u",
        "ACL SETUSER u %~x",
        "ACL SETUSER u %",
        "ACL SETUSER u %RR~x",
        "ACL SETUSER u %X~x",
        "ACL SETUSER u %RW",
        "ACL SETUSER u ~",
        [b"ACL", b"SETUSER", b"u", b"~a b"],
        [b"ACL", b"SETUSER", b"u", b"~\xff"],
        "ACL GETUSER u",
    ],
    "channels": [
        "ACL SETUSER u &a* &b &a*",
        "ACL GETUSER u",
        "ACL LIST",
        "ACL SETUSER u &*",
        "ACL GETUSER u",
        "ACL SETUSER u &x",
        "ACL SETUSER u resetchannels &x",
        "ACL SETUSER u allchannels",
        "ACL LIST",
        [b"ACL", b"SETUSER", b"u", b"resetchannels", b"&a\tb"],
        "CONFIG SET acl-pubsub-default allchannels",
        "ACL SETUSER v",
        "ACL SETUSER u reset",
        "ACL GETUSER u",
        "ACL GETUSER v",
        "CONFIG SET acl-pubsub-default resetchannels",
        "CONFIG SET acl-pubsub-default foo",
    ],
    "commands": [
        "ACL SETUSER u +ping",
        "ACL GETUSER u",
        "ACL SETUSER u +PING +Echo -ping",
        "ACL GETUSER u",
        "ACL SETUSER u +@connection",
        "ACL GETUSER u",
        "ACL SETUSER u -echo",
        "ACL GETUSER u",
        "ACL SETUSER u allcommands -@admin",
        "ACL GETUSER u",
        "ACL SETUSER u +config|get",
        "ACL GETUSER u",
        "ACL SETUSER u nocommands +config -config|set",
        "ACL GETUSER u",
        "ACL SETUSER u +config|set",
        "ACL GETUSER u",
        "ACL SETUSER u -@all +select|0 +select|1 +select|0 +SELECT|X +select|x",
        "ACL GETUSER u",
        "ACL LIST",
        "ACL SETUSER u +select",
        "ACL GETUSER u",
        "ACL SETUSER u +@all -client +client|id",
        "ACL GETUSER u",
        "ACL SETUSER u +@all +client|id",
        "ACL GETUSER u",
        "ACL SETUSER u +@all -ping +ping",
        "ACL GETUSER u",
        "ACL SETUSER u -@all +@transaction +@pubsub",
        "ACL GETUSER u",
    ],
    "rules that are wrong": [
        "ACL SETUSER u foo",
        "ACL SETUSER u +nosuch",
        "ACL SETUSER u -nosuch",
        "ACL SETUSER u +@nosuch",
        "ACL SETUSER u -@nosuch",
        "ACL SETUSER u +",
        "ACL SETUSER u +@",
        "ACL SETUSER u +config|",
        "ACL SETUSER u -config|",
        "ACL SETUSER u +config|asdf",
        "ACL SETUSER u -config|asdf",
        "ACL SETUSER u -select|0",
        "ACL SETUSER u +select|",
        "ACL SETUSER u +config|get|appendonly",
        "ACL SETUSER u +select|a|b",
        "ACL SETUSER u +ping on )",
        "ACL GETUSER u",
        "ACL SETUSER u on +ping",
        "ACL SETUSER u off -ping foo",
        [b"ACL", b"SETUSER", b"u", b"", b"on"],
        "ACL GETUSER u",
    ],
    "the user default": [
        "ACL SETUSER default off",
        "ACL LIST",
        "PING",
        "RESET",
        "PING",
        "AUTH x",
        "AUTH default x",
        "HELLO 9",
    ],
    "a password for default": [
        "ACL SETUSER default >x",
        "ACL LIST",
        "CONFIG GET requirepass",
        "RESET",
        "PING",
        "AUTH x",
        "ACL WHOAMI",
        "CONFIG SET requirepass y",
        "ACL LIST",
        "RESET",
        "AUTH x",
        "AUTH y",
        [b"CONFIG", b"SET", b"requirepass", b""],
        "ACL GETUSER default",
    ],
    "generated passwords": ["ACL GENPASS 0", "ACL GENPASS -1", "ACL GENPASS 4097", "ACL GENPASS x", "ACL GENPASS 1 2"],
    "categories": ["ACL CAT nosuch", "ACL CAT a b", "ACL CAT transaction x", [b"ACL", b"CAT", b"\xff" + b"x" * 200]],
    "trying": [
        "ACL SETUSER u +ping +select|0 ~a*",
        "ACL DRYRUN u PING",
        "ACL DRYRUN u select 0",
        "ACL DRYRUN nobody PING",
        "ACL DRYRUN u NOSUCH x",
        "ACL DRYRUN u CONFIG nosuch",
        "ACL DRYRUN u SELECT",
        "ACL DRYRUN u CONFIG GET",
        "ACL DRYRUN u",
        "ACL DRYRUN u AUTH x",
    ],
    "no file": ["ACL LOAD", "ACL SAVE", "ACL LOAD x"],
    "log": ["ACL LOG RESET", "ACL LOG", "ACL LOG 0", "ACL LOG -1", "ACL LOG x", "ACL LOG 1 2", "ACL LOG reset"],
    "a failed login": [
        "ACL SETUSER u on >p +acl|whoami",
        "AUTH u x",
        "HELLO 2 AUTH u y",
        "AUTH u p",
        "AUTH u x",
        "ACL WHOAMI",
        "RESET",
        "ACL WHOAMI",
    ],
    "what nobody may forbid": ["ACL SETUSER u on nopass", "AUTH u x", "HELLO 9", "AUTH default x", "ACL SETUSER u ~a", "AUTH u x", "RESET"],
}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("name", SEQUENCES)
async def test_same_bytes(name: str, protocol: int, wire: Wire, fresh_redis: Redis):
    await wire.send(f"HELLO {protocol}")
    fresh_redis.send(f"HELLO {protocol}")
    for words in SEQUENCES[name]:
        assert (words, await wire.send(words)) == (words, fresh_redis.send(words))


ERRORS: list[Words] = [
    "ACL SETUSER u on >p +@connection +multi +exec +publish ~a* &c",
    "AUTH u wrong",
    "AUTH nobody x",
    "HELLO 2 AUTH u wrong",
    "AUTH u p",
    "CONFIG GET x",
    "CONFIG GET y",
    "config get y",
    "PUBLISH d x",
    "PUBLISH d y",
    "PUBLISH e y",
    "MULTI",
    "PUBLISH d x",
    "CONFIG GET x",
    "EXEC",
    "MULTI",
    "AUTH nobody x",
    "EXEC",
    "AUTH default x",
]


@pytest.mark.parametrize("protocol", [2, 3])
async def test_the_log_has_the_entries_of_redis(protocol: int, wire: Wire, fresh_redis: Redis):
    """But for when they were, and which connection it was; ids and times of entries came with later versions."""
    for words in [f"HELLO {protocol}", *ERRORS]:
        await wire.send(words)
        fresh_redis.send(words)
    ours, theirs = await wire.ask("ACL LOG 100"), decode(fresh_redis.send("ACL LOG 100"))
    assert [comparable(entry) for entry in ours] == [comparable(entry) for entry in theirs]
    assert len(ours) == 9


def comparable(entry: object) -> dict[str, object]:
    if isinstance(entry, list):
        entry = dict(zip(entry[::2], entry[1::2], strict=True))
    assert isinstance(entry, dict)
    of_redis = ["count", "reason", "context", "object", "username", "age-seconds", "client-info"]
    assert [name for name in entry if name not in {"entry-id", "timestamp-created", "timestamp-last-updated"}] == of_redis
    assert isinstance(entry["age-seconds"], float | str)
    assert f"user={entry['username']}" in entry["client-info"] or entry["reason"] == "auth"
    return {name: entry[name] for name in of_redis[:5]}


STANDARD = "whoami users list getuser setuser deluser cat genpass log dryrun load save help".split()


@pytest.mark.parametrize("name", ["acl", *(f"acl|{sub}" for sub in STANDARD)])
async def test_command_info_tells_what_redis_tells(name: str, wire: Wire, redis: Redis):
    ours, theirs = (await wire.ask(f"COMMAND INFO {name}"))[0], decode(redis.send(f"COMMAND INFO {name}"))[0]
    assert ours[:7] == theirs[:7]


async def test_categories_are_those_of_redis_and_ours(wire: Wire, redis: Redis):
    known = [category for category in decode(redis.send("ACL CAT")) if await wire.ask(f"ACL CAT {category}")]
    assert await wire.ask("ACL CAT") == [*known, "semantic"]
    for category in decode(redis.send("ACL CAT")):
        assert await wire.ask(f"ACL SETUSER u +@{category}") == "OK"


@pytest.mark.parametrize("rule", ["on nopass +get ~a", "off sanitize-payload allchannels", "%R~a %W~b &c &d -@all +@transaction -exec"])
async def test_a_line_of_the_list_makes_the_same_user_again(rule: str, wire: Wire):
    rule = rule.replace("+get", "+mc.get")
    await wire.send(f"ACL SETUSER u {rule}")
    line = (await wire.ask("ACL LIST"))[1]
    assert line.startswith("user u ")
    await wire.send("ACL SETUSER v reset " + line.removeprefix("user u "))
    again = (await wire.ask("ACL LIST"))[2]
    assert again.replace("sanitize-payload ", "") == line.replace("user u ", "user v ").replace("sanitize-payload ", "")


SIGNS = [
    "~",
    "%R~",
    "%W~",
    "%RW~",
    "%wr~",
    "%R",
    "%",
    "%X~",
    "&",
    ">",
    "<",
    "#",
    "!",
    "+",
    "-",
    "+@",
    "-@",
    "",
    ")",
    "+config|",
    "-config|",
]
BODIES = [
    "",
    "a",
    "*",
    "a*",
    "b",
    "p",
    DIGEST,
    DIGEST[1:],
    DIGEST.upper(),
    "get",
    "ping",
    "PING",
    "nosuch",
    "all",
    "read",
    "|",
    "x|y",
    "a\tb",
    "\udcff",
]
WORDS = "on off nopass resetpass reset allkeys resetkeys allchannels resetchannels".split()
WORDS += "sanitize-payload skip-sanitize-payload clearselectors".split()
TABLE = Table(FAMILIES)
RULES = st.lists(st.sampled_from(WORDS) | st.tuples(st.sampled_from(SIGNS), st.sampled_from(BODIES)).map("".join), max_size=8)


def outcome(user: User, rule: str) -> str:
    try:
        user.change([rule])
    except RuleError as error:
        return str(error)
    return "OK"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=RULES)
def test_any_rules_make_what_redis_makes_of_them(rules: list[str], redis: Redis):
    """All but what commands there are."""
    rules = [rule for rule in rules if rule not in {"+get", "-get"}]
    redis.send("ACL DELUSER u")
    user = User("u", TABLE, Settings())
    for rule in rules:
        reply = decode(redis.send([b"ACL", b"SETUSER", b"u", rule.encode("utf-8", "surrogateescape")]))
        assert (rule, str(reply).rpartition("': ")[2]) == (rule, outcome(user, rule))
    redis.send("ACL SETUSER u")
    fields = decode(redis.send("ACL GETUSER u"))
    theirs = dict(zip(fields[::2], fields[1::2], strict=True))
    assert (theirs["flags"], theirs["passwords"]) == (user.flags(), user.passwords)
    assert (theirs["keys"], theirs["channels"]) == (" ".join(user.keys.words()), " ".join(user.channels.words()))
    assert theirs["commands"].split()[0] == describe_commands(user.commands).split()[0]
