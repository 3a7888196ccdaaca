"""Glob patterns mean what they mean to Redis: KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET and the patterns of ACL users are made of them."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from storage.glob import Glob
from tests.mcserver.commands.wire import Redis, decode

TOKENS = st.sampled_from(
    ["*", "?", "[", "]", "^", "-", "\\", "a", "b", "c", "[a-c]", "[^a]", "[c-a]", "[]", "[^]", "\\*", "[\\]]", "[a-", "\n"]
)
PATTERNS = st.lists(TOKENS, min_size=1, max_size=8).map("".join) | st.text("ab*?[]^-\\", min_size=1, max_size=8)
TEXTS = st.text("abc]^-\\[*\n", min_size=1, max_size=6)


@settings(deadline=None)
@given(pattern=PATTERNS, text=TEXTS)
@example(pattern="[a", text="a")
@example(pattern="[a-", text="-")
@example(pattern="\\", text="\\")
@example(pattern="*[^]", text="ab")
def test_patterns_fit_what_redis_fits(pattern: str, text: str, redis_port: int):
    redis = Redis(redis_port)
    try:
        redis.send("SELECT 9")
        redis.send([b"SET", text.encode(), b""])
        found = decode(redis.send([b"KEYS", pattern.encode()]))
        redis.send("FLUSHDB")
    finally:
        redis.close()
    assert Glob(pattern).matches(text) == (found == [text])
