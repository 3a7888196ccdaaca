"""Commands on models."""

import numpy as np
import pytest

from storage.records import DropModel
from tests.mcserver.parts import Parts, error_text


@pytest.fixture
async def stored(parts: Parts) -> Parts:
    parts.embedder.relate("a", "similar", 0.95)
    await parts.ask("MC.SET", "m", "a", "1", "META", '{"tokens": 7, "cost": 0.5}')
    return parts


class TestModels:
    async def test_names_in_order(self, parts):
        for name in ("gpt-4o", "gpt-4", "a[b]", "模型"):
            await parts.ask("MC.CREATE", name)
        assert [name.decode() for name in await parts.ask("MC.MODELS")] == ["a[b]", "gpt-4", "gpt-4o", "模型"]
        assert await parts.ask("MC.MODELS", "MATCH", "gpt-?") == [b"gpt-4"]
        assert await parts.ask("MC.MODELS", "MATCH", "[^g]*") == [b"a[b]", "模型".encode()]
        assert await parts.ask("MC.MODELS", "MATCH", r"a\[b\]") == [b"a[b]"]
        assert await parts.ask("DBSIZE") == 4

    async def test_refused(self, parts):
        assert error_text(await parts.ask("MC.MODELS", "x")) == "ERR syntax error"


class TestCreate:
    async def test_with_settings(self, parts):
        assert await parts.ask("MC.CREATE", "m", "THRESHOLD", "0.5", "context", "splice") == b"OK"
        assert await parts.ask("MC.CONFIG", "GET", "m", "thresh*d") == {"threshold": b"0.5"}
        assert (await parts.ask("MC.CONFIG", "GET", "m", "context"))["context"] == b"splice"

    async def test_once(self, stored):
        assert error_text(await stored.ask("MC.CREATE", "m")) == "ERR model 'm' exists already"

    async def test_two_clients_at_once(self, parts):
        jobs = [parts.cache.admin.create("m", {}, now=1, finish=lambda _: "made") for _ in range(2)]
        first, second = (job.start() for job in jobs)
        assert await first == "made"
        with pytest.raises(Exception, match="exists already"):
            await second

    @pytest.mark.parametrize(
        ("words", "refusal"),
        [
            (["threshold"], "ERR syntax error"),
            (["threshold", "2"], "ERR threshold got '2'"),
            (["treshold", "0.5"], "ERR unknown setting 'treshold', did you mean 'threshold'?"),
            (["threshold", "0.5", "THRESHOLD", "0.6"], "ERR setting 'THRESHOLD' given twice"),
            ([b"\xff", "0.5"], "ERR invalid UTF-8 in setting"),
        ],
    )
    async def test_refused(self, parts, words, refusal):
        assert error_text(await parts.ask("MC.CREATE", "m", *words)).startswith(refusal)
        assert await parts.ask("MC.MODELS") == []


class TestDrop:
    async def test_everything_goes(self, stored):
        await stored.ask("MC.CONFIG", "SET", "m", "threshold", "0.5")
        assert await stored.ask("MC.DROP", "m") == b"OK"
        assert (await stored.ask("MC.MODELS"), await stored.ask("MC.GET", "m", "a"), stored.index.vectors) == ([], None, 0)
        await stored.ask("MC.CREATE", "m")
        assert await stored.ask("MC.CONFIG", "GET", "m", "threshold") == {"threshold": b"0.93"}
        assert await stored.ask("MC.GET", "m", "a") is None

    async def test_no_such_model(self, parts):
        assert error_text(await parts.ask("MC.DROP", "m")) == "ERR no such model 'm'"

    async def test_two_clients_at_once(self, stored):
        first, second = (stored.cache.admin.change("m", DropModel, now=1, finish=lambda _: "dropped").start() for _ in range(2))
        assert await first == "dropped"
        with pytest.raises(Exception, match="no such model"):
            await second


