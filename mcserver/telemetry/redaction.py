"""Which words of a command may be shown: in MONITOR, in SLOWLOG, and wherever else a request is written down for people."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mcserver.settings import is_secret
from protocol.text import decode

if TYPE_CHECKING:
    from mcserver.table import Command

__all__ = ["REDACTED", "shorten", "shown"]

REDACTED = b"(redacted)"

_CREDENTIALS = 2
"""HELLO ... AUTH is followed by a user and a password."""


def shown(command: "Command", words: Sequence[bytes]) -> Sequence[bytes]:
    """The words with every secret among them replaced; the words themselves where there is none, as nearly always."""
    hidden = _SECRETS.get(command.name)
    return words if hidden is None else hidden(words)


def shorten(word: bytes, most: int) -> bytes:
    """At most so many bytes of the word, and how many were left out."""
    return word if len(word) <= most else b"%b... (%d more bytes)" % (word[:most], len(word) - most)


def _after_name(words: Sequence[bytes]) -> list[bytes]:
    """AUTH: the user too, since a password is easily typed in its place."""
    return [words[0], *_hide(words[1:])]


def _after_subcommand(words: Sequence[bytes]) -> list[bytes]:
    """ACL SETUSER: which user, with which rules and passwords."""
    return [*words[:2], *_hide(words[2:])]


def _after_auth(words: Sequence[bytes]) -> list[bytes]:
    visible = list(words)
    for place, word in enumerate(words):
        if place > 1 and word.lower() == b"auth":
            visible[place + 1 : place + 1 + _CREDENTIALS] = _hide(words[place + 1 : place + 1 + _CREDENTIALS])
    return visible


def _secret_settings(words: Sequence[bytes]) -> list[bytes]:
    visible = list(words)
    for place in range(3, len(words), 2):
        if is_secret(decode(words[place - 1])):
            visible[place] = REDACTED
    return visible


def _hide(words: Sequence[bytes]) -> list[bytes]:
    return [REDACTED] * len(words)


_SECRETS: dict[str, Callable[[Sequence[bytes]], list[bytes]]] = {
    "auth": _after_name,
    "hello": _after_auth,
    "acl|setuser": _after_subcommand,
    "config|set": _secret_settings,
}
"""The commands that carry secrets, by full name."""
