"""From a client's query to what is compared."""

import json

import pytest

from mcserver.prompt import Prompt, canonical_object, compose, parse_question
from protocol.errors import CommandError


def prompt(query: object, system: str | None = None, params: str | None = None, **settings: object) -> Prompt:
    """`query`: text, or messages."""
    text = query if isinstance(query, str) else json.dumps(query)
    settings = {"system_mode": "partition", "context_mode": "match", **settings}
    return compose(parse_question(text, system, params), **settings)


def message(role: str, content: object, **more: object) -> dict[str, object]:
    return {"role": role, "content": content, **more}


USER = message("user", "hello")
CHAT = [message("user", "I use Linux"), message("assistant", "Fine."), message("user", "How do I list files?")]


class TestWhatIsAConversation:
    @pytest.mark.parametrize(
        "text",
        [
            "hello",
            "[not JSON",
            "[1, 2]",
            '{"role": "user", "content": "an object"}',
            '[{"role": "user"}]',
            '[{"content": "x"}]',
            '[{"role": "user", "content": "x"}, 7]',
            '[{"role": "user", "content": NaN}]',
            '\u00a0[{"role": "user", "content": "x"}]',
            "[" * 100_000,
        ],
    )
    def test_text(self, text):
        found = prompt(text)
        assert (found.text, found.query, found.context) == (text, text, "")

    def test_messages(self):
        found = prompt(CHAT)
        assert found.text == "How do I list files?"
        assert found.context == "user: I use Linux\nassistant: Fine."
        assert json.loads(found.query) == CHAT

    def test_white_space_around_messages(self):
        assert prompt(f" \n{json.dumps([USER])}\t").text == "hello"

    def test_a_single_user_message_is_the_same_question_as_its_text(self):
        assert prompt([USER]) == prompt("hello")

    @pytest.mark.parametrize("more", [{"name": "bob"}, {"content": [{"type": "text", "text": "hello"}]}])
    def test_a_message_with_more_than_text_is_another_question(self, more):
        assert prompt([USER | more]).exact_key != prompt("hello").exact_key

    def test_a_message_that_quotes_a_conversation_is_not_that_conversation(self):
        quoting = prompt([message("user", prompt(CHAT).query)])
        assert quoting.exact_key != prompt(CHAT).exact_key
        assert quoting.text == prompt(CHAT).query


class TestExactKey:
    def test_form_of_the_messages_does_not_matter(self):
        spaced = '[ {"content" : "caf\\u00e9",\n "role":"user", "n": 1.0}, {"role":"assistant","content":null} ]'
        dense = '[{"role":"user","content":"café","n":1},{"content":null,"role":"assistant"}]'
        assert prompt(spaced) == prompt(dense)

    @pytest.mark.parametrize(
        "other",
        [
            [*CHAT, message("assistant", "ls")],
            [CHAT[0], message("assistant", "Fine!"), CHAT[2]],
            [CHAT[2], CHAT[1], CHAT[0]],
            [CHAT[0], message("assistant", "Fine.", name="bob"), CHAT[2]],
            CHAT[2:],
        ],
    )
    def test_every_difference_counts(self, other):
        assert prompt(other).exact_key != prompt(CHAT).exact_key

    def test_spaces_and_letter_case_of_a_text_count(self):
        assert len({prompt(text).exact_key for text in ("hello", "hello ", "Hello")}) == 3


class TestSystem:
    def test_messages_and_option_are_one(self):
        assert prompt([message("system", "Be brief."), USER]) == prompt("hello", "Be brief.")
        assert prompt([message("developer", "Be brief."), USER]) == prompt("hello", "Be brief.")
        assert prompt([message("system", "a"), message("system", [{"type": "text", "text": "b"}]), USER]) == prompt("hello", "a\nb")

    def test_empty_is_none(self):
        assert prompt("hello", "") == prompt("hello") == prompt([message("system", ""), USER])

    def test_partition(self):
        assert prompt("hello", "a").partition != prompt("hello", "b").partition
        assert prompt("hello", "a").exact_key == prompt("hello", "b").exact_key
        assert prompt("hello", "a").text == "hello"

    def test_ignore(self):
        assert prompt("hello", "a", system_mode="ignore") == prompt("hello")

    def test_splice(self):
        spliced = prompt("hello", "a", system_mode="splice")
        assert spliced.text == "a\nhello"
        assert spliced.partition == prompt("hello").partition
        assert spliced.exact_key != prompt("hello", system_mode="splice").exact_key
        assert spliced.query == "hello"

    def test_system_and_parameters_do_not_run_together(self):
        assert prompt("hello", '{"a":1}').partition != prompt("hello", params='{"a":1}').partition


class TestContext:
    def test_last_turn(self):
        found = prompt(CHAT, context_mode="last-turn")
        assert (found.text, found.context) == ("How do I list files?", "")
        assert found.exact_key == prompt(CHAT).exact_key

    def test_splice(self):
        found = prompt(CHAT, context_mode="splice")
        assert found.text == "user: I use Linux\nassistant: Fine.\nuser: How do I list files?"
        assert found.context == ""
        assert prompt("hello", context_mode="splice").text == "hello"

    def test_latest_turns(self):
        assert prompt(CHAT, max_turns=1).context == "assistant: Fine."
        assert prompt(CHAT, max_turns=9) == prompt(CHAT)

    def test_turns_after_the_last_question_count_too(self):
        called = message("assistant", None, tool_calls=[{"id": "1"}])
        found = prompt([USER, called, message("tool", "42", tool_call_id="1")])
        assert found.text == "hello"
        assert found.context == 'assistant: [{"id":"1"}]\ntool: 42'


