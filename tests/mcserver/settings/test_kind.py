"""How values are read from text and shown again. The refusals are those of Redis 7.0.15's CONFIG SET."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcserver.settings.kind import GB, KB, LLONG_MAX, MB, Choice, Fixed, Flag, Folder, Integer, Memory, Number, Octal, Text, Words
from mcserver.settings.renames import Renames
from mcserver.settings.snapshots import Snapshots

LEVELS = Choice(("debug", "notice"))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Integer(0), "0", 0),
        (Integer(-5), "-5", -5),
        (Integer(0), "2147483647", 2147483647),
        (Memory(), "0", 0),
        (Memory(), "7b", 7),
        (Memory(), "1k", 1000),
        (Memory(), "1kb", KB),
        (Memory(), "3m", 3_000_000),
        (Memory(), "100MB", 100 * MB),
        (Memory(), "2g", 2_000_000_000),
        (Memory(), "2Gb", 2 * GB),
        (Memory(), "05mb", 5 * MB),
        (Number(0, 1), "0.93", 0.93),
        (Number(0, 1), "1", 1.0),
        (Flag(), "yes", True),
        (Flag(), "NO", False),
        (LEVELS, "DEBUG", "debug"),
        (Text(), "", ""),
        (Text(r"[a-z]+:\S.*", "provider:model"), "onnx:x y", "onnx:x y"),
        (Folder(), "/var/lib/x", Path("/var/lib/x")),
        (Words(2), "  a   b ", ("a", "b")),
        (Words(2, least=0), " ", ()),
        (Octal(0o777), "0770", 0o770),
        (Snapshots(), "", ""),
        (Snapshots(), " 3600  1 300 100 60 10000", "3600 1 300 100 60 10000"),
        (Fixed("1"), "1", "1"),
    ],
)
def test_reads(kind, text, value):
    assert kind.parse(text, None) == value


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        *[
            (Integer(0), text, "argument couldn't be parsed into an integer")
            for text in ("", "x", " 5", "+5", "05", "-0", "0x10", "5b", "9" * 24)
        ],
        (Integer(0), "٣", "argument couldn't be parsed into an integer"),
        (Integer(0), "-1", "argument must be between 0 and 2147483647 inclusive"),
        (Integer(0, 65535), "65536", "argument must be between 0 and 65535 inclusive"),
        *[(Memory(), text, "argument must be a memory value") for text in ("x", " 5mb", "100mbb", "1.5gb", "-1", "10%", "mb", "")],
        (Memory(MB), "1k", f"argument must be between 1048576 and {LLONG_MAX} inclusive"),
        (Memory(), "9" * 24, f"argument must be between 0 and {LLONG_MAX} inclusive"),
        *[(Number(0, 1), text, "argument couldn't be parsed into a number") for text in ("", "x", "nan", "0,9")],
        *[(Number(0, 1), text, "argument must be between 0 and 1 inclusive") for text in ("1.01", "-0.1", "inf")],
        (Flag(), "maybe", "argument must be 'yes' or 'no'"),
        (LEVELS, "loud", "argument(s) must be one of the following: debug, notice"),
        (Text(r"[a-z]+:\S.*", "provider:model"), "onnx", "argument must be provider:model"),
        (Folder(), "", "argument must be the path of a folder"),
        (Octal(0o777), "8", "argument couldn't be parsed as an octal number"),
        (Octal(0o777), "", "argument couldn't be parsed as an octal number"),
        (Octal(0o777), "1000", "argument must be between 0 and 777 inclusive"),
        (Snapshots(), "60", "Invalid save parameters"),
        (Snapshots(), "0 1", "Invalid save parameters"),
        (Snapshots(), "60 -1", "Invalid save parameters"),
        (Snapshots(), "60 1000 x", "Invalid save parameters"),
        (Words(2), " ", "argument must be 1 to 2 words with spaces between them"),
        (Words(2), "a b c", "argument must be 1 to 2 words with spaces between them"),
        (Fixed("1"), "16", "argument must be '1'"),
    ],
)
def test_refuses(kind, text, reason):
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        kind.parse(text, None)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("kind", "value", "shown", "plain"),
    [
        (Integer(0), 7, "7", 7),
        (Memory(), 0, "0", "0"),
        (Memory(), 100, "100", "100"),
        (Memory(), 64 * KB, "65536", "64kb"),
        (Memory(), 1536 * MB, str(1536 * MB), "1536mb"),
        (Memory(), 2 * GB, str(2 * GB), "2gb"),
        (Number(0, 1), 1.0, "1", 1.0),
        (Number(0, 1), 0.93, "0.93", 0.93),
        (Flag(), True, "yes", True),
        (Flag(), False, "no", False),
        (LEVELS, "debug", "debug", "debug"),
        (Words(2), ("a", "-b"), "a -b", "a -b"),
        (Folder(), Path("data"), "data", "data"),
        (Fixed(""), "", "", ""),
        (Octal(0o777), 0o700, "700", "700"),
        (Octal(0o777), 0, "0", "0"),
        (Renames(), (("FLUSHALL", "ZAP"), ("DEBUG", "")), "FLUSHALL ZAP, DEBUG", ["FLUSHALL ZAP", "DEBUG"]),
    ],
)
def test_shows(kind, value, shown, plain):
    assert kind.format(value) == shown
    assert kind.plain(value) == plain
    assert type(kind.plain(value)) is type(plain)


@pytest.mark.parametrize(
    ("kind", "valid"),
    [
        (Integer(0, 65535), "a whole number from 0 to 65535"),
        (Integer(1, 9, "seconds"), "a whole number of seconds from 1 to 9"),
        (Memory(KB, MB), "bytes, as in 65536 or 64kb, from 1kb to 1mb"),
        (Number(0, 1), "a number from 0 to 1"),
        (Flag(), "yes or no"),
        (LEVELS, "one of debug, notice"),
        (Text(form="a name"), "a name"),
        (Folder(), "the path of a folder"),
        (Words(3), "1 to 3 words with spaces between them"),
        (Fixed("yes"), "'yes' and nothing else"),
    ],
)
def test_says_what_is_valid(kind, valid):
    assert kind.valid == valid


@given(st.integers(0, LLONG_MAX))
def test_memory_as_written_reads_back(value):
    assert Memory().parse(Memory().written(value), 0) == value


@given(st.floats(0, 1))
def test_number_as_shown_reads_back(value):
    kind = Number(0, 1)
    assert kind.parse(kind.format(value), 0.0) == value


@given(st.text())
def test_any_text_is_read_or_refused(text):
    for kind in (Integer(0), Memory(), Number(0, 1), Flag(), LEVELS):
        try:
            value = kind.parse(text, None)
        except ValueError:
            continue
        assert kind.parse(kind.format(value), None) == value
