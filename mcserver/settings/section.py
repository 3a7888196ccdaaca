"""Every setting of the server: name, type, default, bounds and help, by section.

This is the one table that files, arguments, environment, CONFIG GET and SET, the sample file and the reference page are made from.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mcserver.settings.events import KeyspaceEvents
from mcserver.settings.kind import (
    INT_MAX,
    KB,
    LLONG_MAX,
    MB,
    UINT_MAX,
    Choice,
    Fixed,
    Flag,
    Folder,
    Integer,
    Memory,
    Number,
    Octal,
    Text,
    Words,
)
from mcserver.settings.option import option
from mcserver.settings.output import OutputLimits, OutputLimitsKind
from mcserver.settings.percentiles import Percentiles
from mcserver.settings.renames import Renames
from mcserver.settings.snapshots import Snapshots
from mcserver.settings.users import UserLines

ClientAuthentication = Literal["no", "yes", "optional"]
Durability = Literal["always", "everysec"]
LogLevel = Literal["debug", "verbose", "notice", "warning"]
Loop = Literal["asyncio", "uvloop"]
NewChannels = Literal["allchannels", "resetchannels"]
ProtectedAction = Literal["no", "yes", "local"]
SystemPrompt = Literal["partition", "splice", "ignore"]
Context = Literal["match", "last-turn", "splice"]

_PEM = Text(form="the path of a file in PEM format")


@dataclass(frozen=True, eq=False)
class Network:
    """Network and access."""

    bind: tuple[str, ...] = option(
        Words(16, least=0),
        ("127.0.0.1", "-::1"),
        help="Addresses to listen on. '-' before an address: go on without it where the machine lacks it. "
        "'*' is every IPv4, '::*' every IPv6 address. Empty: no TCP at all.",
    )
    port: int = option(Integer(0, 65535), 6380, help="TCP port to listen on. 0: none, where clients come over TLS or a unix socket.")
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
    unixsocket: str = option(
        Text(form="the path of a socket"),
        "",
        mutable=False,
        help="Unix socket to listen on as well. What an ended server left at this path is taken over. Empty: none.",
    )
    unixsocketperm: int = option(
        Octal(0o777), 0, mutable=False, help="Permissions of the unix socket, such as 770. 0: what the system gives it."
    )
    protected_mode: bool = option(
        Flag(), True, help="Without a password, serve only clients of this machine, whatever addresses the server listens on."
    )
    rename_command: tuple[tuple[str, str], ...] = option(
        Renames(),
        (),
        mutable=False,
        help="Commands that have another name here, or without a new name cannot be called at all. Users' rights go by the old names.",
    )
    requirepass: str = option(Text(), "", secret=True, help="Password that a client gives with AUTH or HELLO. Empty: none is asked for.")


@dataclass(frozen=True, eq=False)
class Tls:
    """TLS.

    A file is read again when it is set again, even to the same path, and at SIGHUP: so a renewed certificate is taken without a restart.
    """

    tls_port: int = option(Integer(0, 65535), 0, help="TCP port to listen on for clients that come with TLS. 0: none.")
    tls_cert_file: str = option(_PEM, "", volatile=True, help="The server's certificate, with the chain above it.")
    tls_key_file: str = option(_PEM, "", volatile=True, help="The private key of the certificate.")
    tls_key_file_pass: str = option(Text(), "", secret=True, help="What the private key is encrypted with, where it is.")
    tls_ca_cert_file: str = option(_PEM, "", volatile=True, help="Certificates of the authorities whose clients are trusted.")
    tls_ca_cert_dir: str = option(
        Text(form="the path of a folder"), "", volatile=True, help="The same as a folder, its files named as by openssl rehash."
    )
    tls_auth_clients: ClientAuthentication = option(
        Choice(("no", "yes", "optional")),
        "yes",
        help="Whether a client needs a certificate of these authorities. optional: it may have one, which then must be good.",
    )
    tls_protocols: str = option(
        Text(r"(?i:TLSv1\.[23]( +TLSv1\.[23])*)?", "TLSv1.2, TLSv1.3, or both with a space between them"),
        "",
        help="Versions of TLS that are spoken. Empty: both.",
    )
    tls_ciphers: str = option(
        Text(), "", help="Ciphers of TLS 1.2, as openssl ciphers takes them. Empty: those that Python holds for safe."
    )
    tls_ciphersuites: str = option(
        Text(), "", help="Ciphers of TLS 1.3, with colons between them. Empty: all. Only with a Python that can set them, from 3.15."
    )
    tls_prefer_server_ciphers: bool = option(Flag(), False, help="The server's order of ciphers counts, not the client's.")
    tls_session_caching: str = option(Fixed("yes"), "yes", help="A client that returns may go on with the keys of its last connection.")
    tls_dh_params_file: str = option(
        _PEM, "", volatile=True, help="Parameters of Diffie-Hellman for old ciphers. Empty: these are not used."
    )


@dataclass(frozen=True, eq=False)
class Users:
    """Users and their rights."""

    aclfile: str = option(
        Text(form="the path of a file"),
        "",
        mutable=False,
        help="File with the users, one a line, read at the start and by ACL LOAD, written by ACL SAVE; a path from dir on. "
        "With it requirepass counts only as long as the file says nothing of the user default.",
    )
    user: tuple[str, ...] = option(
        UserLines(),
        (),
        mutable=False,
        secret=True,
        help="A user: its name and its rules as for ACL SETUSER. May be given several times. Not together with aclfile.",
    )
    acl_pubsub_default: NewChannels = option(
        Choice(("allchannels", "resetchannels")), "resetchannels", help="Whether a new user may use every channel, or none."
    )
    acllog_max_len: int = option(Integer(0, LLONG_MAX), 128, help="Entries that ACL LOG keeps, the latest ones.")
    cluster_enabled: bool = option(
        Flag(),
        False,
        mutable=False,
        help="Answer CLUSTER as a cluster of one node that has every slot, for client libraries that speak to clusters only.",
    )
    cluster_announce_ip: str = option(Text(), "", help="Address that CLUSTER tells clients. Empty: the one that they have come to.")
    cluster_announce_port: int = option(Integer(0, 65535), 0, help="The same for the port. 0: the one that they have come to.")


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
    maxmemory_clients: int = option(
        Memory(),
        0,
        help="Most bytes that all clients together may have in their buffers; past it those with the most are cut off. 0: no limit.",
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
    maxmemory: str = option(Fixed("0"), "0", help="Memory is limited for what takes it: exact-memory, embed-cache-size, maxmemory-clients.")
    maxmemory_policy: str = option(Fixed("noeviction"), "noeviction", help="Entries stay until they expire or are deleted.")
    io_threads: str = option(Fixed("1"), "1", mutable=False, help="One thread reads and writes; models are computed on others.")
    repl_backlog_size: str = option(Fixed("0"), "0", help="There are no replicas.")
    save: str = option(
        Snapshots(),
        "",
        help="For tools that set it, without effect: there is nothing to take snapshots of, every write is kept as it is made.",
    )
    appendonly: str = option(Fixed("yes"), "yes", help="Every write is logged before it is acknowledged.")


@dataclass(frozen=True, eq=False)
class Observation:
    """Query log, notifications, slow log, latency and debugging."""

    log_retention: int = option(
        Integer(0, INT_MAX, "seconds"),
        7 * 24 * 3600,
        help="How long the query log (MC.LOG) keeps a lookup. 0: lookups are not logged, and what was logged is removed.",
    )
    log_max_rows: int = option(
        Integer(0, LLONG_MAX), 1_000_000, help="Rows that the query log keeps at most, all models together, the latest ones. 0 keeps none."
    )
    log_sample: float = option(
        Number(0, 1), 1.0, help="Share of the lookups that are logged, chosen at random. Hit counters and statistics count all."
    )
    notify_keyspace_events: frozenset[str] = option(
        KeyspaceEvents(),
        frozenset(),
        help="Events that are published. K: to __keyspace@0__:model, E: to __keyevent@0__:event, and the classes: d entries set, removed, "
        "truncated and a model's settings changed, g models dropped and entries given another time to live, x entries expired, n new "
        "models, A all but n. Empty: none.",
    )
    tracking_table_max_keys: int = option(
        Integer(0, LLONG_MAX),
        1_000_000,
        help="Models that are remembered for CLIENT TRACKING; past it clients are told to forget the oldest. 0: no limit.",
    )

    slowlog_log_slower_than: int = option(
        Integer(-1, LLONG_MAX, "microseconds"),
        10_000,
        help="Commands that take at least this long are kept for SLOWLOG, counted from when they begin to when their reply is ready: "
        "a lookup that has to embed its question counts the embedding. 0 keeps every command, -1 none.",
    )
    slowlog_max_len: int = option(Integer(0, LLONG_MAX), 128, help="Commands that the slow log keeps, the latest ones.")
    latency_monitor_threshold: int = option(
        Integer(0, LLONG_MAX, "milliseconds"), 0, help="Events that take at least this long are kept for LATENCY. 0 keeps none."
    )
    latency_tracking: bool = option(
        Flag(), True, help="Keep a histogram of every command's time, for LATENCY HISTOGRAM and INFO latencystats."
    )
    latency_tracking_info_percentiles: tuple[float, ...] = option(
        Percentiles(), (50.0, 99.0, 99.9), help="Percentiles of the time per command that INFO latencystats shows."
    )
    enable_debug_command: ProtectedAction = option(
        Choice(("no", "yes", "local")),
        "no",
        mutable=False,
        help="Whether DEBUG may be used: by nobody, by everybody, or only by clients of this machine.",
    )
    enable_module_command: str = option(Fixed("no"), "no", mutable=False, help="Modules cannot be loaded.")


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


SECTIONS: tuple[type, ...] = (Network, Tls, Users, Limits, Process, Observation, Embedding, Search, ModelSettings)
"""In the order of the reference page."""
