import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import arguments
from protocol.arguments import Arguments, Options, blob, choice, counted, flag, group, integer, number, text
from protocol.errors import CommandError

SYNTAX = "^syntax error$"


def test_public_names():
    names = "Arguments Options Reader blob choice counted flag group integer number text"
    assert set(arguments.__all__) == set(names.split())


def refusal(*values: bytes, reader: arguments.Reader[object], name: str = "query") -> str:
    with pytest.raises(CommandError) as caught:
        Arguments(values).take(name, reader)
    assert caught.value.code == "ERR"
    return str(caught.value)


class TestCursor:
    def test_reads_from_left_to_right(self):
        cursor = Arguments([b"m", b"q", b"\xff"])
        assert len(cursor) == 3
        assert (cursor.take("model", text()), cursor.take("query", text()), cursor.pop()) == ("m", "q", b"\xff")
        assert len(cursor) == 0
        cursor.done()

    def test_the_end_is_a_syntax_error(self):
        with pytest.raises(CommandError, match=SYNTAX):
            Arguments([]).pop()

    def test_nothing_may_be_left(self):
        with pytest.raises(CommandError, match=SYNTAX):
            Arguments([b"x"]).done()

    def test_rest_takes_all(self):
        cursor = Arguments([b"1", b"2"])
        assert cursor.rest("id", integer()) == [1, 2]
        cursor.done()

    def test_rest_takes_at_least_one(self):
        with pytest.raises(CommandError, match=SYNTAX):
            Arguments([]).rest("id", integer())

    def test_match_steps_over_its_keyword_only(self):
        cursor = Arguments([b"quErY", b"q"])
        assert not cursor.match("ID")
        assert cursor.match("QUERY")
        assert not cursor.match("QUERY")
        assert cursor.pop() == b"q"
        assert not cursor.match("QUERY")


class TestTexts:
    def test_utf8(self):
        assert Arguments(["\u4e2d".encode()]).take("query", text(limit=3)) == "\u4e2d"

    @pytest.mark.parametrize("value", [b"\xff", b"\xed\xa0\x80", b"a\xc3"])
    def test_invalid_utf8_names_the_argument(self, value: bytes):
        assert refusal(value, reader=text()) == "invalid UTF-8 in query"

    def test_the_limit_is_in_bytes_and_named(self):
        assert refusal("\u4e2d".encode() * 2, reader=text(limit=5)) == "query is too long: 6 bytes, at most 5"

    def test_blobs_are_any_bytes(self):
        assert Arguments([b"\xff\0"]).take("vector", blob(limit=2)) == b"\xff\0"
        assert refusal(b"abc", reader=blob(limit=2), name="vector") == "vector is too long: 3 bytes, at most 2"


class TestNumbers:
    def test_both_bounds_are_allowed(self):
        assert Arguments([b"1", b"5"]).rest("COUNT", integer(minimum=1, maximum=5)) == [1, 5]
        assert Arguments([b"0", b"1.0"]).rest("THRESHOLD", number(minimum=0, maximum=1)) == [0.0, 1.0]

    @pytest.mark.parametrize("value", [b"x", b"", b"+1", b"01", b"1.0", b"9223372036854775808"])
    def test_no_integer(self, value: bytes):
        assert refusal(value, reader=integer()) == "value is not an integer or out of range"

    @pytest.mark.parametrize("value", [b"x", b"", b"nan", b"inf", b"1e999"])
    def test_no_float(self, value: bytes):
        assert refusal(value, reader=number()) == "value is not a valid float"

    @pytest.mark.parametrize(
        ("value", "reader", "range_"),
        [
            (b"0", integer(minimum=1), "at least 1"),
            (b"9", integer(maximum=8), "at most 8"),
            (b"9", integer(minimum=1, maximum=8), "between 1 and 8"),
            (b"-1", number(minimum=0.5), "at least 0.5"),
            (b"2", number(maximum=1), "at most 1"),
            (b"2", number(minimum=0, maximum=1), "between 0 and 1"),
        ],
    )
    def test_out_of_range_names_argument_and_bounds(self, value: bytes, reader: arguments.Reader[object], range_: str):
        assert refusal(value, reader=reader, name="EX") == f"EX is out of range, must be {range_}"


