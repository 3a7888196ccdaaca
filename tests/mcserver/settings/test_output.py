"""client-output-buffer-limit in Redis' syntax. Texts and refusals are those of Redis 7.0.15."""

import re

import pytest

from mcserver.settings import OutputLimit, OutputLimits
from mcserver.settings.output import OutputLimitsKind

KIND = OutputLimitsKind()
DEFAULT = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"


def test_default_is_shown_as_redis_shows_it():
    assert KIND.format(OutputLimits()) == DEFAULT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", DEFAULT),
        ("normal 10 20 30 pubsub 1mb 2mb 3", "normal 10 20 30 slave 268435456 67108864 60 pubsub 1048576 2097152 3"),
        ("NORMAL 1 2 3 normal 4 5 6", DEFAULT.replace("normal 0 0 0", "normal 4 5 6")),
        ("replica 1 2 3", DEFAULT.replace("268435456 67108864 60", "1 2 3")),
        ("slave 1 2 3", DEFAULT.replace("268435456 67108864 60", "1 2 3")),
    ],
)
def test_changes_only_the_named_classes(text, shown):
    assert KIND.format(KIND.parse(text, OutputLimits())) == shown


def test_keeps_what_is_in_force():
    current = KIND.parse("pubsub 1 2 3", OutputLimits())
    assert KIND.parse("normal 4 5 6", current).pubsub == OutputLimit(1, 2, 3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("normal 1 2", "Wrong number of arguments in buffer limit configuration."),
        ("master 1 2 3", "Invalid client class specified in buffer limit configuration."),
        *[
            (text, "Error in hard, soft or soft_seconds setting in buffer limit configuration.")
            for text in ("normal x 2 3", "normal 1 -2 3", "normal 1 2 -3", "normal 1 2 3x", "normal 1 2 2147483648")
        ],
    ],
)
def test_refuses(text, reason):
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        KIND.parse(text, OutputLimits())
    assert str(caught.value) == reason


def test_says_what_is_valid():
    assert "class hard soft seconds" in KIND.valid
