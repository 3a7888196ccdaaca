"""docs/commands.md, made from the command table: `python -m mcserver.reference` writes it into the current folder's repository."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from mcserver.commands import FAMILIES
from mcserver.table import Command, Table

__all__ = ["GENERATED", "reference_page"]

_HEAD = """\
# Commands

<!-- Made from the command table by `python -m mcserver.reference`; change it where the command is declared, in mcserver/commands. -->

`COMMAND DOCS` says the same to a client, so that redis-cli shows it while you type; `MC.HELP`, `CLIENT HELP` and so on print it.
In the usage lines `[...]` is optional, `|` separates alternatives, `...` may be repeated. Keywords may be in any letter case.

Flags are those of Redis: *write* and *readonly* commands change or read entries, *denyoom* ones may need memory, *fast* ones take the same
short time always, *admin* ones are for operators, *loading* ones are answered while the server starts, *no_auth* ones before AUTH,
*no_multi* ones not inside MULTI.
"""

_TITLES = {
    "semantic": "The semantic cache",
    "generic": "The key space",
    "connection": "Connection",
    "transactions": "Transactions",
    "pubsub": "Publish/subscribe",
    "scripting": "Scripts",
    "cluster": "Cluster",
    "server": "Server",
}
_SHOWN = ("write", "readonly", "denyoom", "admin", "fast", "loading", "no_auth", "no_multi")


_FOOT = """
## Models as keys

A model is a key of type `modelcache`, so that redis-cli, exporters and graphical tools show what is there.

* `SCAN` gives every model that is there from its first call to its last, whatever is made and dropped meanwhile, and each once unless it
  was dropped and made again. Cursors hold until the server restarts. `TYPE` with any other type than `modelcache` finds nothing.
* `DEL` and `UNLINK` drop models with all they have, in one step. `FLUSHALL` and `FLUSHDB` empty all models and keep them and their
  settings.
* A model has no time to live (`TTL` says -1), its entries do: `MC.EXPIRE`, `EX` with `MC.SET`, the setting `default-ttl`.
* `OBJECT IDLETIME` counts from the last lookup or change of entries; a restart begins it anew. `OBJECT FREQ` is an error, as in Redis
  without an LFU policy.
* Commands of Redis on other types of data (`GET`, `HSET`, `EXPIRE`, `RENAME`, ...) are unknown commands. On a key that is a model they
  answer `WRONGTYPE` with what to use instead.
* A user with key patterns sees the models that fit them, as if there were no others: in `SCAN`, `KEYS`, `RANDOMKEY`, `DBSIZE`,
  `MC.MODELS` and `INFO`.

## INFO

Sections and fields are those of Redis, so that exporters and dashboards work; a field of something that does not exist here (scripts,
replicas, forks) is 0. What differs:

* `redis_version` is the Redis whose replies are followed; `mcserver_version` is the server's own.
* `used_memory` is what the process has in RAM, as `used_memory_rss`: model, index and libraries are in it too.
  `used_memory_dataset` is the part that answers kept in memory take, the rest is `used_memory_overhead`.
  Where the system does not tell (no `/proc`), it is the peak.
* `keyspace_hits` and `keyspace_misses` count lookups of all models, also of those dropped since and of names that are no model;
  `db0:keys` counts the models.
* `aof_enabled` is 1: every write is kept before it is answered, and there is nothing left to save. `aof_last_write_status` is `err` while
  the last write could not be kept.
* `INFO everything` and `INFO mc` add `# mc_stats` (lookups by tier, misses by reason, what was saved) and `# mc_models` (a line per model;
  in its name what is no letter, digit, `_`, `.`, `-` or `~` is written as in a URL, `%2F` for `/`).
  `INFO mc_stats` and `INFO mc_models` give one of the two.
* `rdb_last_save_time`, `rdb_saves` and `rdb_last_bgsave_*` tell of `SAVE` and `BGSAVE`: see below.

## Slow log, latency, memory

* `SLOWLOG` has commands that took at least `slowlog-log-slower-than` microseconds, from when they began to when their reply was ready. A
  lookup that has to embed its question counts that, too. 32 words of a command are kept and 128 bytes of each; passwords never are, nor
  does MONITOR show them. While the threshold is under a millisecond, lookups are not answered from memory alone, so that none is missed.
* `LATENCY` has what took at least `latency-monitor-threshold` milliseconds, the worst of each second, by event: `command`; `fast-command`,
  one that should always be fast; `event-loop`, how late the loop that serves all clients was, looked at ten times a second; `embedding`,
  texts waiting for their vectors; `store-commit`, writes waiting for the entry store. `LATENCY DOCTOR` says what can be done.
* `LATENCY HISTOGRAM` and `INFO latencystats` need no threshold; `latency-tracking no` switches them off.
* `MEMORY USAGE` counts queries, answers, META and vectors of a model, as stored. `MEMORY PURGE` gives free memory back to the system and
  leaves Python's garbage collector alone, which would stop all clients.

## Saving

Everything acknowledged outlives the process. With `durability everysec` a power cut may cost the last second; `SAVE` waits until nothing
would be lost, `BGSAVE` and `BGREWRITEAOF` begin the same in the background, `WAITAOF 1 0 0` does it for a client that wants to know.
`REPLICAOF NO ONE` and `WAIT` answer as by a master without replicas; to be a replica is refused.

## Cluster clients

`CLUSTER` is refused as by any Redis that is not in cluster mode, so that tools take the server for what it is. With `cluster-enabled yes`
it answers as a cluster of one node that has every slot, for client libraries that speak to clusters only; `cluster-announce-ip` and
`cluster-announce-port` say where that node is, where clients do not see it at its own address.

## DEBUG

Refused unless `enable-debug-command` says otherwise. `DEBUG HELP` lists what there is: as much as Redis' own tests ask for.
`DEBUG SLEEP` holds the connection that asks for it, and no other.
"""


def reference_page() -> str:
    """docs/commands.md."""
    table = Table(FAMILIES)
    parts = [_HEAD]
    for group, title in _TITLES.items():
        parts.append(f"\n## {title}\n\n| Command | What it does | Complexity | Flags |\n|---|---|---|---|\n")
        parts.extend(_row(command) for command in _listed(table) if command.group == group)
    return "".join([*parts, _FOOT])


GENERATED = {"docs/commands.md": reference_page}
"""Files of the repository that are made here, by their path in it."""


def _listed(table: Iterable[Command]) -> Iterator[Command]:
    """Every command that can be called, subcommands in place of their container."""
    for command in table:
        if command.fits(1) or not command.subcommands:
            yield command
        yield from command.subcommands.values()


def _row(command: Command) -> str:
    usage = f"{command.name.upper().replace('|', ' ')} {command.usage}".rstrip().replace("|", r"\|")
    flags = ", ".join(flag for flag in _SHOWN if flag in command.flags)
    return f"| `{usage}` | {command.summary} | {command.complexity} | {flags} |\n"


if __name__ == "__main__":
    for path, text in GENERATED.items():
        Path(path).write_text(text(), encoding="utf-8")
