"""The product's main job over TCP: answers stored and found again by meaning, with the real model."""

import json
import time

import numpy as np
import pytest
import redis

PASSWORD = "how do I reset my password?"


@pytest.fixture(params=[2, 3])
def client(request, server):
    with server.client(protocol=request.param, decode_responses=False) as client:
        yield client


def details(reply):
    """The map of WITHMETA in either protocol."""
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    return {key.decode(): value for key, value in pairs}


def test_exact_reworded_and_missed(client):
    client.execute_command("MC.SET", "gpt-4", PASSWORD, "Click 'forgot password'.")
    assert client.execute_command("MC.GET", "gpt-4", PASSWORD) == b"Click 'forgot password'."
    assert client.execute_command("MC.GET", "gpt-4", "How can I reset my password?") == b"Click 'forgot password'."
    assert client.execute_command("MC.GET", "gpt-4", "What is the capital of France?") is None
    assert client.execute_command("MC.GET", "gpt-4o", PASSWORD) is None


def test_chinese(client):
    client.execute_command("MC.SET", "qwen", "怎么重置我的密码？", "点击“忘记密码”。")
    assert client.execute_command("MC.GET", "qwen", "如何重置我的密码？").decode() == "点击“忘记密码”。"
    assert client.execute_command("MC.GET", "qwen", "今天天气怎么样？") is None


def test_system_prompt_and_parameters_are_partitions(client):
    ask = ["MC.GET", "gpt-4", PASSWORD]
    client.execute_command("MC.SET", "gpt-4", PASSWORD, "A", "SYSTEM", "You are a pirate.", "PARAMS", '{"temperature": 1.0, "n": 1}')
    assert client.execute_command(*ask) is None
    assert client.execute_command(*ask, "SYSTEM", "You are a pirate.") is None
    assert client.execute_command(*ask, "SYSTEM", "You are a pirate.", "PARAMS", '{"n":1,"temperature":1}') == b"A"


def test_verdict_names_its_reason(client):
    client.execute_command("MC.SET", "gpt-4", PASSWORD, "A", "META", '{"tokens": 12}', "EX", "100")
    exact = details(client.execute_command("MC.GET", "gpt-4", PASSWORD, "WITHMETA"))
    assert (exact["verdict"], exact["reason"], exact["tier"], exact["answer"]) == (b"hit", b"exact", b"exact", b"A")
    assert json.loads(exact["meta"]) == {"tokens": 12}
    assert 0 < exact["ttl"] <= 100
    similar = details(client.execute_command("MC.GET", "gpt-4", "How can I reset my password?", "WITHMETA"))
    assert (similar["reason"], similar["tier"], similar["hit-query"]) == (b"similar", b"semantic", PASSWORD.encode())
    assert float(similar["threshold"]) <= float(similar["score"]) < 1
    missed = details(client.execute_command("MC.GET", "gpt-4", "What is the capital of France?", "WITHMETA"))
    assert (missed["verdict"], missed["reason"], missed["answer"]) == (b"miss", b"below-threshold", None)
    assert set(exact) == set(similar) == set(missed)


def test_conversations_need_the_same_context(client):
    def conversation(*turns):
        roles = ("user", "assistant")
        return json.dumps([{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)])

    netflix = conversation("I have a Netflix subscription for 12 euros.", "What would you like to do?", "Cancel it.")
    gym = conversation("My gym contract in Berlin runs until May.", "What would you like to do?", "Cancel it.")
    reworded = conversation("I've got a Netflix subscription that costs 12 euros.", "What would you like to do?", "Cancel it.")
    client.execute_command("MC.SET", "gpt-4", netflix, "Netflix is cancelled.")
    assert client.execute_command("MC.GET", "gpt-4", netflix) == b"Netflix is cancelled."
    assert client.execute_command("MC.GET", "gpt-4", reworded) == b"Netflix is cancelled."
    assert client.execute_command("MC.GET", "gpt-4", gym) is None
    assert client.execute_command("MC.GET", "gpt-4", "Cancel it.") is None


def test_long_texts_count_to_their_end(client):
    paragraph = "The customer called about invoice number %d and asked why the amount differs from the offer. "
    text = "".join(paragraph % number for number in range(220))
    assert len(text) > 20_000
    client.execute_command("MC.SET", "gpt-4", text, "long")
    assert client.execute_command("MC.GET", "gpt-4", text) == b"long"
    similarity = float(client.execute_command("MC.SIM", "gpt-4", text, text[:2000]))
    assert similarity < 0.9999


def test_client_vectors(client):
    vector = np.random.default_rng(1).standard_normal(384).astype("<f4")
    client.execute_command("MC.SET", "own", "first", "A", "VECTOR", vector.tobytes())
    assert client.execute_command("MC.GET", "own", "second", "VECTOR", (vector * 3).tobytes()) == b"A"
    assert client.execute_command("MC.GET", "own", "third", "VECTOR", (-vector).tobytes()) is None
    embedded = client.execute_command("MC.EMBED", "own", "some text")
    assert np.frombuffer(embedded[0], "<f4").shape == (384,)


