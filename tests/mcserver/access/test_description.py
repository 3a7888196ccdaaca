"""Rules that are shown give the same rights again, whatever rules these came from."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcserver.access import describe_commands
from mcserver.access.rule import RuleError
from mcserver.access.user import User
from mcserver.commands import FAMILIES
from mcserver.settings import Settings
from mcserver.table import CATEGORIES, Table

TABLE = Table(FAMILIES)
NAMES = [command.name for command in TABLE.everything()]
USED = [category for category in CATEGORIES if any(category in command.categories for command in TABLE.everything())]
COMMANDS = st.sampled_from([*NAMES, *(f"@{category}" for category in CATEGORIES), "@all", "select|0", "ping|x"])
RULES = st.lists(st.tuples(st.sampled_from("+-"), COMMANDS).map("".join), max_size=12)


def user(*rules: str) -> User:
    made = User("u", TABLE, Settings())
    for rule in rules:
        try:
            made.change([rule])
        except RuleError:
            assert rule in {"-select|0", "-ping|x"}
    return made


def rights(of: User) -> list[object]:
    return [(name, of.commands.holds(command), list(of.commands.first_arguments(command))) for name, command in _commands()]


def _commands():
    return [(command.name, command) for command in TABLE.everything()]


@given(RULES)
def test_the_same_rights_again(rules: list[str]):
    first = user(*rules)
    text = describe_commands(first.commands)
    again = user(*text.split(" "))
    assert rights(again) == rights(first)
    assert describe_commands(again.commands) == text


@given(RULES)
def test_a_copy_is_changed_apart(rules: list[str]):
    first = user(*rules)
    before, copy = rights(first), first.copy()
    copy.change(["+@all", "-ping", "+ping|y"])
    assert rights(first) == before


@pytest.mark.parametrize("category", USED)
def test_a_category_is_shown_as_such(category: str):
    assert describe_commands(user("+@all", f"-@{category}").commands) == f"+@all -@{category}"
    assert describe_commands(user("-@all", f"+@{category}").commands) == f"-@all +@{category}"


def test_every_command_has_its_categories():
    for command in TABLE.everything():
        assert command.categories <= set(CATEGORIES)
        assert len(command.categories & {"fast", "slow"}) == 1, command.name


@given(RULES, RULES)
def test_what_was_shown_before_a_change_is_not_shown_after_it(rules: list[str], more: list[str]):
    changed, fresh = user(*rules), user(*rules, *more)
    describe_commands(changed.commands)
    for rule in more:
        with suppress(RuleError):
            changed.change([rule])
    assert describe_commands(changed.commands) == describe_commands(fresh.commands)
