"""What listeners are told: the changes of a unit of writes, when they last."""

import pytest

from mcserver.cache.changes import FLUSH, Change, Event
from mcserver.cache.upkeep import Upkeep
from tests.mcserver.parts import Parts, error_text


class Told:
    def __init__(self, parts: Parts) -> None:
        self.units: list[list[Change]] = []
        parts.cache.changes.listeners.append(lambda changes: self.units.append(list(changes)))

    def take(self) -> list[list[tuple[str, str]]]:
        units, self.units = self.units, []
        return [[(change.event.name, change.model) for change in unit] for unit in units]


@pytest.fixture
def told(parts: Parts) -> Told:
    return Told(parts)


async def test_the_first_answer_of_a_model(parts: Parts, told: Told):
    assert await parts.ask("MC.SET", "m", "q", "a") == b"OK"
    assert told.take() == [[("CREATED", "m")], [("SET", "m")]]
    assert await parts.ask("MC.SET", "m", "q", "b") == b"OK"
    assert told.take() == [[("SET", "m")]]


async def test_several_answers_are_one_change(parts: Parts, told: Told):
    await parts.ask("MC.CREATE", "m")
    await parts.ask("MC.MSET", "m", 3, "a", 1, "b", 2, "c", 3)
    assert told.take() == [[("CREATED", "m")], [("SET", "m")]]


async def test_what_changes_nothing_is_not_told(parts: Parts, told: Told):
    await parts.ask("MC.SET", "m", "q", "a")
    told.take()
    assert await parts.ask("MC.SET", "m", "q", "b", "NX") is None
    assert await parts.ask("MC.DEL", "m", 99) == 0
    assert await parts.ask("MC.EXPIRE", "m", 99, 10) == 0
    assert await parts.ask("MC.GET", "m", "q") == b"a"
    error_text(await parts.ask("MC.CREATE", "m"))
    assert told.take() == []


async def test_entries(parts: Parts, told: Told):
    number = await parts.ask("MC.SET", "m", "q", "a", "WITHID")
    told.take()
    assert await parts.ask("MC.EXPIRE", "m", number, 100) == 1
    assert await parts.ask("MC.PERSIST", "m", number) == 1
    assert await parts.ask("MC.DEL", "m", number) == 1
    assert told.take() == [[("TIMED", "m")], [("PERSISTED", "m")], [("REMOVED", "m")]]
    await parts.ask("MC.SET", "m", "q", "a")
    assert await parts.ask("MC.DEL", "m", "QUERY", "q") == 1
    assert told.take() == [[("SET", "m")], [("REMOVED", "m")]]


async def test_an_entry_that_expired_and_is_set_again(parts: Parts, told: Told):
    await parts.ask("MC.SET", "m", "q", "a", "EX", 10)
    told.take()
    parts.clock.seconds += 11
    await parts.ask("MC.SET", "m", "q", "b")
    assert told.take() == [[("EXPIRED", "m"), ("SET", "m")]]


async def test_entries_that_the_sweep_takes(parts: Parts, told: Told):
    await parts.ask("MC.SET", "m", "q", "a", "EX", 10)
    await parts.ask("MC.SET", "n", "q", "a", "EX", 10)
    told.take()
    upkeep = Upkeep(parts.cache, parts.settings, parts.context.statistics)
    await upkeep.sweep()
    assert told.take() == []
    parts.clock.seconds += 11
    await upkeep.sweep()
    assert sorted(told.take()) == [[("EXPIRED", "m")], [("EXPIRED", "n")]]


async def test_models(parts: Parts, told: Told):
    await parts.ask("MC.SET", "m", "q", "a", "TAGS", 1, "t")
    told.take()
    await parts.ask("MC.CONFIG", "SET", "m", "threshold", "0.5")
    await parts.ask("MC.TRUNCATE", "m", "TAGS", 1, "other")
    await parts.ask("MC.TRUNCATE", "m", "TAGS", 1, "t")
    await parts.ask("MC.TRUNCATE", "m")
    await parts.ask("MC.DROP", "m")
    assert told.take() == [[("CONFIGURED", "m")], [("TRUNCATED", "m")], [("TRUNCATED", "m")], [("DROPPED", "m")]]


async def test_flushing_tells_of_everything_and_of_each(parts: Parts, told: Told):
    await parts.ask("FLUSHALL")
    assert told.take() == [[("FLUSHED", "")]]
    await parts.ask("MC.CREATE", "m")
    await parts.ask("MC.CREATE", "n")
    told.take()
    await parts.ask("FLUSHDB")
    assert told.take() == [[("TRUNCATED", "m"), ("TRUNCATED", "n"), ("FLUSHED", "")]]


async def test_a_setting_of_all_models_concerns_everything(parts: Parts, told: Told):
    parts.settings.assign([("threshold", "0.5")])
    parts.cache.reconfigure()
    assert [unit for unit in told.units if unit == [FLUSH]]


async def test_a_transaction_is_told_when_it_is_committed(parts: Parts, told: Told):
    await parts.ask("MC.CREATE", "m")
    told.take()
    seen_inside: list[object] = []
    commit = parts.cache.changes.release

    def release() -> None:
        seen_inside.append(told.take())
        commit()

    parts.cache.changes.release = release
    await parts.execute(["MC.SET", "m", "q", "a"], ["MC.SET", "n", "q", "a"], ["MC.SET", "m", "q", "b"])
    assert seen_inside == [[]]
    assert told.take() == [[("SET", "m")], [("CREATED", "n")], [("SET", "n")], [("SET", "m")]]


async def test_a_transaction_that_fails_may_have_changed_anything(parts: Parts, told: Told):
    await parts.ask("MC.CREATE", "m")
    told.take()
    parts.store.commit_fails = True
    error_text(await parts.execute(["MC.SET", "m", "q", "a"]))
    assert told.take() == [[("FLUSHED", "")]]
    parts.store.commit_fails = False
    await parts.execute(["MC.SET", "m", "q", "b"])
    assert told.take() == [[("SET", "m")]]


async def test_where_nobody_listens_nothing_is_kept(parts: Parts):
    await parts.execute(["MC.SET", "m", "q", "a"])
    told = Told(parts)
    await parts.execute(["MC.SET", "m", "q", "b"])
    assert told.take() == [[("SET", "m")]]


def test_changes_compare_by_what_they_say():
    assert Change(Event.FLUSHED) == FLUSH
