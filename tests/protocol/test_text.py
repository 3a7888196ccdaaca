"""Bytes as text, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.inline import split_words
from protocol.text import decode, encode, quote


@given(st.binary())
def test_any_bytes_come_back(value: bytes):
    assert encode(decode(value)) == value


def test_text_that_no_bytes_stand_for():
    with pytest.raises(UnicodeEncodeError):
        encode("\ud800")


@given(st.binary())
def test_quoted_bytes_can_be_shown_and_read_back(value: bytes):
    quoted = quote(value)
    assert quoted.isascii()
    assert quoted.isprintable()
    assert split_words(quoted.encode()) == [value]


def test_escapes_are_those_of_redis():
    assert quote(b'a "b" \\ \n\r\t\a\b\x00\xff') == r'"a \"b\" \\ \n\r\t\a\b\x00\xff"'