class TestCombinations:
    def test_a_choice_in_any_case(self):
        assert Arguments([b"bAd"]).take("verdict", choice("GOOD", "BAD")) == "BAD"
        assert refusal(b"ugly", reader=choice("GOOD", "BAD")) == "syntax error"

    def test_a_group(self):
        assert Arguments([b"q", b"\xff"]).take("pair", group(text(), blob())) == ("q", b"\xff")
        assert refusal(b"q", reader=group(text(), blob())) == "syntax error"

    def test_a_counted_list(self):
        cursor = Arguments([b"2", b"a", b"b", b"c"])
        assert cursor.take("tags", counted(text())) == ["a", "b"]
        assert cursor.pop() == b"c"

    def test_counted_groups(self):
        values = [b"2", b"q1", b"a1", b"q2", b"a2"]
        assert Arguments(values).take("pairs", counted(group(text(), blob()))) == [("q1", b"a1"), ("q2", b"a2")]

    @pytest.mark.parametrize("count", [b"3", b"9223372036854775807"])
    def test_fewer_than_counted(self, count: bytes):
        assert refusal(count, b"a", b"b", reader=counted(text())) == "syntax error"

    def test_fewer_groups_than_counted(self):
        assert refusal(b"2", b"a", b"b", b"c", reader=counted(group(text(), text()))) == "syntax error"

    def test_count_bounds(self):
        assert refusal(b"0", reader=counted(text()), name="tags") == "number of tags is out of range, must be at least 1"
        assert refusal(b"3", reader=counted(text(), most=2), name="tags") == "number of tags is out of range, must be between 1 and 2"
        assert refusal(b"x", reader=counted(text()), name="tags") == "value is not an integer or out of range"


GRAMMAR = Options(
    SYSTEM=text(),
    EX=integer(minimum=1),
    PX=integer(minimum=1),
    PERSIST=flag,
    NX=flag,
    XX=flag,
    TAGS=counted(text(), most=64),
    exclusive=[("EX", "PX", "PERSIST"), ("NX", "XX")],
)


class TestOptions:
    def test_none_given(self):
        assert Arguments([]).options(GRAMMAR) == {}

    def test_any_order_and_any_case(self):
        cursor = Arguments([b"tags", b"2", b"EX", b"nx", b"Nx", b"SYSTEM", b"EX", b"ex", b"5"])
        assert cursor.options(GRAMMAR) == {"TAGS": ["EX", "nx"], "NX": True, "SYSTEM": "EX", "EX": 5}
        cursor.done()

    @pytest.mark.parametrize(
        "values",
        [
            [b"NOSUCH"],
            [b""],
            [b"NX", b"NX"],
            [b"SYSTEM", b"a", b"SYSTEM", b"a"],
            [b"NX", b"XX"],
            [b"EX", b"1", b"PX", b"1"],
            [b"PERSIST", b"EX", b"1"],
            [b"SYSTEM"],
            [b"NX", b"EX"],
            [b"TAGS"],
            [b"TAGS", b"2", b"a"],
            [b"EX", b"1", b"2"],
        ],
    )
    def test_syntax_errors(self, values: list[bytes]):
        with pytest.raises(CommandError, match=SYNTAX):
            Arguments(values).options(GRAMMAR)

    def test_an_error_in_a_value_names_the_option(self):
        with pytest.raises(CommandError, match=r"^EX is out of range, must be at least 1$"):
            Arguments([b"EX", b"0"]).options(GRAMMAR)
        with pytest.raises(CommandError, match=r"^invalid UTF-8 in SYSTEM$"):
            Arguments([b"SYSTEM", b"\xff"]).options(GRAMMAR)

    def test_a_misspelt_group_is_found_at_import(self):
        with pytest.raises(ValueError, match="exclusive options that are no options: YX"):
            Options(NX=flag, exclusive=[("NX", "YX")])

    @given(st.permutations([[b"EX", b"5"], [b"NX"], [b"SYSTEM", b"s"], [b"TAGS", b"1", b"t"]]))
    def test_order_does_not_matter(self, parts: list[list[bytes]]):
        values = [value for part in parts for value in part]
        assert Arguments(values).options(GRAMMAR) == {"EX": 5, "NX": True, "SYSTEM": "s", "TAGS": ["t"]}

    @given(st.lists(st.sampled_from([b"EX", b"NX", b"xx", b"TAGS", b"SYSTEM", b"1", b"2", b"\xff", b""]), max_size=8))
    def test_any_arguments_are_read_or_refused(self, values: list[bytes]):
        cursor = Arguments(values)
        try:
            options = cursor.options(GRAMMAR)
        except CommandError:
            return
        cursor.done()
        assert options.keys() <= {"SYSTEM", "EX", "PX", "PERSIST", "NX", "XX", "TAGS"}
