"""redis-server as Redis' test harness starts it: `shim.py --model FOLDER [redis.conf] [--name value ...]`.

The redis.conf that the harness writes becomes mcserver's settings in the folder of the test, then this process becomes the server. What the
harness waits for on standard output is said once the server is ready.
"""

import hashlib
import json
import logging
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mcserver.app import run
from mcserver.folder import StartupError
from mcserver.journal import set_up_logging
from mcserver.settings import load_settings
from mcserver.settings.server import TABLE

CONF = "mcserver.toml"
TRANSLATED = "translated"
"""Beside CONF: the digest of the lines that CONF was made from."""

DEFAULTS = ("dir ./", "bind * -::*")
"""What redis-server does where its configuration does not say, and mcserver does not."""

LEFT_OUT = frozenset(
    # Threads, forks, memory allocator and crash reports of redis-server.
    "activerehashing always-show-logo crash-memcheck-enabled daemonize pidfile propagation-error-behavior "
    # Persistence and databases: every write is kept as it is made, in one database.
    "appendfilename appendfsync appendonly databases dbfilename no-appendfsync-on-rewrite rdbcompression "
    # Replication and cluster.
    "repl-diskless-sync-delay slave-serve-stale-data tls-client-cert-file tls-client-key-file tls-cluster tls-replication "
    # Which options may be changed at run time is not an option here, and there are no modules.
    "enable-module-command enable-protected-configs".split()
)
"""Directives that are left out: they have no counterpart here, or one value only."""

JOINED = frozenset({"client-output-buffer-limit"})
"""Directives that may stand there several times, each for another class of client."""


def translate(lines: Iterable[str]) -> dict[str, str | list[str]]:
    """The settings of mcserver among the directives of a redis.conf. Raises ValueError for one that is neither known nor in LEFT_OUT."""
    settings: dict[str, str | list[str]] = {}
    for name, value in _directives(lines):
        before = settings.get(name)
        if TABLE[name].kind.accumulates:
            settings[name] = [*(before or []), value]
        else:
            settings[name] = f"{before} {value}" if before and name in JOINED else value
    return settings


def _directives(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, rest = line.strip().partition(" ")
        name = name.lower()
        if not name or name.startswith("#") or name in LEFT_OUT:
            continue
        if name not in TABLE:
            raise ValueError(f"directive {name} of redis.conf is not known to {Path(__file__).name}: {line}")
        yield name, " ".join(shlex.split(rest))


def write_settings(lines: Sequence[str], model: Path) -> Path:
    """Write CONF in the folder that `dir` names, and return that folder.

    Where the lines have not changed since, CONF stays as it is: the server may have rewritten it.
    """
    settings = translate(lines)
    folder = Path(str(settings["dir"])).resolve()
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    mark = folder / TRANSLATED
    if not mark.exists() or mark.read_text(encoding="ascii") != digest:
        settings |= {"dir": str(folder), "embedder": f"onnx:{model}", "embedder-workers": "1"}
        (folder / CONF).write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()), encoding="utf-8")
        mark.write_text(digest, encoding="ascii")
    return folder


def read_lines(arguments: Sequence[str]) -> list[str]:
    """The directives that redis-server would take from its arguments: those of a file, then `--name value ...` as if they stood there."""
    first, *rest = (*arguments, "")
    if first.startswith("--"):
        first, rest = os.devnull, [*arguments]
    text = Path(first or os.devnull).read_text(encoding="utf-8")
    words = (f"\n{word.removeprefix('--')}" if word.startswith("--") else f" {shlex.quote(word)}" for word in rest if word)
    return [*DEFAULTS, *f"{text}{''.join(words)}".strip().splitlines()]


class Announcement(logging.Handler):
    """Says on standard output what the harness waits for, once the server logs that it is ready."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("event=ready "):
            print(f" PID: {os.getpid()}\nServer initialized\nReady to accept connections", flush=True)


def main() -> None:
    """Become the server. The harness asks for another port where this one is taken."""
    _, _, model, *arguments = sys.argv
    os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    logging.getLogger("mcserver").addHandler(Announcement())
    try:
        folder = write_settings(read_lines(arguments), Path(model))
        os.chdir(folder)
        settings = load_settings(["--conf", str(folder)], {})
        set_up_logging(settings)
        run(settings)
    except Exception as error:
        # Whatever it is, the harness would wait two minutes for one of these.
        taken = isinstance(error, StartupError) and "cannot listen on" in str(error)
        print("Failed listening on port" if taken else f" PID: {os.getpid()}", flush=True)
        raise


if __name__ == "__main__":
    main()
