"""Many lookups together, one transaction alone."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from mcserver.cache.gate import Gate


class Visitor:
    """Goes in, stays until told to leave."""

    def __init__(self, log: list[str], name: str, way) -> None:
        self._leave = asyncio.Event()
        self.inside = asyncio.Event()
        self._log, self._name = log, name
        self.task = asyncio.create_task(self._visit(way))

    async def _visit(self, way) -> None:
        async with way():
            self._log.append(self._name)
            self.inside.set()
            await self._leave.wait()

    async def leave(self) -> None:
        self._leave.set()
        await self.task


@pytest.fixture
def gate():
    return Gate()


async def turn() -> None:
    """Everyone who can go on has done so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_lookups_together(gate):
    async with AsyncExitStack() as inside:
        await inside.enter_async_context(gate.shared())
        await inside.enter_async_context(gate.shared())
    assert not gate.closed


async def test_one_after_the_other(gate):
    log: list[str] = []
    lookups = [Visitor(log, name, gate.shared) for name in ("early", "early too")]
    await turn()
    transactions = [Visitor(log, name, gate.exclusive) for name in ("first", "second")]
    await turn()
    late = Visitor(log, "late", gate.shared)
    await turn()
    assert log == ["early", "early too"]
    assert gate.closed
    for lookup in lookups:
        assert not transactions[0].inside.is_set()
        await lookup.leave()
    await transactions[0].inside.wait()
    await turn()
    assert log[2:] == ["first"]
    await transactions[0].leave()
    await late.inside.wait()
    await turn()
    assert log[2:] == ["first", "late"]
    await late.leave()
    await transactions[1].inside.wait()
    await transactions[1].leave()
    assert not gate.closed


async def test_a_failed_transaction_opens_the_gate(gate):
    with pytest.raises(KeyError):
        async with gate.exclusive():
            raise KeyError
    async with gate.shared():
        pass


async def test_a_transaction_that_gives_up_waiting_opens_the_gate(gate):
    log: list[str] = []
    lookup = Visitor(log, "lookup", gate.shared)
    await turn()
    transaction = Visitor(log, "transaction", gate.exclusive)
    await turn()
    transaction.task.cancel()
    await asyncio.gather(transaction.task, return_exceptions=True)
    await asyncio.wait_for(gate.opened(), 30)
    await lookup.leave()
    assert log == ["lookup"]
