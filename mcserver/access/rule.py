"""The rules of ACL SETUSER, one word each, and what they make of a user."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcserver.password import hash_password
from mcserver.table import CATEGORIES
from protocol.text import encode

if TYPE_CHECKING:
    from mcserver.access.user import User
    from mcserver.table import Command, Table

__all__ = ["RuleError", "UnknownCommandError", "apply_rule", "has_spaces"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SPACES = re.compile(r"[ \t\n\v\f\r\0]")
_KEY_RULE = re.compile(r"%(?P<permission>r|w|rw|wr)(?:~|\Z)", re.IGNORECASE)

_SYNTAX = "Syntax error"


class RuleError(ValueError):
    """A rule that cannot be followed, in Redis' words."""


class UnknownCommandError(RuleError):
    """A rule on a command or category that does not exist. Its text may be shown: there is no password in it."""

    def __init__(self) -> None:
        super().__init__("Unknown command or category name in ACL")


def has_spaces(text: str) -> bool:
    """Whether the text would not be one word in an ACL file."""
    return _SPACES.search(text) is not None


def apply_rule(user: "User", rule: str) -> None:
    """Change the user as the rule says; an empty one says nothing. Raises RuleError, the user is then as before."""
    if not rule:
        return
    word = _WORDS.get(rule.lower())
    if word is not None:
        word(user)
        return
    kind = _KINDS.get(rule[0])
    if kind is None:
        raise RuleError(_SYNTAX)
    kind(user, rule)


def _enable(user: "User") -> None:
    user.enabled = True


def _disable(user: "User") -> None:
    user.enabled = False


def _sanitize(user: "User") -> None:
    user.sanitize = True


def _skip_sanitize(user: "User") -> None:
    user.sanitize = False


def _drop_passwords(user: "User") -> None:
    user.nopass = False
    user.passwords.clear()


def _need_no_password(user: "User") -> None:
    user.nopass = True
    user.passwords.clear()


def _add_password(user: "User", rule: str) -> None:
    digest = _digest(rule)
    if digest not in user.passwords:
        user.passwords.append(digest)
    user.nopass = False


def _remove_password(user: "User", rule: str) -> None:
    digest = _digest(rule)
    if digest not in user.passwords:
        raise RuleError("The password you are trying to remove from the user does not exist")
    user.passwords.remove(digest)


def _digest(rule: str) -> str:
    """Of the password behind `>` or `<`; what stands behind `#` or `!` is one already."""
    if rule[0] in "><":
        return hash_password(encode(rule[1:]))
    if not _DIGEST.fullmatch(rule[1:]):
        raise RuleError("The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters")
    return rule[1:]


def _add_key_pattern(user: "User", rule: str) -> None:
    if user.keys.everything:
        raise RuleError(_after_everything("allkeys", "resetkeys", "patterns"))
    permission, pattern = "rw", rule[1:]
    if rule[0] == "%":
        found = _KEY_RULE.match(rule)
        if found is None:
            raise RuleError(_SYNTAX)
        permission, pattern = found["permission"].lower(), rule[found.end() :]
    if has_spaces(pattern):
        raise RuleError(_SYNTAX)
    user.keys.add(pattern, read="r" in permission, write="w" in permission)


def _add_channel_pattern(user: "User", rule: str) -> None:
    if user.channels.everything:
        raise RuleError(_after_everything("allchannels", "resetchannels", "channels"))
    if has_spaces(rule):
        raise RuleError(_SYNTAX)
    user.channels.add(rule[1:])


def _after_everything(flag: str, reset: str, noun: str) -> str:
    return (
        f"Adding a pattern after the * pattern (or the '{flag}' flag) is not valid and does not have any effect. "
        f"Try '{reset}' to start with an empty list of {noun}"
    )


def _allow_commands(user: "User", rule: str) -> None:
    if rule[1:2] == "@":
        user.commands.change_category(_category(rule), allow=True)
        return
    name, bar, argument = rule[1:].rpartition("|")
    if not bar:
        user.commands.change(_command(user.commands.table, argument), allow=True)
        return
    command = _command(user.commands.table, name)
    if "|" in command.name:
        raise RuleError("Allowing first-arg of a subcommand is not supported")
    if not argument:
        raise RuleError(_SYNTAX)
    if command.subcommands:
        user.commands.change(_command(user.commands.table, rule[1:]), allow=True)
    else:
        user.commands.allow_first_argument(command, argument)


def _forbid_commands(user: "User", rule: str) -> None:
    if rule[1:2] == "@":
        user.commands.change_category(_category(rule), allow=False)
    else:
        user.commands.change(_command(user.commands.table, rule[1:]), allow=False)


def _command(table: "Table", name: str) -> "Command":
    command = table.named(name)
    if command is None:
        raise UnknownCommandError
    return command


def _category(rule: str) -> str:
    category = rule[2:].lower()
    if category not in CATEGORIES:
        raise UnknownCommandError
    return category


def _refuse_selector(user: "User", rule: str) -> None:
    raise RuleError("Selectors are not supported, give the user its rules without parentheses")


_WORDS: dict[str, Callable[["User"], None]] = {
    "on": _enable,
    "off": _disable,
    "nopass": _need_no_password,
    "resetpass": _drop_passwords,
    "sanitize-payload": _sanitize,
    "skip-sanitize-payload": _skip_sanitize,
    "reset": lambda user: user.reset(),
    "clearselectors": lambda user: None,  # there are none
    "allkeys": lambda user: user.keys.allow_everything(),
    "~*": lambda user: user.keys.allow_everything(),
    "resetkeys": lambda user: user.keys.clear(),
    "allchannels": lambda user: user.channels.allow_everything(),
    "&*": lambda user: user.channels.allow_everything(),
    "resetchannels": lambda user: user.channels.clear(),
    "allcommands": lambda user: user.commands.allow_everything(),
    "+@all": lambda user: user.commands.allow_everything(),
    "nocommands": lambda user: user.commands.forbid_everything(),
    "-@all": lambda user: user.commands.forbid_everything(),
}
"""Rules that are one fixed word, in any letter case."""

_KINDS: dict[str, Callable[["User", str], None]] = {
    ">": _add_password,
    "#": _add_password,
    "<": _remove_password,
    "!": _remove_password,
    "~": _add_key_pattern,
    "%": _add_key_pattern,
    "&": _add_channel_pattern,
    "+": _allow_commands,
    "-": _forbid_commands,
    "(": _refuse_selector,
}
"""All others, by how they begin."""
