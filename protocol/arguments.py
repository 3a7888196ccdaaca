"""The argument cursor: a command reads its arguments as its grammar is written.

    LOOKUP = Options(SYSTEM=text(), TAGS=counted(text(limit=128), most=64), EX=integer(minimum=1), PX=integer(minimum=1), NOLOG=flag,
                     exclusive=[("EX", "PX")])

    model = arguments.take("model", text(limit=255))
    query = arguments.take("query", text(limit=1 << 20))
    options = arguments.options(LOOKUP)          # reads to the end: {"SYSTEM": "...", "NOLOG": True}

A reader (`text()`, `integer()`, ...) takes what it needs from the cursor; the name is for its error message. All errors are CommandError:
Redis' words where Redis has any, else what is wrong, with which argument, and the limit.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from protocol.errors import NOT_A_FLOAT, NOT_AN_INTEGER, SYNTAX_ERROR, CommandError
from protocol.number import INTEGER_MAX, INTEGER_MIN, parse_float, parse_integer

__all__ = ["Arguments", "Options", "Reader", "blob", "choice", "counted", "flag", "group", "integer", "number", "text"]

T = TypeVar("T")


class Arguments:
    """What follows the command's name, read from left to right."""

    __slots__ = ("_position", "_values")

    def __init__(self, values: Sequence[bytes]) -> None:
        self._values = values
        self._position = 0

    def __len__(self) -> int:
        """How many are left."""
        return len(self._values) - self._position

    def pop(self) -> bytes:
        """The next argument as it was sent. A syntax error at the end: what is missing there is the value of an option."""
        if self._position == len(self._values):
            raise CommandError(SYNTAX_ERROR)
        value = self._values[self._position]
        self._position += 1
        return value

    def take(self, name: str, reader: "Reader[T]") -> T:
        """What `reader` makes of the next argument or arguments; `name` is what an error calls it."""
        return reader(self, name)

    def rest(self, name: str, reader: "Reader[T]") -> list[T]:
        """One or more of the same, to the end."""
        values = [reader(self, name)]
        while len(self):
            values.append(reader(self, name))
        return values

    def match(self, keyword: str) -> bool:
        """Step over the next argument if it is this keyword, in any case; whether it was."""
        if not len(self) or self._values[self._position].upper() != keyword.encode():
            return False
        self._position += 1
        return True

    def options(self, grammar: "Options") -> dict[str, Any]:
        """Read keywords and their values to the end: only those given, under their upper-case names."""
        return grammar.read(self) if len(self) else {}

    def done(self) -> None:
        """Nothing may be left."""
        if len(self):
            raise CommandError(SYNTAX_ERROR)


Reader = Callable[[Arguments, str], T]


class Options:
    """Keywords in any order and any case, each at most once, at most one of every `exclusive` group. Make it once, at import.

    Anything else is a syntax error, as is a keyword without its value.
    """

    __slots__ = ("_group", "_readers")

    def __init__(self, *, exclusive: Sequence[Sequence[str]] = (), **readers: Reader[Any]) -> None:
        self._readers = {name.encode(): (name, reader) for name, reader in readers.items()}
        if unknown := {name for names in exclusive for name in names} - readers.keys():
            raise ValueError(f"exclusive options that are no options: {', '.join(sorted(unknown))}")
        # An option that stands alone is a group of its own: both rules are then "one of a group".
        self._group: Mapping[str, str] = {name: name for name in readers} | {name: names[0] for names in exclusive for name in names}

    def read(self, arguments: Arguments) -> dict[str, Any]:
        """All options up to the end. Raises CommandError."""
        values: dict[str, Any] = {}
        groups = set()
        while len(arguments):
            name, reader = self._readers.get(arguments.pop().upper(), _UNKNOWN)
            group = self._group.get(name)
            if group is None or group in groups:
                raise CommandError(SYNTAX_ERROR)
            groups.add(group)
            values[name] = reader(arguments, name)
        return values


def flag(arguments: Arguments, name: str) -> bool:
    """The reader of an option that has no value: true where it is given."""
    return True


_UNKNOWN: tuple[str, Reader[Any]] = ("", flag)


def blob(*, limit: int | None = None) -> Reader[bytes]:
    """Bytes as they are, at most `limit` of them."""

    def read(arguments: Arguments, name: str) -> bytes:
        value = arguments.pop()
        if limit is not None and len(value) > limit:
            raise CommandError(f"{name} is too long: {len(value)} bytes, at most {limit}")
        return value

    return read


def text(*, limit: int | None = None) -> Reader[str]:
    """Strict UTF-8 of at most `limit` bytes."""
    read_blob = blob(limit=limit)

    def read(arguments: Arguments, name: str) -> str:
        try:
            return read_blob(arguments, name).decode()
        except UnicodeDecodeError:
            raise CommandError(f"invalid UTF-8 in {name}") from None

    return read


def integer(*, minimum: int = INTEGER_MIN, maximum: int = INTEGER_MAX) -> Reader[int]:
    """A whole number in Redis' strict spelling, both bounds allowed."""

    def read(arguments: Arguments, name: str) -> int:
        value = parse_integer(arguments.pop())
        if value is None:
            raise CommandError(NOT_AN_INTEGER)
        if not minimum <= value <= maximum:
            raise CommandError(f"{name} is out of range, must be {_range(minimum, maximum, INTEGER_MIN, INTEGER_MAX)}")
        return value

    return read


def number(*, minimum: float = float("-inf"), maximum: float = float("inf")) -> Reader[float]:
    """A finite decimal number, both bounds allowed."""

    def read(arguments: Arguments, name: str) -> float:
        value = parse_float(arguments.pop())
        if value is None:
            raise CommandError(NOT_A_FLOAT)
        if not minimum <= value <= maximum:
            raise CommandError(f"{name} is out of range, must be {_range(minimum, maximum, float('-inf'), float('inf'))}")
        return value

    return read


def choice(*keywords: str) -> Reader[str]:
    """One of these keywords, in any case; the keyword as written here. Anything else is a syntax error."""
    known = {keyword.upper().encode(): keyword for keyword in keywords}

    def read(arguments: Arguments, name: str) -> str:
        keyword = known.get(arguments.pop().upper())
        if keyword is None:
            raise CommandError(SYNTAX_ERROR)
        return keyword

    return read


def group(*readers: Reader[Any]) -> Reader[tuple[Any, ...]]:
    """Several arguments that belong together, such as a question and its answer."""

    def read(arguments: Arguments, name: str) -> tuple[Any, ...]:
        return tuple(reader(arguments, name) for reader in readers)

    return read


def counted(reader: Reader[T], *, most: int = INTEGER_MAX) -> Reader[list[T]]:
    """A count of 1 to `most`, then that many of the same: `3 a b c`. Fewer than that is a syntax error."""
    read_count = integer(minimum=1, maximum=most)

    def read(arguments: Arguments, name: str) -> list[T]:
        count = read_count(arguments, f"number of {name}")
        if count > len(arguments):  # before any work, whatever the number says
            raise CommandError(SYNTAX_ERROR)
        return [reader(arguments, name) for _ in range(count)]

    return read


def _range(minimum: float, maximum: float, lowest: float, highest: float) -> str:
    if maximum == highest:
        return f"at least {minimum}"
    if minimum == lowest:
        return f"at most {maximum}"
    return f"between {minimum} and {maximum}"
