"""Who sends when."""

import asyncio

import pytest

from mcserver.network.outbox import CONNECTIONS_PER_TURN, Outbox
from tests.mcserver.parts import until


async def test_in_the_order_in_which_they_were_added_and_not_at_once():
    outbox, called = Outbox(), []
    for number in range(3):
        outbox.add(lambda number=number: called.append(number))
    assert called == []
    await asyncio.sleep(0)
    assert called == [0, 1, 2]


async def test_others_get_their_turn_in_between():
    outbox, called = Outbox(), []
    for _ in range(3 * CONNECTIONS_PER_TURN):
        outbox.add(lambda: called.append("one"))
    asyncio.get_running_loop().call_soon(called.append, "another")
    await until(lambda: len(called) == 3 * CONNECTIONS_PER_TURN + 1)
    assert called.index("another") == CONNECTIONS_PER_TURN


async def test_what_is_added_meanwhile_comes_last():
    outbox, called = Outbox(), []
    outbox.add(lambda: outbox.add(lambda: called.append("later")))
    outbox.add(lambda: called.append("sooner"))
    await until(lambda: len(called) == 2)
    assert called == ["sooner", "later"]


async def test_one_that_fails_holds_up_nobody():
    outbox, called, failures = Outbox(), [], []

    def fail() -> None:
        raise ValueError("broken")

    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
    outbox.add(fail)
    outbox.add(lambda: called.append("next"))
    await until(lambda: bool(called))
    outbox.add(lambda: called.append("last"))
    await until(lambda: len(called) == 2)
    assert [str(failure) for failure in failures] == ["broken"]


@pytest.mark.parametrize("count", [0, 1])
async def test_nothing_is_left_waiting(count: int):
    outbox, called = Outbox(), []
    for _ in range(count):
        outbox.add(lambda: called.append("one"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(called) == count
