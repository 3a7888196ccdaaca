import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcserver.access.patterns import ChannelPatterns, KeyPatterns

PARTS = st.sampled_from(["a", "b", "*", "?", "[ab]", "[^a]", "\\", ":", "é", "\udcff"])
TEXTS = st.lists(PARTS, max_size=5).map("".join)
PERMISSIONS = st.sampled_from([(True, True), (True, False), (False, True)])


def test_nothing_at_first():
    keys = KeyPatterns()
    assert not keys.allow("", read=False, write=False)
    assert not keys.allow_all(read=False, write=False)
    assert not ChannelPatterns(everything=False).allow("")


def test_one_pattern_must_allow_all_that_is_asked():
    keys = KeyPatterns()
    keys.add("a*", read=True, write=False)
    keys.add("*b", read=False, write=True)
    assert keys.allow("ab", read=True, write=False)
    assert keys.allow("ab", read=False, write=True)
    assert not keys.allow("ab", read=True, write=True)


@pytest.mark.parametrize(("read", "write"), [(True, False), (False, True), (True, True), (False, False)])
def test_everything_by_the_star_alone(read: bool, write: bool):
    keys = KeyPatterns()
    keys.add("*", read=True, write=False)
    assert keys.allow_all(read=read, write=write) is not write
    keys.allow_everything()
    assert keys.allow_all(read=read, write=write)


@given(st.lists(st.tuples(TEXTS, PERMISSIONS), max_size=6), TEXTS)
def test_copies_and_their_words_mean_the_same(given_patterns, key):
    keys = KeyPatterns()
    for pattern, (read, write) in given_patterns:
        keys.add(pattern, read=read, write=write)
    twin = keys.copy()
    keys.clear()
    keys.add("something else", read=True, write=True)
    again = KeyPatterns()
    for word in twin.words():
        permission, _, pattern = word.partition("~")
        again.add(pattern, read=permission != "%W", write=permission != "%R")
    for read, write in [(True, True), (True, False), (False, True), (False, False)]:
        assert again.allow(key, read=read, write=write) == twin.allow(key, read=read, write=write)
        expected = any(granted[0] >= read and granted[1] >= write for granted in _merged(given_patterns).values() if _matches(granted, key))
        assert twin.allow(key, read=read, write=write) == expected


def _merged(given_patterns):
    merged: dict[str, tuple[bool, bool, str]] = {}
    for pattern, (read, write) in given_patterns:
        before = merged.get(pattern, (False, False, pattern))
        merged[pattern] = (before[0] or read, before[1] or write, pattern)
    return merged


def _matches(granted, key):
    single = KeyPatterns()
    single.add(granted[2], read=True, write=True)
    return single.allow(key, read=True, write=True)


@pytest.mark.parametrize(
    ("ours", "theirs", "covered"),
    [
        (["a"], ["a"], True),
        (["a", "b"], ["b"], True),
        (["a"], ["a", "b"], False),
        (["*"], ["a"], True),
        (["a"], ["*"], False),
        ([], [], True),
    ],
)
def test_which_channels_cover_which(ours: list[str], theirs: list[str], covered: bool):
    assert _channels(ours).cover(_channels(theirs)) is covered


def _channels(patterns: list[str]) -> ChannelPatterns:
    channels = ChannelPatterns(everything=patterns == ["*"])
    for pattern in patterns if patterns != ["*"] else []:
        channels.add(pattern)
    return channels
