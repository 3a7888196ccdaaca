import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import number
from protocol.number import INTEGER_MAX, INTEGER_MIN, format_float, parse_float, parse_integer


def test_public_names():
    assert set(number.__all__) == {"INTEGER_MAX", "INTEGER_MIN", "format_float", "parse_float", "parse_integer"}


@given(st.integers(INTEGER_MIN, INTEGER_MAX))
def test_every_integer_has_its_plain_spelling(value: int):
    assert parse_integer(b"%d" % value) == value


@pytest.mark.parametrize(
    "spelling",
    [
        b"",
        b"-",
        b"+1",
        b"01",
        b"-01",
        b"-0",
        b" 1",
        b"1 ",
        b"1\n",
        b"1_0",
        b"1.0",
        b"1e3",
        b"0x1",
        b"x",
        "\u0661".encode(),
        b"1\0",
        b"%d" % (INTEGER_MAX + 1),
        b"%d" % (INTEGER_MIN - 1),
        b"9" * 30,
        b"9" * 100_000,
    ],
)
def test_no_other_spelling_is_an_integer(spelling: bytes):
    assert parse_integer(spelling) is None


@given(st.binary(max_size=25))
def test_an_integer_is_spelled_in_one_way(spelling: bytes):
    value = parse_integer(spelling)
    assert value is None or b"%d" % value == spelling


@pytest.mark.parametrize(
    ("spelling", "value"),
    [(b"0", 0.0), (b"1.5", 1.5), (b"-1.", -1.0), (b".5", 0.5), (b"+2", 2.0), (b"1e3", 1000.0), (b"1E-3", 0.001), (b"007", 7.0)],
)
def test_floats(spelling: bytes, value: float):
    assert parse_float(spelling) == value


@pytest.mark.parametrize(
    "spelling",
    [b"", b".", b"-", b"e5", b"1e", b"nan", b"inf", b"-inf", b"infinity", b"1e999", b" 1", b"1 ", b"1\n", b"1_0", b"0x1p3", b"1" * 1101],
)
def test_what_is_no_finite_decimal_number_is_no_float(spelling: bytes):
    assert parse_float(spelling) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back(value: float):
    assert parse_float(format_float(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, b"3"),
        (-2.0, b"-2"),
        (0.1, b"0.1"),
        (0.0, b"0"),
        (1e300, b"1e+300"),
        (math.inf, b"inf"),
        (-math.inf, b"-inf"),
        (math.nan, b"nan"),
    ],
)
def test_floats_are_printed_short(value: float, text: bytes):
    assert format_float(value) == text


def test_a_subclass_is_printed_as_its_number():
    class Score(float):
        def __repr__(self) -> str:
            return "Score()"

    assert format_float(Score(0.5)) == b"0.5"
