"""notify-keyspace-events, read and shown as Redis 7.0.15 does."""

import pytest

from mcserver.settings.error import SettingError
from mcserver.settings.events import KeyspaceEvents
from mcserver.settings.server import Settings

KIND = KeyspaceEvents()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("KEA", "AKE"),
        ("AK", "AK"),
        ("gKE", "gKE"),
        ("EK", "KE"),
        ("$lshzxeKE", "$lshzxeKE"),
        ("g$lshzxetd", "A"),
        ("dtexzhsl$g", "A"),
        ("KEm", "KEm"),
        ("nKgE", "gnKE"),
        ("KK", "K"),
        ("KEAnm", "AnKEm"),
    ],
)
def test_shown_in_one_order(text: str, shown: str):
    value = KIND.parse(text, frozenset())
    assert KIND.format(value) == shown
    assert KIND.parse(shown, frozenset()) == value


@pytest.mark.parametrize("text", ["q", "KEa", "K E", "*"])
def test_another_letter_is_refused(text: str):
    settings = Settings()
    with pytest.raises(SettingError, match=r"Invalid event class character\. Use 'Ag\$lshzxeKEtmdn'\.$"):
        settings.assign([("notify-keyspace-events", text)])
    assert settings.notify_keyspace_events == frozenset()


def test_what_is_valid_in_words():
    assert KIND.valid == "letters out of Ag$lshzxeKEtmdn"
