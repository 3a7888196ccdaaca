"""What holds for every prompt."""

import json

from hypothesis import given
from hypothesis import strategies as st

from mcserver.prompt import compose, parse_question
from protocol.errors import CommandError

TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=4)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system", "tool"]), "content": TEXT | st.none()}), max_size=4
)
MODES = {
    "system_mode": st.sampled_from(["partition", "splice", "ignore"]),
    "context_mode": st.sampled_from(["match", "last-turn", "splice"]),
}


def composed(query, system=None, params=None, **settings):
    """The prompt, or None where it is refused; anything but CommandError fails the test."""
    try:
        return compose(parse_question(query, system, params), **settings)
    except CommandError:
        return None


@given(
    query=TEXT | JSON.map(json.dumps) | MESSAGES.map(json.dumps),
    system=st.none() | TEXT,
    params=st.none() | TEXT | JSON.map(json.dumps),
    **MODES,
)
def test_a_prompt_or_a_refusal(query, system, params, system_mode, context_mode):
    found = composed(query, system, params, system_mode=system_mode, context_mode=context_mode, max_turns=2)
    if found is not None:
        assert len(found.partition) == len(found.exact_key) == 16
        assert found.text.strip()
        assert found.query.encode()


@given(value=OBJECTS)
def test_params_are_what_they_say_not_how_they_are_written(value):
    backwards = dict(reversed(value.items()))
    dense, airy = json.dumps(value, separators=(",", ":")), json.dumps(backwards, indent=3, ensure_ascii=False)
    assert parse_question("x", params=dense) == parse_question("x", params=airy)


@given(first=OBJECTS, second=OBJECTS)
def test_params_are_equal_when_their_values_are(first, second):
    one, other = (parse_question("x", params=json.dumps(value)).params for value in (first, second))
    assert (one == other) == (tagged(first) == tagged(second))


def tagged(value):
    """Equal where JSON says so: to Python true is 1."""
    match value:
        case list():
            return [tagged(item) for item in value]
        case dict():
            return {key: tagged(item) for key, item in value.items()}
    return isinstance(value, bool), value


@given(messages=MESSAGES)
def test_the_stored_query_is_the_same_question(messages):
    found = composed(json.dumps(messages), system_mode="ignore", context_mode="match")
    if found is not None:
        again = composed(found.query, system_mode="ignore", context_mode="match")
        assert (again.exact_key, again.text, again.context, again.query) == (found.exact_key, found.text, found.context, found.query)


@given(text=TEXT, messages=MESSAGES)
def test_another_question_has_another_key(text, messages):
    one = composed(text, system_mode="ignore", context_mode="match")
    other = composed(json.dumps(messages), system_mode="ignore", context_mode="match")
    if one is not None and other is not None:
        assert (one.exact_key == other.exact_key) == (one.query == other.query)
