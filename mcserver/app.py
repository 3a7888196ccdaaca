"""The composition root: the one module that names concrete back ends, and the order in which a server comes up and goes down."""

import asyncio
import gc
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from embedding.batcher import Batcher
from embedding.e5 import build as e5
from embedding.errors import EmbeddingError
from embedding.onnx import OnnxEncoder
from embedding.seam import Encoder
from mcserver.cache import SemanticCache
from mcserver.cache.upkeep import Upkeep
from mcserver.commands import FAMILIES
from mcserver.context import Context
from mcserver.folder import DataFolder, StartupError
from mcserver.network.listener import Listener
from mcserver.network.server import Server
from mcserver.process import raise_open_files, return_large_blocks
from mcserver.settings import SettingError, Settings
from mcserver.table import Table
from mcserver.telemetry.statistics import ServerStatistics
from storage.errors import StorageError
from storage.faiss import FaissIndex
from storage.sqlite import SqliteStore

__all__ = ["run"]

OWN_FILES = 128
"""Files that the server itself has open: store, index, model, log, listening sockets."""

_log = logging.getLogger("mcserver")


def run(settings: Settings) -> None:
    """Serve until SIGTERM, SIGINT or SHUTDOWN; at SIGHUP certificates are read again. Raises StartupError where the server cannot start."""
    return_large_blocks()
    allow_clients(settings)
    with ExitStack() as resources:
        resources.callback(DataFolder(settings.dir).release)
        listener = resources.enter_context(closing(Listener(settings)))
        loop_factory = _loop_factory(settings)
        encoder = make_encoder(settings)
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_serve(settings, encoder, listener))


def allow_clients(settings: Settings) -> None:
    """Make room for maxclients, now and when it changes: a connection is an open file, and those beyond what the system allows would
    get no word of why they are not served."""
    possible = _possible_clients(settings.maxclients)
    if possible < settings.maxclients:
        _log.warning("event=maxclients-out-of-reach maxclients=%d possible=%d", settings.maxclients, possible)

    @contextmanager
    def make_room(name: str) -> Iterator[None]:
        possible = _possible_clients(settings.maxclients)
        if possible < settings.maxclients:
            raise SettingError(f"The operating system is not able to handle the specified number of clients, try with {possible}")
        yield

    settings.govern(["maxclients"], make_room)


def _possible_clients(wanted: int) -> int:
    return raise_open_files(wanted + OWN_FILES) - OWN_FILES


def make_encoder(settings: Settings) -> Encoder:
    """The provider that `embedder` names, its model built first where it is the default one and not there yet."""
    provider, _, name = settings.embedder.partition(":")
    try:
        match provider:
            case "onnx":
                return OnnxEncoder(_model_folder(settings, name), threads=settings.embedder_threads)
            case _:
                raise StartupError(f"unknown provider '{provider}' in embedder '{settings.embedder}', expected onnx")
    except (EmbeddingError, OSError) as error:
        raise StartupError(str(error)) from None


def _model_folder(settings: Settings, name: str) -> Path:
    if name != e5.NAME:
        return Path(name)
    path = settings.dir / "models" / name
    e5.build(path, progress=_show_progress)
    return path


def _show_progress(done: int, total: int, what: str) -> None:
    end = "\n" if done == total else "\r" if sys.stderr.isatty() else "\n"
    sys.stderr.write(f"building the model: {100 * done // total:3d} % {what:<40}{end}")
    sys.stderr.flush()


def _loop_factory(settings: Settings) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if settings.loop == "asyncio":
        return None
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        raise StartupError("loop uvloop is not installed: pip install 'mcserver[uvloop]', or use loop asyncio") from None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _serve(settings: Settings, encoder: Encoder, listener: Listener) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, listener.renew)
    cache = make_cache(settings, encoder)
    context = Context(
        settings=settings,
        cache=cache,
        commands=Table(FAMILIES, settings.rename_command),
        statistics=ServerStatistics(),
        shutdown=stopping.set,
        started=time.time(),
        run_id=secrets.token_hex(20),
    )
    server = Server(context)
    upkeep = Upkeep(cache, settings, context.statistics)
    _subscribe(settings, cache)
    try:
        server.listen(listener)
        await cache.open()
        context.loading = False
        upkeep.start()
        _calm_collector()
        _log.info("event=ready port=%d pid=%d models=%d embedder=%s", context.port, os.getpid(), len(cache.models), encoder.name)
        await stopping.wait()
        _log.info("event=stopping")
    except (StorageError, OSError) as error:
        raise StartupError(str(error)) from None
    finally:
        await server.close()
        await upkeep.stop()
        await cache.close()
    _log.info("event=stopped")


def make_cache(settings: Settings, encoder: Encoder) -> SemanticCache:
    """The cache with the back ends that the settings ask for."""
    embedder = Batcher(
        encoder,
        queue_limit=settings.embed_queue_limit,
        workers=settings.embedder_workers or os.cpu_count() or 1,
        cache_bytes=settings.embed_cache_size,
    )
    index = FaissIndex(
        settings.dir / "index",
        exact_max=settings.index_exact_max,
        m=settings.hnsw_m,
        ef_construction=settings.hnsw_ef_construction,
        ef_search=settings.hnsw_ef_search,
    )
    store = SqliteStore(str(settings.dir / "mcserver.db"), durability=settings.durability)
    return SemanticCache(store=store, index=index, embedder=embedder, settings=settings)


def _subscribe(settings: Settings, cache: SemanticCache) -> None:
    for name in cache.settings_used():
        settings.subscribe(name, cache.reconfigure)


def _calm_collector() -> None:
    """Keep the garbage collector from walking through every stored object again and again: a full walk of a million stops the loop for
    hundreds of milliseconds. What start-up made stays out of it, and it runs less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
