import pytest

from storage.glob import Glob


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("", "", True),
        ("", "a", False),
        ("abc", "abc", True),
        ("abc", "abcd", False),
        ("*", "", True),
        ("*", "any\nthing 好", True),
        ("a*", "abc", True),
        ("a*", "ba", False),
        ("*c", "abc", True),
        ("*c", "abcd", False),
        ("*b*", "abc", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "acb", False),
        ("*aab", "aaab", True),
        ("a**b", "ab", True),
        ("a?c", "abc", True),
        ("?", "好", True),
        ("?", "", False),
        ("*?c*", "abcd", True),
        ("[abc]x", "bx", True),
        ("[abc]x", "dx", False),
        ("[^abc]x", "dx", True),
        ("[^abc]x", "ax", False),
        ("[a-c]", "b", True),
        ("[c-a]", "b", True),
        ("[a-c]", "d", False),
        ("[a-c0-9_]", "_", True),
        (r"[\]]", "]", True),
        (r"[a\-c]", "b", False),
        (r"[a\-c]", "-", True),
        ("[.+]", "x", False),
        ("[]", "a", False),
        ("[^]", "a", True),
        ("[ab", "b", True),
        ("[", "[", False),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("\\", "\\", True),
        ("a.c", "abc", False),
        ("(a|b)+$", "(a|b)+$", True),
        ("Å", "å", False),
    ],
)
def test_patterns(pattern: str, text: str, fits: bool) -> None:
    assert Glob(pattern).matches(text) is fits


def test_many_stars_cost_no_more_than_their_number() -> None:
    # A backtracking matcher would not come back from this.
    assert not Glob("*a" * 50 + "b").matches("a" * 5000)
