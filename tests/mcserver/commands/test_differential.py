"""Random standard commands, on connections side by side, to a real redis-server and to this one: the same bytes from both.

What is different on purpose stands in `DIFFERENCES`, with the reason; what is not drawn at all in `EXCLUDED`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.e2e.conftest import RunningServer
from tests.embedding.tiny_model import TinyModel
from tests.mcserver.commands.duel import Heard, Side, Tree
from tests.mcserver.commands.phrases import POOLS, commands, phrases

CONNECTIONS = 3
IDS_ABOVE = 200
"""Ids of connections are larger, so that no other number of a reply is taken for one."""

EXCLUDED = {
    "acl|cat": "other commands; shared categories are compared as far as their commands are shared",
    "acl|genpass": "random",
    "acl|load": "reads a file",
    "acl|log": "ages and addresses",
    "acl|save": "writes a file",
    "bgrewriteaof": "persistence is another",
    "bgsave": "persistence is another",
    "client|info": "ages and memory; the fields are compared in test_as_redis",
    "client|list": "as CLIENT INFO; where it lists nobody it is compared",
    "cluster|*": "without cluster mode Redis refuses everything, this server answers as a single node",
    "command": "other commands",
    "command|count": "other commands",
    "command|docs": "texts of its own",
    "command|list": "other commands; with a filter on shared ones it is compared",
    "config|rewrite": "writes a file",
    "debug": "sleeps and crashes",
    "info": "tells of the machine",
    "lastsave": "a time",
    "latency|*": "measured, or text; LATENCY RESET is compared",
    "lolwut": "tells the version",
    "memory|*": "measured, or text; MEMORY USAGE is compared",
    "monitor": "shows the control connection; compared in tests of its own",
    "save": "persistence is another",
    "shutdown": "ends the server",
    "slowlog|get": "measured; no entries of it are compared",
    "time": "a time",
}
"""Commands and containers that are not compared, and why."""

COMPARED = ("ACL CAT", "CLIENT LIST ID 99999", "COMMAND LIST FILTERBY", "LATENCY RESET", "MEMORY USAGE", "SLOWLOG GET 0")
"""What of them is."""

SKIPPED = {
    r"ACL SETUSER default": "it is the user of the control connection",
    r"\S+ HELP": "texts of its own",
    r"SELECT [1-9]": "there is one database",
    r"COMMAND INFO$": "other commands",
    r"COMMAND GETKEYS(ANDFLAGS)? \S+$": "7.0 wants one argument more",
    r"ACL CAT$": "other categories",
    r"HELLO \S+ AUTH \S+ \S+ (?!SETNAME me$)": "since 7.2 all options are looked at before the password is",
    r"SWAPDB .*[1-9]": "there is one database",
}
"""Words that are not compared, and why."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Part of a reply that is different on purpose, or by chance: `plain` makes it the same."""

    reason: str
    plain: Callable[[Tree], Tree]


def error(pattern: bytes, same: bytes) -> Callable[[Tree], Tree]:
    """Of an error's text, also where ACL DRYRUN tells it."""
    return lambda reply: (reply[0], re.sub(pattern, same, reply[1])) if reply[0] in b"-$" and isinstance(reply[1], bytes) else reply


def greeting(reply: Tree) -> Tree:
    """HELLO's reply without what is the server's own."""
    items = reply[1]
    if not isinstance(items, list) or items[:1] != [(b"$", b"server")]:
        return reply
    return reply[0], [item for name, value in zip(items[::2], items[1::2], strict=True) if name[1] not in OWN for item in (name, value)]


OWN = {b"version", b"id", b"modules"}


def settings_by_name(reply: Tree) -> Tree:
    """CONFIG GET's reply in one order."""
    kind, items = reply
    if not isinstance(items, list) or len(items) % 2 or not items or items[0][1] not in SETTINGS:
        return reply
    return kind, [part for pair in sorted(zip(items[::2], items[1::2], strict=True)) for part in pair]


