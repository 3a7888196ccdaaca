"""The query log and the hit counters of a real server: over a clean stop, and over SIGKILL at random moments.

Questions come with vectors of their own and the embedding model is a tiny one: what is looked at is what is counted, not what is similar.
"""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter

import numpy as np
import pytest
import redis

from tests.embedding.tiny_model import TinyModel

ROUNDS = int(os.environ.get("LOG_KILL_ROUNDS", "5"))
QUESTIONS = 20
DIMENSION = 8
MOST = 10_000


@pytest.fixture
def arguments(tmp_path):
    return ["--embedder", f"onnx:{TinyModel(tmp_path / 'tiny').path}"]


def store(client):
    for number in range(QUESTIONS):
        vector = np.random.default_rng(number).standard_normal(DIMENSION).astype("<f4").tobytes()
        client.execute_command("MC.SET", "m", f"question {number}", f"answer {number}", "VECTOR", vector)


def hits(client):
    """Of every entry, as stored."""
    entries = [client.execute_command("MC.ENTRY", "m", number) for number in range(1, QUESTIONS + 1)]
    return {entry["id"]: entry["hits"] for entry in entries}


def logged(client):
    """The rows of the log in their order; every one whole, none twice."""
    rows, cursor = [], 0
    while page := client.execute_command("MC.LOG", "m", "COUNT", MOST, "AFTER", cursor):
        rows += page
        cursor = page[-1]["cursor"]
    assert len({row["cursor"] for row in rows}) == len(rows)
    for row in rows:
        assert (row["outcome"], row["score"], row["count"] > 0) == ("hit", 1.0, True)
        assert row["query"] == row["hit-query"] == f"question {row['id'] - 1}"
    return rows


def counted(rows):
    """Lookups per entry, as logged."""
    counts = Counter()
    for row in rows:
        counts[row["id"]] += row["count"]
    return counts


def test_a_clean_stop_keeps_every_hit(start, arguments):
    server = start(*arguments)
    with server.client(protocol=3, decode_responses=True) as client:
        store(client)
        asked = Counter()
        for _ in range(3):
            for number in range(QUESTIONS):
                for _ in range(number):
                    client.execute_command("MC.GET", "m", f"question {number}")
                    asked[number + 1] += 1
        last = int(client.time()[0])
    assert server.stop() == 0
    with start(*arguments).client(protocol=3, decode_responses=True) as client:
        assert +Counter(hits(client)) == counted(logged(client)) == asked
        entry = client.execute_command("MC.ENTRY", "m", QUESTIONS)
        assert last - 60 <= entry["last-hit"] // 1000 <= last + 1


def test_a_kill_loses_no_more_than_was_not_flushed_yet(start, arguments):
    """What was counted before a later lookup that the log has, was flushed with it or before it."""
    choose = random.Random(4)
    server = start(*arguments)
    with server.client(protocol=3, decode_responses=True) as client:
        store(client)
    for _ in range(ROUNDS):
        answered: list[int] = []
        before = _state(server)
        asking = threading.Thread(target=_ask, args=(server.port, answered))
        asking.start()
        time.sleep(choose.uniform(0, 2.5))
        server.process.send_signal(signal.SIGKILL)
        asking.join(60)
        server.process.wait(60)
        server = start(*arguments)
        now = _state(server)
        # Hits and rows are one unit: they tell of the same lookups, however the process ended.
        assert now[0] == now[1]
        kept = now[0] - before[0]
        # Every flush has all there was until then: what is kept is the beginning of what was answered, without a gap.
        assert sum(kept.values()) <= len(answered) + 1
        assert kept == Counter(answered[: sum(kept.values())]) or kept == Counter([*answered, _next(answered)])
    assert sum(now[0].values()) > 0


def _ask(port: int, answered: list[int]) -> None:
    """Look questions up in turn until the server is gone."""
    with contextlib.suppress(redis.ConnectionError), redis.Redis(port=port, socket_timeout=30, retry=None) as client:
        while True:
            client.execute_command("MC.GET", "m", f"question {_next(answered) - 1}")
            answered.append(_next(answered))


def _next(answered: list[int]) -> int:
    return len(answered) % QUESTIONS + 1


def _state(server):
    with server.client(protocol=3, decode_responses=True) as client:
        return +Counter(hits(client)), counted(logged(client))
