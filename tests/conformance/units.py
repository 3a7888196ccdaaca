"""What is run: units of Redis' test suite and the modes in which each of them runs."""

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """How the harness reaches a server."""

    LOCAL = "local"
    EXTERNAL = "external"
    TLS = "tls"


MODES = {
    Mode.LOCAL: "the harness starts and stops servers itself, for each group of tests with the settings that it wants",
    Mode.EXTERNAL: "one server, started beforehand; tests that need one of their own are left out by the harness",
    Mode.TLS: "as local, every connection over TLS with client certificates",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A file of tests, and how it is run. `seconds` is how long one run may take."""

    name: str
    modes: tuple[Mode, ...] = (Mode.LOCAL,)
    seconds: int = 120


_BOTH = (Mode.LOCAL, Mode.EXTERNAL)
_ALL = (Mode.LOCAL, Mode.EXTERNAL, Mode.TLS)

UNITS = (
    # The long ones first, so that none is left over when all others have ended.
    Unit("unit/obuf-limits"),
    Unit("unit/introspection", _ALL),
    Unit("integration/redis-cli", _ALL),
    Unit("unit/client-eviction"),
    Unit("unit/acl"),
    Unit("unit/acl-v2"),
    Unit("unit/latency-monitor", _BOTH),
    Unit("unit/introspection-2", _BOTH),
    Unit("unit/other", _BOTH),
    Unit("unit/multi", _BOTH),
    Unit("unit/tracking", _BOTH),
    Unit("unit/pubsub", _ALL),
    Unit("unit/pubsubshard"),
    Unit("unit/protocol", _ALL),
    Unit("unit/slowlog", _BOTH),
    Unit("unit/querybuf", _BOTH),
    Unit("unit/pause", _BOTH),
    Unit("unit/auth", (Mode.LOCAL, Mode.TLS)),
    Unit("unit/limits", (Mode.LOCAL, Mode.TLS)),
    Unit("unit/info"),
    Unit("unit/info-command", _BOTH),
    Unit("unit/quit", _ALL),
    Unit("unit/networking"),
    Unit("unit/shutdown"),
    Unit("unit/tls", (Mode.TLS,)),
    Unit("integration/redis-benchmark"),
    Unit("integration/logging"),
)
