"""What every key answers: models that exist, that do not, and names that none can have."""

import pytest

from tests.mcserver.parts import Parts, error_text


@pytest.fixture
async def stored(parts: Parts) -> Parts:
    for name in ("m", "n", "模型"):
        await parts.ask("MC.SET", name, "a", "1")
    return parts


async def test_exists_counts_repeats(stored):
    assert await stored.ask("EXISTS", "m") == 1
    assert await stored.ask("EXISTS", "m", "x", "m", "模型", b"\xff", b"") == 3


async def test_type(stored):
    assert [await stored.ask("TYPE", key) for key in ("m", "x", b"\xff")] == [b"modelcache", b"none", b"none"]


@pytest.mark.parametrize("command", ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"])
async def test_a_model_stays(stored, command):
    assert [await stored.ask(command, key) for key in ("m", "x", b"\xff")] == [-1, -2, -2]


async def test_there_is_no_time_to_live_to_take_away(stored):
    assert [await stored.ask("PERSIST", key) for key in ("m", "x")] == [0, 0]


class TestDelete:
    @pytest.mark.parametrize("command", ["DEL", "UNLINK"])
    async def test_models_go_with_all_they_have(self, stored, command):
        await stored.ask("MC.CONFIG", "SET", "m", "threshold", "0.5")
        assert await stored.ask(command, "m", "x", "模型", "m", b"\xff") == 2
        assert await stored.ask("MC.MODELS") == [b"n"]
        assert [model.name for model in await stored.store.models()] == ["n"]
        assert [await stored.ask("MC.GET", name, "a") for name in ("m", "n")] == [None, b"1"]
        assert stored.index.vectors == 1
        await stored.ask("MC.CREATE", "m")
        assert await stored.ask("MC.CONFIG", "GET", "m", "threshold") == {"threshold": b"0.93"}

    async def test_nothing_there(self, parts):
        assert await parts.ask("DEL", "m") == 0

    async def test_all_or_none(self, stored):
        stored.store.down = True
        assert error_text(await stored.ask("DEL", "m", "n")) == "UNAVAILABLE the store is down"
        stored.store.down = False
        assert await stored.ask("EXISTS", "m", "n") == 2
        async with stored.store.transaction():  # the writer is busy: what is asked for now is queued, as one unit
            dropping = stored.cache.admin.drop(["m", "n"], now=stored.clock.milliseconds, finish=len).start()
            assert await stored.ask("EXISTS", "m", "n") == 2
        assert await dropping == 2
        assert await stored.ask("EXISTS", "m", "n") == 0

    async def test_what_another_client_has_dropped_does_not_count(self, stored):
        first, second = (stored.cache.admin.drop(["m", "n"], now=1, finish=lambda outcomes: [o.id for o in outcomes]) for _ in range(2))
        ended = [job.start() for job in (first, second)]
        assert [[found is not None for found in await one] for one in ended] == [[True, True], [False, False]]

    async def test_inside_exec(self, stored):
        replies = await stored.execute(
            ["EXISTS", "m"], ["DEL", "m", "n"], ["EXISTS", "m", "n"], ["DBSIZE"], ["MC.SET", "m", "b", "2"], ["TYPE", "m"], ["KEYS", "?"]
        )
        assert replies == [1, 2, 0, 1, b"OK", b"modelcache", [b"m"]]
        assert await stored.ask("MC.GET", "m", "b") == b"2"

    async def test_a_failed_exec_drops_nothing(self, stored):
        stored.store.commit_fails = True
        await stored.execute(["DEL", "m", "n"])
        stored.store.commit_fails = False
        assert await stored.ask("EXISTS", "m", "n") == 2
        assert sorted((await stored.ask("SCAN", 0))[1]) == [b"m", b"n", "模型".encode()]
        assert await stored.ask("MC.GET", "m", "a") == b"1"
