"""Numbers as Redis reads and prints them."""

import math
import re

__all__ = ["INTEGER_MAX", "INTEGER_MIN", "format_float", "parse_float", "parse_integer"]

INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**63 - 1

_FLOAT = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

# More than any number needs; keeps the work small when an argument of megabytes is sent as a number.
_MAX_INTEGER = 20
_MAX_FLOAT = 1100


def parse_integer(value: bytes) -> int | None:
    """The signed 64-bit integer that `value` spells, or None."""
    if len(value) > _MAX_INTEGER:
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    # As Redis' string2ll: one spelling per number. int() also takes plus signs, leading zeros, blanks, underscores and "-0".
    canonical = b"%d" % number == value
    return number if canonical and INTEGER_MIN <= number <= INTEGER_MAX else None


def parse_float(value: bytes) -> float | None:
    """The finite number that `value` spells in decimal, or None."""
    if len(value) > _MAX_FLOAT or not _FLOAT.fullmatch(value):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def format_float(value: float) -> bytes:
    """The shortest text that reads back as `value`: `3` for 3.0, `0.1`, `inf`, `-inf`, `nan`."""
    return float.__repr__(value).removesuffix(".0").encode("ascii")
