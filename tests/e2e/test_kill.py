"""SIGKILL at random moments under a write load: nothing acknowledged is lost, nothing is half there, nothing removed comes back.

Vectors are the clients' own and the embedding model is a tiny one, so that a round costs little more than a start of the server. Questions
are checked by their exact key and, with another text, by their vector: an entry without its vector, or a vector without its entry, would
show.
"""

import contextlib
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
import redis

from tests.embedding.tiny_model import TinyModel

ROUNDS = int(os.environ.get("KILL_ROUNDS", "200"))
WRITERS = 3
QUESTIONS = 40
"""Per writer: few enough that they are replaced and removed again and again."""

DIMENSION = 8
ABSENT = None


def vector_of(model: str, number: int) -> bytes:
    """A vector of its own for every question; two are hardly ever similar."""
    seed = [number, *model.encode()]
    return np.random.default_rng(seed).standard_normal(DIMENSION).astype("<f4").tobytes()


@dataclass
class Writer:
    """One client with its own model. `known` holds what was acknowledged, `pending` what was sent and never answered."""

    model: str
    seed: int
    known: dict[int, bytes | None] = field(default_factory=lambda: dict.fromkeys(range(QUESTIONS)))
    pending: tuple[list[int], bytes | None] | None = None
    acknowledged: int = 0

    def run(self, port: int) -> None:
        """Write until the server is gone."""
        choose = random.Random(self.seed)
        with contextlib.suppress(redis.ConnectionError), redis.Redis(port=port, socket_timeout=30, retry=None) as client:
            while True:
                self._write(client, choose)

    def _write(self, client: redis.Redis, choose: random.Random) -> None:
        number, action = choose.randrange(QUESTIONS), choose.random()
        answer = b"%032x" % choose.getrandbits(128)
        if action < 0.02:
            self._send(client, list(range(QUESTIONS)), ABSENT, ["MC.TRUNCATE", self.model])
        elif action < 0.2:
            self._send(client, [number], ABSENT, ["MC.DEL", self.model, "QUERY", f"question {number}"])
        elif action < 0.3:
            numbers = choose.sample(range(QUESTIONS), 3)
            self._send(client, numbers, answer, *(self._set(one, answer) for one in numbers))
        else:
            self._send(client, [number], answer, self._set(number, answer))

    def _set(self, number: int, answer: bytes) -> list[object]:
        return ["MC.SET", self.model, f"question {number}", answer, "VECTOR", vector_of(self.model, number)]

    def _send(self, client: redis.Redis, numbers: list[int], answer: bytes | None, *commands: list[object]) -> None:
        """Send the commands, several as one transaction, which leave `answer` at `numbers`."""
        self.pending = (numbers, answer)
        if len(commands) == 1:
            client.execute_command(*commands[0])
        else:
            with client.pipeline(transaction=True) as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                pipe.execute()
        self.known.update(dict.fromkeys(numbers, answer))
        self.pending = None
        self.acknowledged += 1

    def check(self, client: redis.Redis) -> None:
        """What is there is what was acknowledged last; of a write that was cut off, all or nothing."""
        with client.pipeline(transaction=False) as pipe:
            for number in range(QUESTIONS):
                pipe.execute_command("MC.GET", self.model, f"question {number}", "EXACT")
                pipe.execute_command(
                    "MC.GET", self.model, f"another {number}", "VECTOR", vector_of(self.model, number), "THRESHOLD", 0.9999
                )
            replies = pipe.execute()
        found = dict(enumerate(replies[::2]))
        assert dict(enumerate(replies[1::2])) == found, f"{self.model}: not the same by vector as by key"
        if self.pending is not None and found != self.known:
            numbers, answer = self.pending
            self.known.update(dict.fromkeys(numbers, answer))
        assert found == self.known
        self.pending = None

    def check_count(self, client: redis.Redis) -> None:
        """The entries of a model are as many as its questions have answers: no second entry for one question, no leftover."""
        info = client.execute_command("MC.INFO", self.model)
        assert info["entries"] == sum(answer is not None for answer in self.known.values())


@pytest.mark.timeout(1500)
def test_nothing_acknowledged_is_lost(start, tmp_path):
    model = TinyModel(tmp_path / "tiny")
    arguments = ["--embedder", f"onnx:{model.path}"]
    choose = random.Random(20240229)
    writers = [Writer(f"model {number}", number) for number in range(WRITERS)]
    server = start(*arguments, folder=tmp_path, measured=False)
    for kill in range(ROUNDS):
        for writer in writers:
            writer.seed = kill * WRITERS + int(writer.model.split()[1])
        threads = [threading.Thread(target=writer.run, args=(server.port,)) for writer in writers]
        for thread in threads:
            thread.start()
        time.sleep(choose.uniform(0, 0.25))
        server.process.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join(60)
        server.process.wait(60)
        server = start(*arguments, folder=tmp_path, measured=False)
        with server.client(protocol=3, decode_responses=False) as client:
            for writer in writers:
                writer.check(client)
    with server.client(protocol=3, decode_responses=True) as client:
        for writer in writers:
            if any(writer.known.values()):
                writer.check_count(client)
    assert sum(writer.acknowledged for writer in writers) > ROUNDS
