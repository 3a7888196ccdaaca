"""Where this server is not to answer byte for byte what a real redis-server answers, and why. Redis is 7.0.15, this server like 7.4."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from tests.mcserver.commands.duel import Tree
from tests.mcserver.commands.phrases import POOLS

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
    "latency|doctor": "a text of its own",
    "latency|graph": "measured",
    "latency|histogram": "measured",
    "latency|history": "measured",
    "latency|latest": "measured",
    "lolwut": "tells the version",
    "memory|doctor": "a text of its own",
    "memory|malloc-stats": "a text of its own",
    "memory|purge": "the C library is another",
    "memory|stats": "measured",
    "module|list": "this server's commands are a module",
    "monitor": "shows the control connection; compared in tests of its own",
    "save": "persistence is another",
    "shutdown": "ends the server",
    "slowlog|get": "measured; no entries of it are compared",
    "time": "a time",
}
"""Commands and containers that are not compared, and why."""

COMPARED = ("ACL CAT", "CLIENT LIST ID 99999", "COMMAND LIST FILTERBY", "SLOWLOG GET 0")
"""What of them is."""

SKIPPED = {
    r"ACL SETUSER default": "it is the user of the control connection",
    r"\S+ HELP": "texts of its own",
    r"SELECT [1-9]": "there is one database",
    r"COMMAND INFO$": "other commands",
    r"COMMAND GETKEYS(ANDFLAGS)? \S+$": "7.0 wants one argument more",
    r"ACL CAT$": "other categories",
    r"CONFIG GET (.* )?\*( |$)": "other settings",
    r"HELLO \S* AUTH \S* \S* (?!SETNAME me$)": "since 7.2 all options are looked at before the password is",
    r"CONFIG SET (.* )?(proto-max-bulk-len|client-query-buffer-limit) ( |$)": "Redis takes no number of bytes at all for 0",
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
    items = reply[1]
    if not isinstance(items, list) or len(items) % 2 or not any(kind == b"$" and name in SETTINGS for kind, name in items[::2]):
        return reply
    return reply[0], [part for pair in sorted(zip(items[::2], items[1::2], strict=True)) for part in pair]


SETTINGS = {name.lower() for name in POOLS["parameter"]}


def unordered(reply: Tree) -> Tree:
    """A list of channels or of commands in one order."""
    items = reply[1]
    if not isinstance(items, list) or not all(kind == b"$" for kind, _ in items) or _event(reply).endswith(b"message"):
        return reply
    texts = [text for _, text in items]
    listed = any(text in POOLS["channel"] for text in texts) or b"publish" in texts or b"multi" in texts
    return (reply[0], sorted(items, key=lambda item: item[1] or b"")) if listed else reply


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
            rb"(?:this user has no permissions to access one of the|No permissions to access a) (key|channel)(?:s used as arguments)?",
            rb"may not use a \1",
        ),
    ),
]


def comparable_words(words: Sequence[bytes]) -> bool:
    """Whether nothing said here speaks against comparing the replies to these words."""
    text = b" ".join(words).decode("latin-1")
    if any(re.match(pattern, text, re.IGNORECASE) for pattern in SKIPPED):
        return False
    container, full = full_names(words)
    return not ({full, f"{container}|*"} & EXCLUDED.keys()) or text.upper().startswith(COMPARED)


def full_names(words: Sequence[bytes]) -> tuple[str, str]:
    """The name of the command, and that of the subcommand if the second word is one."""
    container = words[0].decode("latin-1").lower()
    return container, "|".join([container, *(word.decode("latin-1").lower() for word in words[1:2])])


def comparable(replies: Sequence[Tree], ids: Mapping[bytes, bytes]) -> list[Tree]:
    """What was heard on one connection, without the differences; `ids` gives integers that are ids another form.

    Messages come last, and aggregates as their head followed by their items: before 7.2 a message to oneself stands before the reply, or
    in the middle of that of EXEC.
    """
    messages: list[Tree] = []
    rest = [token for reply in _ordered(map(_plain, replies)) for token in _flat(reply, messages, ids)]
    return rest + [token for message in _ordered(messages) for token in _flat(message, None, ids)]


def _plain(reply: Tree) -> Tree:
    kind, content = reply
    reply = (kind, [_plain(item) for item in content] if isinstance(content, list) else content)
    for difference in DIFFERENCES:
        reply = difference.plain(reply)
    return reply


def _flat(reply: Tree, messages: list[Tree] | None, ids: Mapping[bytes, bytes]) -> Iterator[Tree]:
    kind, content = reply
    if messages is not None and kind == b">" and _event(reply).endswith(b"message"):
        messages.append(reply)
    elif isinstance(content, list):
        yield kind, b"%d" % len(content)
        for item in content:
            yield from _flat(item, messages, ids)
    else:
        yield kind, ids.get(content or b"", content) if kind == b":" else content


def _ordered(replies: Iterable[Tree]) -> Iterator[Tree]:
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