class TestParams:
    @pytest.mark.parametrize(
        "params",
        [
            '{"temperature": 1.0, "stop": ["é"], "n": {"b": 2, "a": 1}}',
            '{ "n":{"a":1.0,"b":2e0},"stop":["\\u00e9"],"temperature":1 }',
            '{"temperature": 7, "temperature": 1, "stop": ["\\u00E9"], "n": {"a": 1, "b": 2}}',
        ],
    )
    def test_one_canonical_form(self, params):
        assert parse_question("x", params=params).params == '{"n":{"a":1,"b":2},"stop":["é"],"temperature":1}'

    @pytest.mark.parametrize("params", ["{}", " { } "])
    def test_none_at_all(self, params):
        assert prompt("x", params=params) == prompt("x")

    def test_values_count(self):
        given = ['{"t":0}', '{"t":0.1}', '{"t":"0"}', '{"t":null}', '{"t":false}', '{"t":[]}', '{"t":-1}', '{"t":1}', '{"t":true}']
        assert len({prompt("x", params=params).partition for params in given}) == len(given)

    def test_large_integers_keep_every_digit(self):
        assert parse_question("x", params='{"n":123456789012345678901}').params == '{"n":123456789012345678901}'
        assert parse_question("x", params='{"n":-0.0,"m":1e300}').params == '{"m":1e+300,"n":0}'

    @pytest.mark.parametrize(
        ("params", "reason"),
        [
            ("", "Expecting value"),
            ("{", "Expecting property name"),
            ("{'a': 1}", "Expecting property name"),
            ('{"a": NaN}', "NaN is not a number"),
            ('{"a": -Infinity}', "-Infinity is not a number"),
            ('{"a": 1e400}', "Out of range float"),
            ('{"a": %s}' % ("9" * 400), "Out of range float"),
            ('{"a": "\\ud800"}', "lone surrogate"),
            ('{"\\udfff": 1}', "lone surrogate"),
            ("[" * 100_000, "nested too deeply"),
        ],
    )
    def test_malformed(self, params, reason):
        with pytest.raises(CommandError, match="invalid JSON in PARAMS: ") as raised:
            parse_question("x", params=params)
        assert reason in str(raised.value)

    @pytest.mark.parametrize("params", ["[]", "1", "null", '"text"'])
    def test_no_object(self, params):
        with pytest.raises(CommandError, match="invalid PARAMS: expected a JSON object"):
            parse_question("x", params=params)

    def test_an_object_may_keep_its_order(self):
        assert canonical_object('{"b": 1.0, "a": "\\u00e9"}', name="META") == '{"b":1,"a":"é"}'

    def test_what_can_be_read_but_not_written(self):
        deep = '{"a":' * 400 + "1" + "}" * 400
        assert canonical_object(deep, name="META") == deep


class TestRefused:
    @pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000"])
    def test_empty_query(self, text):
        with pytest.raises(CommandError, match="empty query"):
            parse_question(text)

    @pytest.mark.parametrize("messages", [[], [message("system", "x")], [message("assistant", "x")]])
    def test_no_user_turn(self, messages):
        with pytest.raises(CommandError, match="no user turn in the messages"):
            parse_question(json.dumps(messages))

    @pytest.mark.parametrize("content", ["", "  ", None, [], [{"type": "text", "text": " "}]])
    def test_empty_user_turn(self, content):
        with pytest.raises(CommandError, match="empty user turn"):
            parse_question(json.dumps([USER, message("user", content)]))

    @pytest.mark.parametrize("given", ["other", ""])
    def test_system_prompt_given_twice(self, given):
        with pytest.raises(CommandError, match="given twice"):
            parse_question(json.dumps([message("system", "x"), USER]), given)

    @pytest.mark.parametrize("role", ["robot", "", 7, None, [], {}, "User"])
    def test_unknown_role(self, role):
        with pytest.raises(CommandError, match="unknown role in message 1: expected one of assistant, developer"):
            parse_question(json.dumps([USER, message(role, "x")]))

    @pytest.mark.parametrize("content", [7, True, {"text": "x"}])
    def test_content_of_another_kind(self, content):
        with pytest.raises(CommandError, match="invalid content in message 0: expected text or a list of parts"):
            parse_question(json.dumps([message("user", content)]))

    @pytest.mark.parametrize(
        "part", ["x", {"type": "text"}, {"type": "text", "text": 7}, {"type": "image_url", "image_url": {"url": "data:"}}, {"text": "x"}]
    )
    def test_unsupported_parts(self, part):
        with pytest.raises(CommandError, match="unsupported content part in message 0"):
            parse_question(json.dumps([message("user", [part])]))

    @pytest.mark.parametrize(
        ("messages", "reason"),
        [
            ('[{"role":"user","content":"\\ud800"}]', "lone surrogate"),
            ('[{"role":"user","content":"x"},{"role":"system","content":"\\udc00"}]', "lone surrogate"),
            ('[{"role":"user","content":[{"type":"text","text":"\\ud800"}]}]', "lone surrogate"),
            ('[{"role":"user","content":"x","\\ud800":1}]', "lone surrogate"),
            ('[{"role":"user","content":"x","tool_calls":["\\ud800"]}]', "lone surrogate"),
            ('[{"role":"user","content":"x","n":1e999}]', "Out of range float"),
            ('[{"role":"user","content":"x","n":%s}]' % ("1" * 5000), "Out of range float"),
        ],
    )
    def test_what_is_no_text_and_no_number(self, messages, reason):
        with pytest.raises(CommandError, match="invalid message") as raised:
            parse_question(messages)
        assert reason in str(raised.value)

    def test_a_surrogate_pair_is_a_character(self):
        assert prompt('[{"role":"user","content":"\\ud83d\\ude00"}]') == prompt("\U0001f600")
