"""Redis' commands on types that do not exist here."""

import pytest

from mcserver.commands import FAMILIES
from mcserver.foreign import key_range
from mcserver.table import Table
from tests.mcserver.commands.wire import Redis, decode
from tests.mcserver.parts import Parts, error_text

TABLE = Table(FAMILIES)
CHANNELS = {"spublish", "ssubscribe", "sunsubscribe"}
"""Redis describes shard channels as it does keys."""

WITHOUT = {"xread", "xreadgroup", "eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro"}
"""Their keys stand behind a keyword, or belong to a script."""

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value: 'm' is a modelcache; "


def test_the_table_has_every_command_of_redis_that_takes_keys(redis: Redis):
    known = {}
    for name, _, _, first, last, step, _, _, specs, _ in decode(redis.send("COMMAND")):
        if specs and name not in CHANNELS | WITHOUT and TABLE.find(name.encode()) is None:
            known[name] = (first, last, step) if first else (_first_key(specs[0]),) * 2 + (1,)
    assert {name: key_range(name) for name in known} == known
    assert "set" in known
    assert "zunion" in known


def _first_key(specification: list[object]) -> int:
    """Of a command that is told how many keys follow."""
    _, _, _, begin, _, find = specification
    return begin[3][1] + find[3][3]


@pytest.fixture
async def stored(parts: Parts) -> Parts:
    await parts.ask("MC.SET", "m", "a", "1")
    return parts


class TestOnAModel:
    @pytest.mark.parametrize(
        "words",
        [
            ["GET", "m"],
            ["get", "m"],
            ["SET", "m", "1"],
            ["SET", "m"],
            ["HGETALL", "m"],
            ["MGET", "x", "m", "y"],
            ["MSET", "x", "1", "m", "2"],
            ["BLPOP", "x", "m", "0"],
            ["LCS", "x", "m"],
            ["BITOP", "AND", "x", "m"],
            ["ZUNION", "1", "m"],
            ["BLMPOP", "0", "1", "m", "LEFT"],
        ],
    )
    async def test_what_to_use_instead(self, stored, words):
        assert error_text(await stored.ask(*words)) == f"{WRONG_TYPE}use MC.GET and MC.SET, see MC.HELP"

    async def test_on_its_lifetime(self, stored):
        assert error_text(await stored.ask("EXPIRE", "m", 10)) == (
            f"{WRONG_TYPE}its entries can expire: use MC.EXPIRE for one, EX with MC.SET, or MC.CONFIG SET model default-ttl seconds"
        )
        assert await stored.ask("TTL", "m") == -1

    async def test_on_the_whole_of_it(self, stored):
        for words in (["RENAME", "x", "m"], ["DUMP", "m"], ["COPY", "m", "x"]):
            told = error_text(await stored.ask(*words))
            assert told == f"{WRONG_TYPE}it can be emptied with MC.TRUNCATE and dropped with DEL, not copied or renamed"

    async def test_spoils_a_transaction_as_any_unknown_command(self, stored):
        peer_replies = [await stored.ask(*words) for words in (["MULTI"], ["GET", "m"])]
        assert peer_replies[0] == b"OK"
        assert error_text(peer_replies[1]).startswith("WRONGTYPE")


class TestElsewhere:
    @pytest.mark.parametrize(
        ("words", "quoted"),
        [
            (["GET", "x"], "'GET', with args beginning with: 'x' "),
            (["GET"], "'GET', with args beginning with: "),
            (["GET", "x", "m"], "'GET', with args beginning with: 'x' 'm' "),
            (["MSET", "x", "m"], "'MSET', with args beginning with: 'x' 'm' "),
            (["BLPOP", "x", "m"], "'BLPOP', with args beginning with: 'x' 'm' "),
            (["BITOP", "m", "x"], "'BITOP', with args beginning with: 'm' 'x' "),
            (["NOSUCH", "m"], "'NOSUCH', with args beginning with: 'm' "),
            (["G\xe9T", "m"], "'G\xe9T', with args beginning with: 'm' "),
        ],
    )
    async def test_unknown_in_the_words_of_redis(self, stored, words, quoted):
        assert error_text(await stored.ask(*words)) == f"ERR unknown command {quoted}"

    async def test_a_model_that_the_user_may_not_know_of(self, stored):
        stored.client.user = stored.context.access.draft("tenant", ["on", "+@all", "~other:*"])
        assert error_text(await stored.ask("GET", "m")) == "ERR unknown command 'GET', with args beginning with: 'm' "

    async def test_before_authentication_nothing_is_told(self, stored):
        stored.settings.assign([("requirepass", "secret")])
        stored.client.authenticated = False
        assert error_text(await stored.ask("GET", "m")) == "ERR unknown command 'GET', with args beginning with: 'm' "
        await stored.ask("AUTH", "secret")
        assert error_text(await stored.ask("GET", "m")).startswith(WRONG_TYPE)

    async def test_none_of_them_is_a_command(self, stored):
        names = {name.decode() for name in await stored.ask("COMMAND", "LIST")}
        assert not [name for name in names if key_range(name)]
