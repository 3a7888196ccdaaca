"""The percentiles of INFO latencystats. Refusals are compared with those of Redis in commands/test_as_redis."""

import pytest

from mcserver.settings import format_percentile
from mcserver.settings.percentiles import Percentiles

KIND = Percentiles()


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("50 99 99.9", (50.0, 99.0, 99.9), "50 99 99.9"),
        ("", (), ""),
        (" 100.0   0 ", (100.0, 0.0), "100 0"),
        ("99.9999999", (99.9999999,), "100"),
        ("12.3456789", (12.3456789,), "12.345679"),
    ],
)
def test_reads_and_shows(text: str, value: tuple[float, ...], shown: str):
    assert KIND.parse(text, ()) == value
    assert KIND.format(value) == shown
    assert KIND.plain(value) == shown


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "Invalid latency-tracking-info-percentiles parameters"),
        ("50,99", "Invalid latency-tracking-info-percentiles parameters"),
        ("101", r"latency-tracking-info-percentiles parameters should sit between \[0.0,100.0\]"),
        ("50 -1", r"latency-tracking-info-percentiles parameters should sit between \[0.0,100.0\]"),
        ("nan", r"latency-tracking-info-percentiles parameters should sit between \[0.0,100.0\]"),
    ],
)
def test_refuses(text: str, reason: str):
    with pytest.raises(ValueError, match=f"^{reason}$"):
        KIND.parse(text, ())


def test_says_what_is_valid():
    assert KIND.valid == "numbers from 0 to 100 with spaces between them"


def test_no_zeros_at_the_end():
    assert [format_percentile(value) for value in (0.0, 10.0, 99.9, 100.0)] == ["0", "10", "99.9", "100"]
