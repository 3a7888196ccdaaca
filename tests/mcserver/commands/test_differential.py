"""Random standard commands, on connections side by side, to a real redis-server and to this one: the same bytes from both.

What is different on purpose, and what is not compared, stands in tests.mcserver.commands.differences with the reasons.
"""

import re
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e.conftest import RunningServer
from tests.embedding.tiny_model import TinyModel
from tests.mcserver.commands.differences import EXCLUDED, comparable, comparable_words, full_names
from tests.mcserver.commands.duel import Heard, Side, Tree
from tests.mcserver.commands.phrases import POOLS, commands, phrases

CONNECTIONS = 3
IDS_ABOVE = 200
"""Ids of connections are larger, so that no other number of a reply is taken for one."""


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
            self._forget_users(side)
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
            for name, value in defaults:
                assert side.command(b"CONFIG", b"SET", name, value) == (b"+", b"OK"), name
            side.hear()

    def _forget_users(self, side: Side) -> None:
        """Those that the last example made, in its last moment perhaps: a command that a pause held may still be run, or not any more."""
        _, users = side.command(b"ACL", b"USERS")
        side.command(b"ACL", b"DELUSER", b"nobody", *(name for _, name in users if name != b"default"))

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
        theirs, ours = self._commands
        return not any((name in theirs) != (name in ours) for name in full_names(words)) and comparable_words(words)

    def say(self, number: int, words: list[bytes]) -> tuple[object, object]:
        """What is heard from them and from us."""
        self.theirs.send(number, words)
        expected = self.theirs.hear()
        self.ours.send(number, words)
        found = self.ours.hear_as_much(expected)
        if words[0].lower() == b"quit" and not expected[number].replies:
            # After CLIENT REPLY OFF: Redis closes when the reply is sent, and so never.
            for side, heard in ((self.theirs, expected), (self.ours, found)):
                heard[number].closed = side.peers[number].heard.closed = True
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


def _comparable(side: Side, heard: list[Heard]) -> list[tuple[list[Tree], bool]]:
    """Without the differences; ids of connections are written as the connection's number."""
    ids = {b"%d" % peer.id: b"<%d>" % number for number, peer in enumerate(side.peers) if peer.id}
    return [(comparable(one.replies, ids), one.closed) for one in heard]


def _command_names(side: Side) -> set[str]:
    _, names = side.command(b"COMMAND", b"LIST")
    found = {name.decode() for _, name in names}
    for container in "acl client config command function latency memory module object pubsub script slowlog".split():
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


Step = tuple[int, list[bytes]]
STEPS = st.lists(st.tuples(st.integers(0, CONNECTIONS - 1), commands()), min_size=10, max_size=40)


@pytest.mark.parametrize("protocol", [2, 3])
@settings(deadline=None, max_examples=100)
@given(steps=STEPS)
def test_replies_are_those_of_redis(steps: list[Step], protocol: int, duel: Duel):
    play(steps, protocol, duel=duel)


# On connection 0 where there is no number.
FOUND = [
    "MULTI; EXEC x; EXEC",
    "SUBSCRIBE one; EXEC; UNSUBSCRIBE one; EXEC",
    "CLIENT REPLY SKIP; RESET; PING",
    "CLIENT KILL USER alice x",
    "CONFIG GET TIMEOUT timeout TIM*; CONFIG GET timeout Timeout",
    "SWAPDB 0 9223372036854775807; SWAPDB 2147483648 0",
    f"HELLO 3 {'w' * 150}",
    "PSUBSCRIBE * [a-] o*; 1 PUBLISH one x; 1 PUBLISH - x; 1 PUBLISH a x",
    "HELLO 3; SUBSCRIBE one; MULTI; PUBLISH one x; UNSUBSCRIBE; EXEC; PING",
    "ACL SETUSER alice on >pw +@all ~* &*; 1 AUTH alice pw; ACL DELUSER alice; 1 PING",
    "CLIENT PAUSE 30; 1 PING; DEL nokey; CLIENT PAUSE 30 WRITE; 1 PUBLISH one x; 2 PING; CLIENT UNPAUSE",
    "CONFIG SET requirepass pw; 1 PING; 2 RESET; 2 PING; 2 HELLO 3 AUTH default pw SETNAME me; 2 EXEC",
]


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("text", FOUND)
def test_what_was_different_once_is_not_any_more(text: str, protocol: int, duel: Duel):
    steps = [step.split() for step in text.split(";")]
    play([(int(step[0]), _words(step[1:])) if step[0].isdigit() else (0, _words(step)) for step in steps], protocol, duel=duel)


def play(steps: Sequence[Step], protocol: int, *, duel: Duel) -> None:
    """Say it to both servers, and compare."""
    duel.begin(protocol)
    try:
        for number, drawn in steps:
            words = duel.meant(drawn)
            if duel.compared(words):
                theirs, ours = duel.say(number, words)
                assert ours == theirs, (number, words)
                duel.reopen()
    finally:
        duel.end()


def _words(words: Sequence[str]) -> list[bytes]:
    return [word.encode() for word in words]


def test_every_phrase_is_compared(duel: Duel):
    first_words = [[POOLS[word.decode()][0] if word.decode() in POOLS else word for word in phrase] for phrase in phrases()]
    assert [words for words in map(duel.meant, first_words) if not duel.compared(words)] == []
