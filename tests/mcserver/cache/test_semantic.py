"""The cache as a whole: opened again, and in step with its store."""

import asyncio

from tests.mcserver.parts import Parts, opened, until


async def test_everything_is_there_again(tmp_path):
    async with opened(Parts(tmp_path)) as parts:
        parts.embedder.relate("a", "similar", 0.95)
        vector = parts.embedder.vector("similar").tobytes()
        await parts.ask("MC.CREATE", "m", "default-ttl", "100")
        await parts.ask("MC.SET", "m", "a", "1")
        await parts.ask("MC.SET", "n", "b", "2")
        await parts.ask("MC.DEL", "n", 2)
    async with opened(Parts(tmp_path)) as parts:
        assert await parts.ask("MC.MODELS") == [b"m", b"n"]
        assert await parts.ask("MC.GET", "m", "a") == b"1"
        assert await parts.ask("MC.GET", "m", "x", "VECTOR", vector) == b"1"
        assert await parts.ask("MC.TTL", "m", 1) == 100
        assert await parts.ask("MC.GET", "n", "b") is None
        assert await parts.index.check() == 0


async def test_a_write_whose_client_is_gone_before_the_end_is_in_effect(tmp_path):
    async with opened(Parts(tmp_path)) as parts:
        await parts.ask("MC.CREATE", "m")
        setting = asyncio.create_task(parts.ask("MC.SET", "m", "a", "1"))
        await until(lambda: bool(parts.cache._effects))
        setting.cancel()
        await asyncio.gather(setting, return_exceptions=True)
    assert parts.embedder.closed
    async with opened(Parts(tmp_path)) as parts:
        assert await parts.ask("MC.GET", "m", "a") == b"1"


async def test_memory_may_be_resized(tmp_path):
    async with opened(Parts(tmp_path)) as parts:
        for name in parts.cache.settings_used():
            parts.settings.subscribe(name, parts.cache.reconfigure)
        await parts.ask("MC.SET", "m", "a", "1")
        await parts.ask("MC.GET", "m", "a")
        assert len(parts.cache.exact) == 1
        await parts.ask("CONFIG", "SET", "exact-memory", "0")
        assert len(parts.cache.exact) == 0
        assert await parts.ask("MC.GET", "m", "a") == b"1"