SETTINGS = {name.lower() for name in POOLS["parameter"]}


def unordered(reply: Tree) -> Tree:
    """A list of channels or of commands in one order."""
    items = reply[1]
    if not isinstance(items, list) or not all(kind == b"$" for kind, _ in items):
        return reply
    texts = [text for _, text in items]
    listed = all(text in POOLS["channel"] for text in texts) or b"publish" in texts or b"multi" in texts
    return (reply[0], sorted(items)) if listed else reply


DIFFERENCES = [
    Difference("HELLO tells the server's own version and modules", greeting),
    Difference("Redis lists settings in the order of a hash table", settings_by_name),
    Difference("Redis lists channels, and the commands of a category, in the order of a hash table", unordered),
    Difference(
        "since 7.2 a refused command is told with the user's name",
        error(rb"(?:User \S+|[Tt]his user) has no permissions to run the '([^']*)' command", rb"may not run '\1'"),
    ),
    Difference(
        "since 7.2 a refused key or channel is told in fewer words",
        error(
            rb"(?:this user has no permissions to access one of the (key|channel)s used as arguments|No permissions to access a (key|channel))",
            rb"may not use a \1\2",
        ),
    ),
]


def plain(reply: Tree) -> Tree:
    """The reply as it is compared."""
    kind, content = reply
    reply = (kind, [plain(item) for item in content] if isinstance(content, list) else content)
    for difference in DIFFERENCES:
        reply = difference.plain(reply)
    return reply


def ordered(replies: list[Tree]) -> Iterator[Tree]:
    """Messages to several patterns, and the replies to UNSUBSCRIBE from all, come in the order of a hash table in Redis."""
    for event, group in groupby(replies, _event):
        run = list(group)
        if event == b"pmessage":
            yield from sorted(run)
        elif event.endswith(b"unsubscribe"):
            # What is left counts down, whichever comes first.
            counts = [reply[1][-1] for reply in run]
            for (kind, items), count in zip(sorted(run), counts, strict=True):
                yield kind, [*items[:-1], count]
        else:
            yield from run


def _event(reply: Tree) -> bytes:
    items = reply[1]
    return items[0][1] or b"" if isinstance(items, list) and items and items[0][0] == b"$" else b""


class Duel:
    """The two servers. Both begin each example with the same settings and without users, subscriptions and other clients."""

    def __init__(self, theirs: int, ours: int) -> None:
        self.theirs, self.ours = Side(theirs), Side(ours)
        self.sides = (self.theirs, self.ours)
        self._commands = [_command_names(side) for side in self.sides]
        self._shared = sorted(name for name in self._commands[0] & self._commands[1] if "|" not in name and name not in EXCLUDED)
        for side in self.sides:
            side.open(IDS_ABOVE)
            side.close()
            side.command(b"CONFIG", b"SET", b"slowlog-log-slower-than", b"-1")
        self._settings = [_settings(side) for side in self.sides]

    def begin(self, protocol: int) -> None:
        """Open the connections."""
        for side in self.sides:
            side.open(CONNECTIONS)
            for peer in side.peers:
                peer.ask(b"HELLO", b"%d" % protocol)

    def end(self) -> None:
        """Undo what the example did."""
        for side, defaults in zip(self.sides, self._settings, strict=True):
            side.close()
            for password in POOLS["password"]:
                side.command(b"AUTH", password)
            side.command(b"CLIENT", b"UNPAUSE")
            side.command(b"ACL", b"DELUSER", *(user for user in POOLS["user"] if user != b"default"))
            for name, value in defaults:
                assert side.command(b"CONFIG", b"SET", name, value) == (b"+", b"OK"), name
            side.hear()

    def close(self) -> None:
        """Close what is still open."""
        for side in self.sides:
            side.close()
            side.control.close()

    def meant(self, words: list[bytes]) -> list[bytes]:
        """The words with names of commands that both servers have."""
        return [self._named(word) for word in words]

    def compared(self, words: list[bytes]) -> bool:
        """Whether both servers have this command, or none of them, and nothing speaks against it."""
        text = b" ".join(words).decode("latin-1")
        full = "|".join(text.lower().split(" ")[:2])
        container = full.partition("|")[0]
        if any(((full in one) != (full in other)) or ((container in one) != (container in other)) for one, other in [self._commands]):
            return False
        if any(re.match(pattern, text, re.IGNORECASE) for pattern in SKIPPED):
            return False
        return not ({full, f"{container}|*"} & EXCLUDED.keys()) or text.upper().startswith(COMPARED)

    def say(self, number: int, words: list[bytes]) -> tuple[list[Heard], list[Heard]]:
        """What is heard from them and from us."""
        self.theirs.send(number, words)
        expected = self.theirs.hear()
        self.ours.send(number, words)
        found = self.ours.hear_as_much(expected)
        return _comparable(self.theirs, expected), _comparable(self.ours, found)

    def reopen(self) -> None:
        """Connect again what was closed."""
        for number, peer in enumerate(self.theirs.peers):
            if peer.heard.closed:
                for side in self.sides:
                    side.reopen(number)

    def _named(self, word: bytes) -> bytes:
        found = re.fullmatch(rb"<any:(\d+)>", word, re.IGNORECASE)
        return self._shared[int(found[1]) % len(self._shared)].encode() if found else word


