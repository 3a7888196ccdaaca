"""The rules that give a user its rights, as ACL LIST and ACL GETUSER show them.

What is kept is which commands may be run, not by which rules it came to be so. As in Redis the rules are found again: all or nothing, then
the categories that come nearest, then the single commands that are still another way.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mcserver.access.rights import CommandRights
from mcserver.table import CATEGORIES

if TYPE_CHECKING:
    from mcserver.access.user import User

__all__ = ["describe_commands", "describe_user"]


def describe_user(user: "User") -> str:
    """All rules of a user, as they stand behind its name in the ACL file."""
    channels = user.channels.words()
    if not user.channels.everything:
        channels.insert(0, "resetchannels")
    words = [*user.flags(), *(f"#{digest}" for digest in user.passwords), *user.keys.words(), *channels]
    return " ".join([*words, describe_commands(user.commands)])


def describe_commands(rights: CommandRights) -> str:
    """The rules on commands. They are kept: finding them takes a millisecond, and there may be many users."""
    if rights.description is None:
        rights.description = " ".join(_find_rules(rights))
    return rights.description


def _find_rules(rights: CommandRights) -> Iterator[str]:
    shown = CommandRights(rights.table)
    if rights.later:
        shown.allow_everything()
    yield "+@all" if rights.later else "-@all"
    yield from _categories(rights, shown)
    yield from _single_commands(rights, shown)


def _categories(rights: CommandRights, shown: CommandRights) -> Iterator[str]:
    """The categories of which more commands are to be changed than not, best first; `shown` follows."""
    allow, left, candidates = not rights.later, rights.copy(), list(CATEGORIES)
    while (best := _best(left, candidates, allow=allow)) is not None:
        candidates.remove(best)
        shown.change_category(best, allow=allow)
        left.change_category(best, allow=not allow)
        yield f"{_sign(allow=allow)}@{best}"


def _best(left: CommandRights, candidates: list[str], *, allow: bool) -> str | None:
    """The category with the fewest commands that would be wrong, among those the one with the most that would be right."""
    best, rank = None, (0, 0)
    for category in candidates:
        members = [left.holds(command) is allow for command in left.table.everything() if category in command.categories]
        right = sum(members)
        wrong = len(members) - right
        if right > wrong and (best is None or (-wrong, right) > rank):
            best, rank = category, (-wrong, right)
    return best


def _single_commands(rights: CommandRights, shown: CommandRights) -> Iterator[str]:
    for command in rights.table.everything():
        allow = rights.holds(command)
        if allow is not shown.holds(command):
            shown.change(command, allow=allow)
            yield f"{_sign(allow=allow)}{command.name}"
        yield from (f"+{command.name}|{argument}" for argument in rights.first_arguments(command))


def _sign(*, allow: bool) -> str:
    return "+" if allow else "-"
