"""redis-server as Redis' test harness starts it: `shim.py --model FOLDER redis.conf [--name value ...]`.

The redis.conf that the harness writes becomes mcserver's settings in the folder of the test, then this process becomes the server. What the
harness waits for on standard output is said once the server is ready.
"""

import hashlib
import json
import logging
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from mcserver.app import run
from mcserver.folder import StartupError
from mcserver.journal import set_up_logging
from mcserver.settings import load_settings
from mcserver.settings.server import TABLE

CONF = "mcserver.toml"
TRANSLATED = "translated"
"""Beside CONF: the digest of the redis.conf that CONF was made from."""

LEFT_OUT = frozenset(
    # Threads, forks, memory allocator and crash reports of redis-server.
    "activerehashing always-show-logo crash-log-enabled crash-memcheck-enabled daemonize io-threads io-threads-do-reads pidfile watchdog-period "
    "oom-score-adj oom-score-adj-values propagation-error-behavior shutdown-on-sigterm set-proc-title proc-title-template "
    # Persistence and databases: every write is kept as it is made, in one database.
    "appendfsync appenddirname aof-use-rdb-preamble aof-load-truncated appendonly auto-aof-rewrite-percentage databases dbfilename "
    "key-load-delay loading-process-events-interval-bytes no-appendfsync-on-rewrite rdb-key-save-delay rdbcompression save "
    # Replication and cluster.
    "masterauth replica-announced repl-diskless-sync-delay slave-serve-stale-data tls-client-cert-file tls-client-key-file tls-cluster "
    "tls-replication cluster-enabled "
    # Data types and scripts.
    "list-max-ziplist-size lua-time-limit maxmemory maxmemory-policy set-max-intset-entries "
    # Settings of redis-server that its protected configuration covers.
    "enable-module-command enable-protected-configs".split()
)
"""Directives that are left out: they have no counterpart here, or one value only."""

REPEATED = frozenset({"client-output-buffer-limit"})
"""Directives that may stand there several times, each for another class of client."""


def translate(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The settings of mcserver among the directives of a redis.conf. Raises ValueError for one that is neither known nor in LEFT_OUT."""
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.strip().partition(" ")
        name = name.lower()
        if name in LEFT_OUT:
            continue
        if name not in TABLE:
            if name in PENDING: continue
            raise ValueError(f"directive {name} of redis.conf is not known to tests/conformance/shim.py: {line}")
        yield name, " ".join(shlex.split(rest))


def write_settings(conf: Path, model: Path) -> Path:
    """Write CONF in the folder that `dir` of the redis.conf names, and return that folder.

    A redis.conf that has not changed since leaves CONF as it is: the server may have rewritten it.
    """
    source = conf.read_bytes()
    settings: dict[str, str] = {}
    for name, value in translate(source.decode().splitlines()):
        settings[name] = f"{settings[name]} {value}" if name in REPEATED and name in settings else value
    folder = Path(settings.get("dir", ".")).resolve()
    digest = hashlib.sha256(source).hexdigest()
    mark = folder / TRANSLATED
    if not mark.exists() or mark.read_text(encoding="ascii") != digest:
        settings |= {"dir": str(folder), "embedder": f"onnx:{model}", "embedder-workers": "1"}
        (folder / CONF).write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()), encoding="utf-8")
        mark.write_text(digest, encoding="ascii")
    return folder

PENDING = frozenset({"notify-keyspace-events", "latency-monitor-threshold", "enable-debug-command", "unixsocket", "slowlog-log-slower-than"})

class Announcement(logging.Handler):
    """Says on standard output what the harness waits for, once the server logs that it is ready."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("event=ready "):
            print(f" PID: {os.getpid()}\nServer initialized\nReady to accept connections", flush=True)


def main() -> None:
    """Become the server. The harness asks for another port where this one is taken."""
    _, _, model, conf, *arguments = sys.argv
    os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    logging.getLogger("mcserver").addHandler(Announcement())
    try:
        folder = write_settings(Path(conf), Path(model))
        os.chdir(folder)
        settings = load_settings(["--conf", str(folder), *arguments], {})
        set_up_logging(settings)
        run(settings)
    except Exception as error:
        # Whatever it is, the harness would wait two minutes for one of these.
        listening = isinstance(error, StartupError) and "cannot listen on" in str(error)
        print("Failed listening on port" if listening else f" PID: {os.getpid()}", flush=True)
        raise


if __name__ == "__main__":
    main()
