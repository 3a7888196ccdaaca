"""Redis' commands on types of data that do not exist here: unknown, but whoever tries one on a model is told what to use instead."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mcserver.cache.models import TYPE_NAME, name_of
from protocol.errors import CommandError, unknown_command

if TYPE_CHECKING:
    from mcserver.context import Client, Context

__all__ = ["key_range", "refusal"]

Range = tuple[int, int, int]

_COMMANDS: dict[Range, str] = {
    (1, 1, 1): (
        "append bitcount bitfield bitfield_ro bitpos decr decrby dump expire expireat geoadd geodist geohash geopos georadius "
        "georadius_ro georadiusbymember georadiusbymember_ro geosearch get getbit getdel getex getrange getset hdel hexists hget hgetall "
        "hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset hsetnx hstrlen hvals incr incrby incrbyfloat lindex linsert "
        "llen lpop lpos lpush lpushx lrange lrem lset ltrim move pexpire pexpireat pfadd psetex restore restore-asking rpop rpush rpushx "
        "sadd scard set setbit setex setnx setrange sismember smembers smismember sort sort_ro spop srandmember srem sscan strlen substr "
        "xack xadd xautoclaim xclaim xdel xlen xpending xrange xrevrange xsetid xtrim zadd zcard zcount zdiffstore zincrby zinterstore "
        "zlexcount zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrank zrem zremrangebylex zremrangebyrank "
        "zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunionstore"
    ),
    (1, 2, 1): "blmove brpoplpush copy geosearchstore lcs lmove rename renamenx rpoplpush smove zrangestore",
    (1, -1, 1): "mget pfcount pfmerge sdiff sdiffstore sinter sinterstore sunion sunionstore",
    (1, -1, 2): "mset msetnx",
    (1, -2, 1): "blpop brpop bzpopmax bzpopmin",
    (2, 2, 1): "pfdebug lmpop sintercard zdiff zinter zintercard zmpop zunion",
    (2, -1, 1): "bitop",
    (3, 3, 1): "blmpop bzmpop migrate",
}
"""Names by where their keys are: the first, the last (counted from the end where negative), and the step. Of a number of keys that the
command itself gives, the first."""

_LIFETIME = frozenset("expire expireat getex pexpire pexpireat psetex setex".split())
_WHOLE = frozenset("copy dump migrate move rename renamenx restore restore-asking".split())


def refusal(context: "Context", client: "Client", words: Sequence[bytes]) -> CommandError:
    """The error for words whose first names no command.

    Unknown, in Redis' words; only where a key is a model that the client may know of: that the type is wrong, and what would be right.
    """
    name = words[0].decode("latin-1").lower()
    if client.authenticated or context.access.default.open:
        for key in _keys(name, words):
            model = name_of(key)
            if context.cache.models.find(model) is not None and client.user.sees(model):
                return CommandError(
                    f"Operation against a key holding the wrong kind of value: '{model}' is a {TYPE_NAME}; {_advice(name)}", "WRONGTYPE"
                )
    return unknown_command(words[0], words[1:])


def key_range(name: str) -> Range | None:
    """Where the keys of a command of Redis stand; None for a name that is not in the table."""
    return next((where for where, names in _COMMANDS.items() if name in names.split()), None)


def _keys(name: str, words: Sequence[bytes]) -> Sequence[bytes]:
    where = key_range(name)
    if where is None:
        return ()
    first, last, step = where
    return words[first : last + 1 if last >= 0 else len(words) + last + 1 : step]


def _advice(name: str) -> str:
    if name in _LIFETIME:
        return "its entries can expire: use MC.EXPIRE for one, EX with MC.SET, or MC.CONFIG SET model default-ttl seconds"
    if name in _WHOLE:
        return "it can be emptied with MC.TRUNCATE and dropped with DEL, not copied or renamed"
    return "use MC.GET and MC.SET, see MC.HELP"
