"""The key space as a whole: a model is a key. A user is shown the models that it may reach, as if there were no others."""

import random
import re
from typing import Any

from mcserver.cache.models import TYPE_NAME
from mcserver.context import Call, Result
from mcserver.table import Family
from protocol.arguments import Arguments, choice, integer
from protocol.errors import SYNTAX_ERROR, CommandError
from protocol.reply import OK
from protocol.text import decode

__all__ = ["family"]

family = Family("generic")

DEFAULT_COUNT = 10

_CURSOR = re.compile(rb"(?:(?P<sign>[+-]?)(?=[0-9])0*(?P<digits>[0-9]{0,20}))?")
"""What strtoul takes, as Redis lets it: a sign, zeros in front, and nothing at all for 0."""

_CURSORS = 1 << 64
_OPTION = choice("MATCH", "COUNT", "TYPE")


@family.command(
    "SCAN",
    "cursor [MATCH pattern] [COUNT count] [TYPE type]",
    summary="Goes through the names of the models, some at a time.",
    flags="readonly",
    complexity="O(log N) for every call, O(N) for all N models",
)
def scan(call: Call) -> object:
    """Reply: the next cursor (0 at the end) and names. Every model that is there from the first call to the last is among them."""
    cursor = call.arguments.take("cursor", _cursor)
    options = _scan_options(call.arguments)
    count, pattern = options.get("COUNT", DEFAULT_COUNT), options.get("MATCH", "*")
    following, names = call.cache.models.page(cursor, count=count, pattern=pattern, user=call.client.user)
    return [str(following), names if options.get("TYPE", TYPE_NAME).lower() == TYPE_NAME else []]


@family.command(
    "KEYS",
    "pattern",
    summary="Lists the models whose names fit a pattern.",
    flags="readonly",
    categories="dangerous",
    complexity="O(N) with N models",
)
def keys(call: Call) -> object:
    """Reply: an array of names."""
    return call.cache.models.names(call.arguments.take("pattern", _any_text), user=call.client.user)


@family.command("RANDOMKEY", "", summary="Returns the name of a model, any of them.", flags="readonly", complexity="O(N) with N models")
def random_key(call: Call) -> object:
    """Reply: a name; nil where there is none."""
    seen = list(call.cache.models.seen(call.client.user))
    return random.choice(seen).name if seen else None  # noqa: S311 - no secret depends on it


@family.command("DBSIZE", "", summary="Returns the number of models.", flags="readonly fast")
def database_size(call: Call) -> object:
    """Reply: an integer."""
    return len(call.cache.models.seen(call.client.user))


@family.command(
    "FLUSHALL",
    "[ASYNC | SYNC]",
    summary="Removes the entries of all models.",
    flags="write",
    categories="dangerous",
    complexity="O(N) with N models",
    deferred=True,
)
def flush_all(call: Call) -> Result:
    """Reply: OK. Models and their settings stay, as after MC.TRUNCATE of each."""
    if len(call.arguments) > 1:
        raise CommandError(SYNTAX_ERROR)
    if len(call.arguments):
        call.arguments.take("mode", choice("ASYNC", "SYNC"))
    return call.cache.admin.truncate_all(now=call.now, finish=lambda _: OK)


@family.command(
    "FLUSHDB",
    "[ASYNC | SYNC]",
    summary="Removes the entries of all models.",
    flags="write",
    categories="dangerous",
    complexity="O(N) with N models",
    deferred=True,
)
def flush_database(call: Call) -> Result:
    """As FLUSHALL: there is one database."""
    return flush_all(call)


def _scan_options(arguments: Arguments) -> dict[str, Any]:
    """As Redis reads them: each may be given again, and the last counts."""
    options: dict[str, Any] = {}
    while len(arguments):
        name = arguments.take("option", _OPTION)
        options[name] = arguments.take(name, _count if name == "COUNT" else _any_text)
    return options


def _cursor(arguments: Arguments, name: str) -> int:
    found = _CURSOR.fullmatch(arguments.pop())
    value = int(found["digits"] or 0) if found else 0
    if found is None or value >= _CURSORS:
        raise CommandError("invalid cursor")
    return -value % _CURSORS if found["sign"] == b"-" else value


def _count(arguments: Arguments, name: str) -> int:
    value = integer()(arguments, name)
    if value < 1:
        raise CommandError(SYNTAX_ERROR)
    return value


def _any_text(arguments: Arguments, name: str) -> str:
    """What is no UTF-8 fits no name, which Redis does not mind."""
    return decode(arguments.pop())
