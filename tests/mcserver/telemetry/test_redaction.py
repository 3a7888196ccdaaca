"""What MONITOR and SLOWLOG may show of a request."""

import pytest

from mcserver.commands import FAMILIES
from mcserver.table import Table
from mcserver.telemetry.redaction import REDACTED, shown

TABLE = Table(FAMILIES)


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ("AUTH secret", "AUTH (redacted)"),
        ("auth user secret", "auth (redacted) (redacted)"),
        ("HELLO 3 AUTH user secret SETNAME me", "HELLO 3 AUTH (redacted) (redacted) SETNAME me"),
        ("HELLO 3 SETNAME me auth user secret", "HELLO 3 SETNAME me auth (redacted) (redacted)"),
        ("HELLO 3 AUTH user", "HELLO 3 AUTH (redacted)"),
        ("HELLO 3", "HELLO 3"),
        ("ACL SETUSER me on >secret ~*", "ACL SETUSER (redacted) (redacted) (redacted) (redacted)"),
        ("CONFIG SET requirepass secret timeout 5", "CONFIG SET requirepass (redacted) timeout 5"),
        ("config set timeout 5 REQUIREPASS secret nosuch x", "config set timeout 5 REQUIREPASS (redacted) nosuch (redacted)"),
        ("CONFIG SET timeout 5 requirepass", "CONFIG SET timeout 5 requirepass"),
        ("CONFIG SET requirepas secret", "CONFIG SET requirepas (redacted)"),
        ("CONFIG GET requirepass", "CONFIG GET requirepass"),
        ("MC.SET auth secret answer", "MC.SET auth secret answer"),
    ],
)
def test_secrets_are_replaced(request_line: str, expected: str):
    words = request_line.encode().split()
    command = TABLE.locate(words)
    before = list(words)
    assert list(shown(command, words)) == expected.encode().split()
    assert words == before


def test_words_without_a_secret_are_not_copied():
    words = [b"MC.GET", b"m", b"query"]
    assert shown(TABLE.locate(words), words) is words


def test_a_secret_in_bytes_that_are_no_text():
    words = [b"CONFIG", b"SET", b"\xff", b"x", b"requirepass", b"\xff\xfe"]
    assert list(shown(TABLE.locate(words), words)) == [*words[:3], REDACTED, b"requirepass", REDACTED]
