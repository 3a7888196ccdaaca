"""Several clients at once, at random: in the end memory, index and store say the same."""

import asyncio
import random

import hiredis
import pytest

from tests.mcserver.parts import Parts, Peer, Tcp

QUESTIONS = [f"question {number}" for number in range(6)]
SIMILAR = {question: f"{question}, please" for question in QUESTIONS}


def command(chance: random.Random, client: int, number: int) -> list[object]:
    question, entry_id = chance.choice(QUESTIONS), chance.randint(1, 40)
    asked = chance.choice([question, SIMILAR[question]])
    stored = f"{client}:{number}" + "x" * chance.choice([0, 70_000])  # long ones are read beside the event loop
    return chance.choices(
        [
            ["MC.GET", "m", asked],
            ["MC.MGET", "m", 2, asked, chance.choice(QUESTIONS)],
            ["MC.SET", "m", question, stored, "TAGS", 1, chance.choice("xy")],
            ["MC.MSET", "m", 2, question, stored, chance.choice(QUESTIONS), stored, chance.choice(["NX", "XX", "PERSIST"])],
            ["MC.DEL", "m", entry_id],
            ["MC.DEL", "m", "QUERY", question],
            ["MC.EXPIRE", "m", entry_id, 1000],
            ["MC.TRUNCATE", "m", "TAGS", 1, "x"],
            ["MC.TRUNCATE", "m"],
            ["MC.CONFIG", "SET", "m", "max-turns", chance.randint(0, 3)],
            ["MC.DROP", "m"],
        ],
        weights=[40, 10, 20, 6, 4, 6, 4, 3, 2, 3, 2],
    )[0]


async def use(peer: Peer, chance: random.Random, client: int) -> None:
    """Pipelines of some length, some of them in MULTI and EXEC."""
    for number in range(25):
        commands = [command(chance, client, number) for _ in range(chance.randint(1, 8))]
        if chance.random() < 0.2:
            commands = [["MULTI"], *commands, ["EXEC"]]
        for words in commands:
            peer.send(*words)
        for reply in await peer.replies(len(commands)):
            assert not isinstance(reply, hiredis.ReplyError) or "no such model" in str(reply)


@pytest.mark.parametrize("seed", range(4))
async def test_one_truth(parts: Parts, tcp: Tcp, seed: int):
    chance = random.Random(seed)
    for question, other in SIMILAR.items():
        parts.embedder.relate(question, other, 0.95)
    peers = [await tcp.connect() for _ in range(5)]
    await asyncio.gather(*(use(peer, random.Random(chance.random()), client) for client, peer in enumerate(peers)))
    await parts.ask("MC.SET", "m", QUESTIONS[0], "last")
    _, ids = await parts.ask("MC.SCAN", "m", 0, "COUNT", 1000)
    entries = [await parts.ask("MC.ENTRY", "m", entry_id) for entry_id in ids]
    stored = {entry["query"].decode(): entry["answer"] for entry in entries}
    for question in QUESTIONS:
        for asked in (question, question, SIMILAR[question]):
            assert await peers[0].ask("MC.GET", "m", asked) == stored.get(question)
    assert (parts.index.vectors, await parts.index.check()) == (len(stored), 0)
    assert len(parts.cache.exact) <= len(stored)
    assert sum(answer.size for answer in parts.cache.exact._answers.values()) == parts.cache.exact.bytes