def test_many_at_once_keep_their_order(client):
    questions = [f"What does error code {number} mean?" for number in range(30)]
    pairs = [word for number, question in enumerate(questions) for word in (question, f"answer {number}")]
    assert client.execute_command("MC.MSET", "bulk", len(questions), *pairs) == b"OK"
    answers = client.execute_command("MC.MGET", "bulk", len(questions) + 1, *reversed(questions), "unknown", "EXACT")
    assert answers == [f"answer {number}".encode() for number in reversed(range(30))] + [None]


@pytest.mark.parametrize("transaction", [True, False])
def test_pipeline_reads_its_own_writes(client, transaction):
    with client.pipeline(transaction=transaction) as pipe:
        for number in range(5):
            pipe.execute_command("MC.SET", "pipe", f"question {number}", f"answer {number}")
            pipe.execute_command("MC.GET", "pipe", f"question {number}", "EXACT")
        pipe.execute_command("MC.TRUNCATE", "pipe")
        pipe.execute_command("MC.GET", "pipe", "question 0", "EXACT")
        replies = pipe.execute()
    assert replies == [reply for number in range(5) for reply in (b"OK", f"answer {number}".encode())] + [5, None]


def test_life_of_an_entry(client):
    entry_id = client.execute_command("MC.SET", "life", "q", "a", "EX", "50", "TAGS", "2", "x", "y", "WITHID")
    entry = details(client.execute_command("MC.ENTRY", "life", entry_id))
    assert (entry["query"], entry["answer"], entry["tags"]) == (b"q", b"a", [b"x", b"y"])
    assert 0 < client.execute_command("MC.TTL", "life", entry_id) <= 50
    assert client.execute_command("MC.PERSIST", "life", entry_id) == 1
    assert client.execute_command("MC.TTL", "life", entry_id) == -1
    assert client.execute_command("MC.SCAN", "life", 0, "TAGS", 1, "x") == [b"0", [entry_id]]
    assert client.execute_command("MC.SET", "life", "q", "b", "NX") is None
    assert client.execute_command("MC.DEL", "life", "QUERY", "q") == 1
    assert client.execute_command("MC.SET", "life", "q", "b", "XX") is None
    assert client.execute_command("MC.TTL", "life", entry_id) == -2


def test_expired_answers_are_not_served(client):
    client.execute_command("MC.SET", "life", "q", "a", "PX", "1")
    deadline = time.monotonic() + 30
    while client.execute_command("MC.GET", "life", "q") is not None:
        assert time.monotonic() < deadline


def test_model_settings(client):
    client.execute_command("MC.SET", "strict", PASSWORD, "A")
    assert client.execute_command("MC.GET", "strict", "How can I reset my password?") == b"A"
    client.execute_command("MC.CONFIG", "SET", "strict", "threshold", "0.9999")
    assert client.execute_command("MC.GET", "strict", "How can I reset my password?") is None
    assert details(client.execute_command("MC.CONFIG", "GET", "strict", "thresh*"))["threshold"] == b"0.9999"
    client.execute_command("MC.CONFIG", "RESET", "strict", "threshold")
    assert client.execute_command("MC.GET", "strict", "How can I reset my password?") == b"A"
    client.execute_command("MC.DROP", "strict")
    assert b"strict" not in client.execute_command("MC.MODELS")


BAD = [
    (["MC.GET", "m", b"\xff\xfe"], "invalid UTF-8 in query"),
    (["MC.GET", b"\xff", "q"], "invalid UTF-8 in model"),
    (["MC.GET", "", "q"], "empty model name"),
    (["MC.GET", "m", "  "], "empty query"),
    (["MC.GET", "x" * 256, "q"], "model is too long"),
    (["MC.GET", "m", "q", "PARAMS", "{"], "invalid JSON in PARAMS"),
    (["MC.GET", "m", "q", "PARAMS", "[1]"], "expected a JSON object"),
    (["MC.SET", "m", "q", "a", "META", "nope"], "invalid JSON in META"),
    (["MC.SET", "m", "q", "a", "VECTOR", b"1234"], "invalid VECTOR"),
    (["MC.SET", "m", "q", "a", "VECTOR", np.full(384, np.nan, "<f4").tobytes()], "invalid VECTOR"),
    (["MC.SET", "m", "q", "a", "EX", "-1"], "invalid expire time in 'mc.set' command"),
    (["MC.SET", "m", "q", "a", "EX", "soon"], "value is not an integer"),
    (["MC.SET", "m", "q", "a", "EX", "1", "PX", "1"], "syntax error"),
    (["MC.SET", "m", "q", "a", "COLOUR", "red"], "syntax error"),
    (["MC.SET", "m", '[{"role":"assistant","content":"hello"}]', "a"], "no user turn"),
    (["MC.SET", "m", '[{"role":"robot","content":"hello"}]', "a"], "unknown role"),
    (["MC.SET", "m", "q", "a", "TAGS", "1", "t" * 129], "invalid tag"),
    (["MC.SET", "m", "q" * (1024 * 1024 + 1), "a"], "query is too long"),
    (["MC.SET", "m", "q"], "wrong number of arguments for 'mc.set' command"),
    (["MC.NOPE"], "unknown command"),
]


@pytest.mark.parametrize(("command", "text"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_bad_input_gets_a_clear_error_and_changes_nothing(client, command, text):
    with pytest.raises(redis.ResponseError, match=text):
        client.execute_command(*command)
    assert b"m" not in client.execute_command("MC.MODELS")
