"""Usage lines and what follows from them."""

import pytest

from mcserver.usage import Argument, arity, key_position, parse_usage

MODEL = Argument("model", "key")
QUERY = Argument("query", "string")
PAIR = (Argument("setting", "string"), Argument("value", "string"))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ("", ()),
        ("model query", (MODEL, QUERY)),
        (
            "key n seconds threshold",
            (Argument("key", "key"), Argument("n", "integer"), Argument("seconds", "integer"), Argument("threshold", "double")),
        ),
        ("[query]", (Argument("query", "string", optional=True),)),
        ("[EXACT]", (Argument("exact", "pure-token", "EXACT", optional=True),)),
        ("[SYSTEM text]", (Argument("text", "string", "SYSTEM", optional=True),)),
        ("[LIB-NAME a]", (Argument("a", "string", "LIB-NAME", optional=True),)),
        (
            "[TAGS n tag ...]",
            (Argument("tags", "block", "TAGS", True, children=(Argument("n", "integer"), Argument("tag", "string", multiple=True))),),
        ),
        (
            "[NX | XX]",
            (
                Argument(
                    "nx-or-xx",
                    "oneof",
                    optional=True,
                    children=(Argument("nx", "pure-token", "NX"), Argument("xx", "pure-token", "XX")),
                ),
            ),
        ),
        (
            "[TYPE <A | B>] c",
            (
                Argument(
                    "a-or-b",
                    "oneof",
                    "TYPE",
                    optional=True,
                    children=(Argument("a", "pure-token", "A"), Argument("b", "pure-token", "B")),
                ),
                Argument("c", "string"),
            ),
        ),
        ("id [id ...]", (Argument("id", "integer", multiple=True),)),
        ("[section [section ...]]", (Argument("section", "string", optional=True, multiple=True),)),
        ("[ID id [id ...]]", (Argument("id", "integer", "ID", optional=True, multiple=True),)),
        (
            "query answer [query answer ...]",
            (Argument("query", "block", multiple=True, children=(QUERY, Argument("answer", "string"))),),
        ),
        (
            "[setting value ...]",
            (
                Argument(
                    "setting", "block", optional=True, multiple=True, children=(Argument("setting", "string"), Argument("value", "string"))
                ),
            ),
        ),
        ("a [b ...]", (Argument("a", "string"), Argument("b", "string", optional=True, multiple=True))),
        (
            "<id | QUERY query [SYSTEM text]>",
            (
                Argument(
                    "id-or-query",
                    "oneof",
                    children=(
                        Argument("id", "integer"),
                        Argument(
                            "query",
                            "block",
                            children=(Argument("query", "string", "QUERY"), Argument("text", "string", "SYSTEM", optional=True)),
                        ),
                    ),
                ),
            ),
        ),
        ("[WITHID] text", (Argument("withid", "pure-token", "WITHID", optional=True), Argument("text", "string"))),
        ("COUNT n SCORES", (Argument("n", "integer", "COUNT"), Argument("scores", "pure-token", "SCORES"))),
    ],
)
def test_tree(usage, expected):
    assert parse_usage(usage) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ("", 1),
        ("model", 2),
        ("model query answer", 4),
        ("[message]", -1),
        ("model id [id ...]", -3),
        ("model n query answer [query answer ...] [NX | XX]", -5),
        ("model [setting value ...]", -2),
        ("model <id [id ...] | QUERY query [SYSTEM text]>", -3),
        ("<LIB-NAME name | LIB-VER version>", 3),
        ("<ON | OFF>", 2),
        ("<ON | TO place>", -2),
        ("TYPE <A | B>", 3),
        ("TAGS n tag ...", -4),
        ("[TYPE <A | B> | ID id [id ...]]", -1),
        ("[username] password", -2),
    ],
)
def test_arity(usage, expected):
    assert arity(parse_usage(usage)) == expected


@pytest.mark.parametrize(("usage", "expected"), [("", 0), ("model text", 1), ("key [key ...]", 1), ("text model", 0)])
def test_key_position(usage, expected):
    assert key_position(parse_usage(usage)) == expected


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        ("model [EX", "missing ']'"),
        ("model <a | b", "missing '>'"),
        ("model <a]", "missing '>'"),
        ("a ] b", "unexpected ']'"),
        ("...", "nothing to repeat"),
        ("[]", "nothing between"),
        ("[a | ]", "nothing between"),
    ],
)
def test_a_line_that_is_not_in_the_grammar(usage, reason):
    with pytest.raises(ValueError, match=reason.replace("[", r"\[").replace(".", r"\.")) as error:
        parse_usage(usage)
    assert str(error.value).endswith(f"in usage line: {usage}")
