"""The usage line of a command, as in `model query [EX seconds | PX milliseconds] [TAGS n tag ...]`, parsed into the argument tree that
COMMAND DOCS, COMMAND INFO, the arity and the key position are made from.

Grammar: a lower-case word is a value, an upper-case word a keyword (with the values behind it, up to the next keyword), `[...]` is
optional, `<...>` groups, `|` separates alternatives, `...` says that what stands before it may be repeated: the last value behind a
keyword, without one the whole group, as in `[setting value ...]`. `id [id ...]` says that there is at least one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

__all__ = ["Argument", "arity", "key_position", "parse_usage"]

_KEYS = frozenset(["key", "model"])
_INTEGERS = frozenset(
    "n id seconds milliseconds unix-time-seconds unix-time-milliseconds count cursor index protover client-id timeout".split()
)
_DOUBLES = frozenset(["threshold"])
_TOKEN = re.compile(r"[\[\]<>|]|\.\.\.|[^\s\[\]<>|]+")


@dataclass(frozen=True, slots=True)
class Argument:
    """One node of the tree. kind: string, integer, double, key, pure-token, oneof or block, as COMMAND DOCS names them.

    token: the keyword that stands before it; of a pure-token, the keyword it is.
    """

    name: str
    kind: str
    token: str = ""
    optional: bool = False
    multiple: bool = False
    children: tuple["Argument", ...] = ()


def parse_usage(usage: str) -> tuple[Argument, ...]:
    """The argument tree of a usage line. Raises ValueError for a line that is not in the grammar."""
    tokens = _TOKEN.findall(usage)
    try:
        arguments, rest = _sequence(tokens, 0, "")
    except ValueError as error:
        raise ValueError(f"{error} in usage line: {usage}") from None
    if rest != len(tokens):
        raise ValueError(f"unexpected '{tokens[rest]}' in usage line: {usage}")
    return arguments


def arity(arguments: Sequence[Argument]) -> int:
    """Redis' arity: the number of words with the command's name, negative where that is only the least."""
    least = 1 + sum(_least(argument) for argument in arguments)
    return least if all(_fixed(argument) for argument in arguments) else -least


def key_position(arguments: Sequence[Argument]) -> int:
    """Position of the key among the words of the command, 0 where it has none."""
    return 1 if arguments and arguments[0].kind == "key" else 0


def _sequence(tokens: list[str], start: int, closing: str) -> tuple[tuple[Argument, ...], int]:
    """Terms up to `closing`; alternatives among them become one `oneof`."""
    alternatives: list[list[Argument]] = [[]]
    position = start
    while position < len(tokens) and tokens[position] not in {"]", ">"}:
        terms, token = alternatives[-1], tokens[position]
        position += 1
        if token == "|":
            alternatives.append([])
        elif token == "...":
            terms.append(replace(_last(terms), multiple=True))
        elif token in {"[", "<"}:
            inner, position = _sequence(tokens, position, "]" if token == "[" else ">")
            _add_group(terms, inner, optional=token == "[")
        else:
            terms.append(_word(token))
    if closing:
        if position == len(tokens) or tokens[position] != closing:
            raise ValueError(f"missing '{closing}'")
        position += 1
    return _choose([tuple(_attach(terms)) for terms in alternatives]), position


def _last(terms: list[Argument]) -> Argument:
    if not terms:
        raise ValueError("nothing to repeat before '...'")
    return terms.pop()


def _add_group(terms: list[Argument], inner: tuple[Argument, ...], *, optional: bool) -> None:
    group = _group(inner)
    once = group.children if group.kind == "block" else (replace(group, multiple=False),)
    if optional and group.multiple and tuple(terms[-len(once) :]) == once:  # `id [id ...]`
        terms[-len(once) :] = [group]
    else:
        terms.append(replace(group, optional=True) if optional else group)


def _choose(branches: list[tuple[Argument, ...]]) -> tuple[Argument, ...]:
    if len(branches) == 1:
        return branches[0]
    options = tuple(_group(branch) for branch in branches)
    return (Argument("-or-".join(option.name for option in options), "oneof", children=options),)


def _attach(terms: list[Argument]) -> Iterator[Argument]:
    """Put each keyword together with the values behind it."""
    position = 0
    while position < len(terms):
        term = terms[position]
        position += 1
        values: list[Argument] = []
        if term.kind == "pure-token" and not term.optional:
            while position < len(terms) and not (terms[position].token or terms[position].optional):
                values.append(terms[position])
                position += 1
        if not values:
            yield term
        elif len(values) == 1:
            yield replace(values[0], token=term.token)
        else:
            yield Argument(term.name, "block", token=term.token, children=tuple(values))


def _group(arguments: tuple[Argument, ...]) -> Argument:
    if not arguments:
        raise ValueError("nothing between brackets or bars")
    first, last = arguments[0], arguments[-1]
    if len(arguments) == 1:
        return first
    if last.multiple and not any(argument.token or argument.optional for argument in arguments):  # `[setting value ...]`: the pair
        return Argument(first.name, "block", multiple=True, children=(*arguments[:-1], replace(last, multiple=False)))
    return Argument(first.name, "block", children=arguments)


def _word(word: str) -> Argument:
    if word.upper() == word and word.lower() != word:
        return Argument(word.lower(), "pure-token", token=word)
    if word in _KEYS:
        return Argument(word, "key")
    if word in _INTEGERS:
        return Argument(word, "integer")
    return Argument(word, "double" if word in _DOUBLES else "string")


def _least(argument: Argument) -> int:
    """How few words the argument can be."""
    if argument.optional:
        return 0
    words = 1 if argument.token and argument.kind != "pure-token" else 0
    if argument.kind == "oneof":
        return words + min(_least(child) for child in argument.children)
    if argument.kind == "block":
        return words + sum(_least(child) for child in argument.children)
    return words + 1


def _fixed(argument: Argument) -> bool:
    """Whether it is always that many words."""
    if argument.optional or argument.multiple:
        return False
    if argument.kind == "oneof" and len({_least(child) for child in argument.children}) > 1:
        return False
    return all(_fixed(child) for child in argument.children)
