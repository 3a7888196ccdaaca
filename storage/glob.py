"""Patterns on query texts, as Redis' MATCH has them; in Python, so that every back end answers the same."""

import re


class Glob:
    """A compiled pattern: `*`, `?`, `[abc]`, `[^abc]`, `[a-z]`, and a backslash before a character meant as itself."""

    def __init__(self, pattern: str) -> None:
        first, *rest = _split(pattern)
        # Atomic groups take the leftmost place of each piece and never look back: linear work, whatever the pattern.
        middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1])
        last = f".*{rest[-1]}" if rest else ""
        self._regex = re.compile(f"(?s:{first}{middle}{last})")

    def matches(self, text: str) -> bool:
        """Whether the whole text fits."""
        return self._regex.fullmatch(text) is not None


# A set as Redis reads it: the upper bound of a range is whatever stands there, also a bracket; an escaped character is no lower bound.
_TOKEN = re.compile(r"\\(?P<literal>.)|\[(?P<negated>\^?)(?P<set>(?:\\.|[^\]]-.|[^\]])*+)\]?|(?P<wild>[*?])|(?P<plain>.)", re.DOTALL)
_MEMBER = re.compile(r"\\(?P<escaped>.)|(?P<low>[^\]])-(?P<high>.)|(?P<one>[^\]])", re.DOTALL)


def _split(pattern: str) -> list[str]:
    """Regular expressions of the pieces between stars."""
    pieces = [""]
    for token in _TOKEN.finditer(pattern):
        if token["wild"] == "*":
            pieces.append("")
        else:
            pieces[-1] += _piece(token)
    return pieces


def _piece(token: re.Match[str]) -> str:
    if token["wild"]:
        return "."
    if token["set"] is None:
        return re.escape(token["literal"] or token["plain"])
    return _character_class(token["set"], negated=bool(token["negated"]))


def _character_class(members: str, *, negated: bool) -> str:
    if not members:
        # As Redis: an empty set fits nothing, its negation any character.
        return "." if negated else "(?!)"
    inside = "".join(_members(found) for found in _MEMBER.finditer(members))
    return f"[{'^' if negated else ''}{inside}]"


def _members(found: re.Match[str]) -> str:
    if found["low"] is None:
        return re.escape(found["escaped"] or found["one"])
    # As Redis: the bounds of a range may come in either order.
    low, high = sorted((found["low"], found["high"]))
    return f"{re.escape(low)}-{re.escape(high)}"
