"""Every setting of the server: name, type, default, bounds and help, by section.

This is the one table that files, arguments, environment, CONFIG GET and SET, the sample file and the reference page are made from.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mcserver.settings.kind import INT_MAX, KB, MB, UINT_MAX, Choice, Fixed, Flag, Folder, Integer, Memory, Number, Text, Words
from mcserver.settings.option import option
from mcserver.settings.output import OutputLimits, OutputLimitsKind

Durability = Literal["always", "everysec"]
LogLevel = Literal["debug", "verbose", "notice", "warning"]
Loop = Literal["asyncio", "uvloop"]
SystemPrompt = Literal["partition", "splice", "ignore"]
Context = Literal["match", "last-turn", "splice"]


@dataclass(frozen=True, eq=False)
class Network:
    """Network and access."""

    bind: tuple[str, ...] = option(
        Words(16),
        ("127.0.0.1", "-::1"),
        mutable=False,
        help="Addresses to listen on. '-' before an address: go on without it where the machine lacks it. "
        "'*' is every IPv4, '::*' every IPv6 address.",
    )
    port: int = option(Integer(0, 65535), 6380, mutable=False, help="TCP port to listen on. 0 takes a free one, which the log names.")
    tcp_backlog: int = option(
        Integer(0), 511, mutable=False, help="Connections that may wait to be accepted, within the system's own limit (somaxconn on Linux)."
    )
    tcp_keepalive: int = option(
        Integer(0, unit="seconds"), 300, help="Idle time after which the system probes whether a client is still there. 0 never probes."
    )
    timeout: int = option(
        Integer(0, unit="seconds"), 0, help="Close a connection that has been idle this long; subscribers stay. 0 never closes."
    )
    maxclients: int = option(Integer(1, UINT_MAX), 10_000, help="Connections at a time; one more is told so and closed.")
    protected_mode: bool = option(
        Flag(), True, help="Without a password, serve only clients of this machine, whatever addresses the server listens on."
    )
    requirepass: str = option(Text(), "", secret=True, help="Password that a client gives with AUTH or HELLO. Empty: none is asked for.")


@dataclass(frozen=True, eq=False)
class Limits:
    """Limits on what a client may send and leave unread."""

    proto_max_bulk_len: int = option(Memory(MB), 512 * MB, help="Longest single argument of a request.")
    client_query_buffer_limit: int = option(
        Memory(MB), 1024 * MB, help="Most bytes of unfinished requests that one client may have here; past it the connection is closed."
    )
    client_output_buffer_limit: OutputLimits = option(
        OutputLimitsKind(),
        OutputLimits(),
        help="Unread replies per class of client: bytes at which the connection is closed at once, "
        "and bytes over which it is closed after so many seconds.",
    )
    max_query_bytes: int = option(Memory(1, 512 * MB), MB, help="Longest query, system prompt and PARAMS together.")
    max_answer_bytes: int = option(Memory(1, 512 * MB), 16 * MB, help="Longest answer, and longest META.")
    max_tags: int = option(Integer(0, 1024), 64, help="Most tags of one entry.")
    max_tag_bytes: int = option(Memory(1, 64 * KB), 128, help="Longest tag.")


@dataclass(frozen=True, eq=False)
class Process:
    """Data folder, log and process."""

    dir: Path = option(
        Folder(),
        Path("data"),
        mutable=False,
        help="Folder that holds everything the server keeps, made if missing. One server at a time uses it.",
    )
    durability: Durability = option(
        Choice(("always", "everysec")),
        "everysec",
        mutable=False,
        help="What a power cut may cost. always: nothing, every commit waits for the disk. everysec: the last second. "
        "Neither loses anything acknowledged when only the process is killed.",
    )
    loglevel: LogLevel = option(
        Choice(("debug", "verbose", "notice", "warning")),
        "notice",
        help="Least severity that is logged. Queries and answers: at debug only.",
    )
    logfile: str = option(Text(form="the path of a file"), "", mutable=False, help="File to log to. Empty: standard error.")
    shutdown_timeout: int = option(
        Integer(0, unit="seconds"), 10, help="How long a shutdown waits for requests that are being answered before it gives them up."
    )
    loop: Loop = option(
        Choice(("asyncio", "uvloop")), "asyncio", mutable=False, help="Event loop. uvloop needs the extra: pip install 'mcserver[uvloop]'."
    )
    databases: str = option(Fixed("1"), "1", mutable=False, help="There is one database; models are its keys.")
    save: str = option(Fixed(""), "", mutable=False, help="Snapshots are not taken by time: every write is kept as it is made.")
    appendonly: str = option(Fixed("yes"), "yes", mutable=False, help="Every write is logged before it is acknowledged.")


@dataclass(frozen=True, eq=False)
class Embedding:
    """Embedding model."""

    embedder: str = option(
        Text(r"[a-z]+:\S.*", "provider:model, as in onnx:multilingual-e5-small"),
        "onnx:multilingual-e5-small",
        mutable=False,
        help="What turns texts into vectors. onnx:multilingual-e5-small is the default model, built on the first start; "
        "onnx:/path/of/folder is one of your own (model.onnx, tokenizer.json, config.json).",
    )
    embedder_workers: int = option(Integer(0, 64), 0, mutable=False, help="Batches computed side by side. 0: one per core.")
    embedder_threads: int = option(
        Integer(1, 1024),
        1,
        mutable=False,
        help="Threads that compute one batch. More workers with one thread each get more done than the reverse.",
    )
    embed_queue_limit: int = option(
        Integer(1), 4096, mutable=False, help="Texts that may wait to be embedded; clients beyond it are answered BUSY."
    )
    embed_cache_size: int = option(Memory(), 16 * MB, mutable=False, help="Memory for vectors of texts seen lately. 0 keeps none.")


@dataclass(frozen=True, eq=False)
class Search:
    """Exact tier and vector search."""

    exact_memory: int = option(Memory(), 256 * MB, help="Memory for answers that are ready for the same question again. 0 keeps none.")
    top_k: int = option(Integer(1, 1000), 8, help="Most similar entries that are judged for one lookup, best first.")
    index_exact_max: int = option(
        Integer(0), 4096, mutable=False, help="Entries of one partition up to which every vector is compared; beyond, an HNSW graph."
    )
    hnsw_m: int = option(Integer(2, 256), 32, mutable=False, help="HNSW: links per vector. More: better recall, more memory.")
    hnsw_ef_construction: int = option(Integer(4, 4096), 200, mutable=False, help="HNSW: candidates looked at when a vector is added.")
    hnsw_ef_search: int = option(
        Integer(1, 4096), 64, mutable=False, help="HNSW: candidates looked at in a search. More: better recall, slower."
    )
    index_check_interval: int = option(
        Integer(0, unit="seconds"), 3600, help="Time between two comparisons of the vector index with the stored entries. 0: only at start."
    )


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Per model.

    `MC.CONFIG SET model name value` sets one of these for one model; the values here are for all other models.
    """

    threshold: float = option(Number(0, 1), 0.98, help="Least cosine similarity at which an answer is served for a reworded question.")
    threshold_long: float = option(Number(0, 1), 0.998, help="The same for texts longer than long-text-chars.")
    threshold_context: float = option(Number(0, 1), 0.99, help="The same for what was said before the last question.")
    long_text_chars: int = option(Integer(0), 256, help="Characters above which a text counts as long.")
    default_ttl: int = option(Integer(0, INT_MAX, "seconds"), 0, help="Life of an entry that was set without one. 0: it stays.")
    system_prompt: SystemPrompt = option(
        Choice(("partition", "splice", "ignore")),
        "partition",
        help="What the system prompt counts for. partition: another one is another cache. splice: it is part of the compared text. "
        "ignore: it does not count.",
    )
    context: Context = option(
        Choice(("match", "last-turn", "splice")),
        "match",
        help="What of a conversation is compared. match: the last question and, apart from it, what came before. "
        "last-turn: the last question only. splice: all turns as one text.",
    )
    max_turns: int = option(Integer(0), 0, help="Latest turns of a conversation that count. 0: all.")


SECTIONS: tuple[type, ...] = (Network, Limits, Process, Embedding, Search, ModelSettings)
"""In the order of the reference page."""
