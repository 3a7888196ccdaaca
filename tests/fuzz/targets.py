"""What the fuzzer calls with bytes of its making. A target returns for all input, or fails: every exception that leaves it is a finding."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from mcserver.access import User
from mcserver.access.description import describe_user
from mcserver.access.file import AclFile, AclFileError
from mcserver.access.rule import RuleError
from mcserver.commands import FAMILIES
from mcserver.settings import Settings
from mcserver.settings.server import TABLE
from mcserver.table import Table
from mcserver.usage import arity, key_position, parse_usage
from protocol.inline import split_words
from protocol.request import Limits
from tests.protocol.streams import cut, outcome, reference, single_bytes

Target = Callable[[bytes], None]

CORPUS = Path(__file__).parent / "corpus"
"""A folder for each target, with inputs to begin with."""

_COMMANDS = Table(FAMILIES)
_SETTINGS = Settings()
_REQUESTS = [
    [b"PING"],
    [b"CONFIG", b"GET", b"dir"],
    [b"SELECT", b"0"],
    [b"MC.GET", b"m", b"q"],
    [b"DEL", b"a", b"team:b"],
    [b"PUBLISH", b"c", b"x"],
]
_LIMITS = (Limits(), Limits(bulk=20, query_buffer=1000), Limits(query_buffer=40), Limits(query_buffer=64, bulk=50))


def request(data: bytes) -> None:
    """The first byte chooses limits and chunks, the rest is what a client sends. Both lanes, and all chunkings, find the same in it."""
    choice, stream = data[0] if data else 0, data[1:]
    limits, authenticated, size = _LIMITS[choice & 3], not choice & 4, 1 + (choice >> 3)
    expected = reference(stream, limits, authenticated=authenticated)
    for pieces in ([stream], single_bytes(stream), cut(stream, range(0, len(stream), size * 3))):
        found = outcome(pieces, limits, authenticated=authenticated)
        assert found == expected, (pieces, found, expected)


def inline(data: bytes) -> None:
    """A line of words. Whatever words it has, they can be quoted and come back."""
    words = split_words(data)
    if words is not None:
        quoted = b" ".join(b'"%b"' % b"".join(b"\\x%02x" % byte for byte in word) for word in words)
        assert split_words(quoted) == words, (words, quoted)


def setting(data: bytes) -> None:
    """A value for every setting: it is taken or refused, and the text shown for what was taken is taken too and shown as it was."""
    text = data.decode("utf-8", "surrogateescape")
    for row in TABLE.values():
        try:
            value = row.parse(text, row.default)
        except ValueError:
            continue
        shown = row.format(value)
        assert row.format(row.parse(shown, row.default)) == shown, (row.name, text, shown)


def acl(data: bytes) -> None:
    """Rules of ACL SETUSER, one a line: followed or refused, and the rules shown for the user make another one like it."""
    user, twin = _user("alice"), _user("bob")
    for rule in data.decode("utf-8", "surrogateescape").split("\n"):
        try:
            user.change([rule])
        except RuleError:
            continue
    shown = describe_user(user)
    twin.change(shown.split(" "))
    assert describe_user(twin) == shown, (shown, describe_user(twin))
    for words in _REQUESTS:
        command = user.commands.table.locate(words)
        assert command is None or twin.denial(command, words) == user.denial(command, words), (words, shown)


def aclfile(data: bytes) -> None:
    """An ACL file: read or refused, and what is written of its users reads back as the same users."""
    with TemporaryDirectory() as folder:
        file = AclFile(Path(folder) / "users.acl")
        file.path.write_bytes(data)
        try:
            users = file.read(_user)
        except AclFileError:
            return
        file.write(users.values())
        again = file.read(_user)
    assert [(name, describe_user(user)) for name, user in again.items()] == [(name, describe_user(user)) for name, user in users.items()]


def usage(data: bytes) -> None:
    """A usage line: a tree of arguments, or an error that names the line."""
    line = data.decode("utf-8", "replace")
    try:
        arguments = parse_usage(line)
    except ValueError as error:
        if line not in str(error):
            raise
        return
    assert abs(arity(arguments)) >= 1 + key_position(arguments), line


def _user(name: str) -> User:
    """A user that may do nothing yet."""
    return User(name, _COMMANDS, _SETTINGS)


TARGETS: dict[str, Target] = {target.__name__: target for target in (request, inline, setting, acl, aclfile, usage)}
