"""The ACL file: one user a line, `user <name> <rule> ...`."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mcserver.access.description import describe_user
from mcserver.access.rule import RuleError, UnknownCommandError, apply_rule, has_spaces
from mcserver.access.user import User
from mcserver.replacement import replace_file
from protocol.text import decode, encode

__all__ = ["AclFile", "AclFileError"]


class AclFileError(Exception):
    """The file cannot be read, or lines of it are wrong: the text says where, in Redis' words."""


class AclFile:
    """The file of the setting aclfile."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, make: Callable[[str], User]) -> dict[str, User]:
        """Its users by name, each begun by `make`. Raises AclFileError with everything that is wrong."""
        try:
            text = decode(self.path.read_bytes())
        except OSError as error:
            raise AclFileError(f"Error loading ACLs, opening file '{self.path}': {error.strerror}") from None
        users: dict[str, User] = {}
        errors = [error for number, line in enumerate(text.split("\n"), 1) for error in self._read_line(number, line, users, make)]
        if errors:
            raise AclFileError(" ".join(errors))
        return users

    def write(self, users: Iterable[User]) -> None:
        """Put the users in its place, whole or not at all; digests are nobody else's business. Raises OSError."""
        lines = [f"user {user.name} {describe_user(user)}\n" for user in users]
        replace_file(self.path, encode("".join(lines)))

    def _read_line(self, number: int, line: str, users: dict[str, User], make: Callable[[str], User]) -> Iterator[str]:
        """Take over the user of a line; what is wrong with it."""
        words = line.strip(" \t\r\n").split(" ")
        if words == [""]:
            return
        where = f"{self.path}:{number}"
        if words[0] != "user" or len(words) == 1:
            yield f"{where} should start with user keyword followed by the username."
        elif has_spaces(words[1]):
            yield f"{where}: username '{words[1]}' contains invalid characters."
        elif words[1] in users:
            yield f"WARNING: Duplicate user '{words[1]}' found on line {number}."
        else:
            user = users[words[1]] = make(words[1])
            yield from _apply(user, words[2:], where)


def _apply(user: User, rules: list[str], where: str) -> Iterator[str]:
    """As Redis: of a rule on a command that does not exist it is told which, of others only the first and not what it was, for it may
    hold a password."""
    told = False
    for rule in rules:
        try:
            apply_rule(user, rule.strip("\t\r\n"))
        except UnknownCommandError as error:
            yield f"{where}: Error in applying operation '{rule}': {error}."
        except RuleError as error:
            if not told:
                yield f"{where}: {error}."
            told = True
    user.change(())