class TestConfig:
    async def test_kept(self, stored, tmp_path):
        await stored.ask("MC.CONFIG", "SET", "m", "threshold", "0.5", "default-ttl", "9")
        [model] = await stored.store.models()
        assert model.settings == {"threshold": "0.5", "default-ttl": "9"}

    async def test_reset(self, stored):
        await stored.ask("MC.CONFIG", "SET", "m", "threshold", "0.5", "default-ttl", "9")
        assert await stored.ask("MC.CONFIG", "RESET", "m", "THRESHOLD") == b"OK"
        assert await stored.ask("MC.CONFIG", "GET", "m", "[td]*[dl]") == {"threshold": b"0.93", "default-ttl": b"9"}

    async def test_follows_the_server_unless_it_has_its_own(self, stored):
        await stored.ask("MC.CREATE", "own", "threshold", "0.5")
        for name in stored.cache.settings_used():
            stored.settings.subscribe(name, stored.cache.reconfigure)
        stored.settings.assign([("threshold", "0.9")])
        assert [(await stored.ask("MC.CONFIG", "GET", name, "threshold"))["threshold"] for name in ("m", "own")] == [b"0.9", b"0.5"]

    async def test_remembered_commands_are_forgotten(self, stored):
        for change in (("MC.CONFIG", "SET", "m", "system-prompt", "ignore"), ("MC.CONFIG", "RESET", "m", "system-prompt")):
            await stored.ask("MC.GET", "m", "a")
            await stored.ask("MC.GET", "m", "a")
            assert len(stored.cache.exact.requests) == 1
            await stored.ask(*change)
            assert stored.cache.exact.requests == {}
        await stored.ask("MC.GET", "m", "a")
        stored.cache.reconfigure()
        assert stored.cache.exact.requests == {}

    @pytest.mark.parametrize(
        ("words", "refusal"),
        [
            (["SET", "m", "threshold", "x"], "ERR threshold got 'x'"),
            (["SET", "m", "threshold", "0.5", "context"], "ERR syntax error"),
            (["SET", "other", "threshold", "0.5"], "ERR no such model 'other'"),
            (["SET", "m", "threshold"], "ERR wrong number of arguments for 'mc.config|set' command"),
            (["RESET", "m", "port"], "ERR unknown setting 'port': expected one of threshold"),
            (["RESET", "other", "threshold"], "ERR no such model 'other'"),
            (["GET", "other", "*"], "ERR no such model 'other'"),
            (["NONSENSE", "m"], "ERR unknown subcommand 'NONSENSE'. Try MC.CONFIG HELP."),
        ],
    )
    async def test_refused(self, stored, words, refusal):
        assert error_text(await stored.ask("MC.CONFIG", *words)).startswith(refusal)
        assert await stored.ask("MC.CONFIG", "GET", "m", "threshold") == {"threshold": b"0.93"}


class TestInfo:
    async def test_counts(self, stored):
        for query in ("a", "a", "similar", "b"):
            await stored.ask("MC.GET", "m", query)
        found = await stored.ask("MC.INFO", "m")
        assert found.pop("bytes") > 256
        assert set(found.pop("latency-us")) == {"p50", "p95", "p99"}
        assert found == {
            "entries": 1, "partitions": 1, "embedder": b"table", "dimension": 64, "epoch": 1, "sets": 1, "lookups": 4,
            "hits": {"exact": 2, "semantic": 1}, "misses": {"below-threshold": 1}, "hit-ratio": 0.75, "tokens-saved": 0, "cost-saved": 0.0,
            "log-dropped": 0,
        }  # fmt: skip

    async def test_of_an_empty_model(self, parts):
        await parts.ask("MC.CREATE", "m")
        found = await parts.ask("MC.INFO", "m")
        assert (found["entries"], found["hit-ratio"], found["latency-us"]) == (0, 0.0, {"p50": 0, "p95": 0, "p99": 0})

    async def test_no_such_model(self, parts):
        assert error_text(await parts.ask("MC.INFO", "m")) == "ERR no such model 'm'"


class TestEmbedder:
    async def test_similarity(self, stored):
        assert await stored.ask("MC.SIM", "m", "a", "similar") == pytest.approx(0.95)
        assert await stored.ask("MC.SIM", "none", "a", "a") == pytest.approx(1)
        assert stored.embedder.batches[-1] == ["a", "a"]

    async def test_vectors(self, stored):
        first, second = await stored.ask("MC.EMBED", "m", "a", "similar")
        assert np.frombuffer(first, "<f4") @ np.frombuffer(second, "<f4") == pytest.approx(0.95)

    async def test_refused(self, stored):
        assert error_text(await stored.ask("MC.EMBED", "m", *["x"] * 1001)) == "ERR too many texts: 1001, at most 1000"
        assert error_text(await stored.ask("MC.EMBED", "m", b"\xff")) == "ERR invalid UTF-8 in text"
        assert "wrong number" in error_text(await stored.ask("MC.SIM", "m", "a"))
        stored.embedder.name = "newer"
        assert error_text(await stored.ask("MC.SIM", "m", "a", "b")).startswith("UNAVAILABLE model was embedded with table")


async def test_help_names_every_command(parts):
    lines = [line.decode() for line in await parts.ask("MC.HELP")]
    assert any(line.startswith("MC.CONFIG SET model name value") for line in lines)
    for command in parts.context.commands:
        if command.group == "semantic":
            assert any(line.split()[0] == command.name.upper() for line in lines), command.name