def _comparable(side: Side, heard: list[Heard]) -> list[Heard]:
    """Without the differences; ids of connections are written as the connection's number."""
    ids = {b"%d" % peer.id: b"<%d>" % number for number, peer in enumerate(side.peers) if peer.id}

    def named(reply: Tree) -> Tree:
        kind, content = reply
        if isinstance(content, list):
            return kind, [named(item) for item in content]
        return (kind, ids.get(content, content)) if kind == b":" else reply

    return [Heard(list(ordered([named(plain(reply)) for reply in one.replies])), one.closed) for one in heard]


def _command_names(side: Side) -> set[str]:
    _, names = side.command(b"COMMAND", b"LIST")
    found = {name.decode() for _, name in names}
    for container in ("acl", "client", "config", "command", "latency", "memory", "object", "pubsub", "slowlog", "script", "function"):
        _, infos = side.command(b"COMMAND", b"INFO", container.encode())
        if infos and infos[0][1] is not None:
            found |= {sub[1][0][1].decode() for sub in infos[0][1][9][1]}
    return found


def _settings(side: Side) -> list[tuple[bytes, bytes]]:
    _, pairs = side.command(b"CONFIG", b"GET", *POOLS["parameter"])
    return [(name[1], value[1]) for name, value in zip(pairs[::2], pairs[1::2], strict=True)]


@pytest.fixture(scope="module")
def duel(redis_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duel]:
    folder = tmp_path_factory.mktemp("duel")
    server = RunningServer(folder, TinyModel(folder / "tiny").path)
    try:
        duel = Duel(redis_port, server.port)
        yield duel
        duel.close()
    finally:
        assert server.stop() == 0


STEPS = st.lists(st.tuples(st.integers(0, CONNECTIONS - 1), commands()), min_size=10, max_size=40)


@pytest.mark.parametrize("protocol", [2, 3])
@settings(deadline=None, max_examples=100)
@given(steps=STEPS)
def test_replies_are_those_of_redis(steps: list[tuple[int, list[bytes]]], protocol: int, duel: Duel):
    duel.begin(protocol)
    try:
        for number, drawn in steps:
            words = duel.meant(drawn)
            if not duel.compared(words):
                continue
            note(f"{number}: {words}")
            theirs, ours = duel.say(number, words)
            assert ours == theirs
            duel.reopen()
    finally:
        duel.end()


def test_every_phrase_is_compared(duel: Duel):
    first_words = [[POOLS[word.decode()][0] if word.decode() in POOLS else word for word in phrase] for phrase in phrases()]
    assert [words for words in map(duel.meant, first_words) if not duel.compared(words)] == []
