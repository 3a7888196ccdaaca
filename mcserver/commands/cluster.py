"""CLUSTER: refused as by a Redis that is not in cluster mode, or with `cluster-enabled` the replies of a cluster of one node."""

from collections.abc import Callable

from mcserver.cluster import LAST_SLOT, SLOTS, find_slot, node
from mcserver.context import Call
from mcserver.table import Family
from protocol.errors import CommandError
from protocol.reply import OK, Verbatim

__all__ = ["family"]

family = Family("cluster")

_BUS = 10_000
"""From a node's port to that of the cluster bus in Redis. There is no bus here; tools read the number."""

_Answer = Callable[[Call], object]

family.container("CLUSTER", summary="A container for commands on clusters; see cluster-enabled.")


def _in_cluster_mode(run: _Answer) -> _Answer:
    def run_or_refuse(call: Call) -> object:
        if not call.context.settings.cluster_enabled:
            raise CommandError("This instance has cluster support disabled")
        return run(call)

    run_or_refuse.__doc__ = run.__doc__
    return run_or_refuse


@family.command("CLUSTER|SLOTS", "", summary="Returns which node has which slots: this one has all.", flags="stale")
@_in_cluster_mode
def slots(call: Call) -> object:
    """Reply: an array of first slot, last slot and node."""
    own = node(call.context, call.client)
    return [[0, LAST_SLOT, [own.host, own.port, own.id, {}]]]


@family.command("CLUSTER|SHARDS", "", summary="Returns which nodes have which slots: this one has all.", flags="stale")
@_in_cluster_mode
def shards(call: Call) -> object:
    """Reply: an array of maps."""
    own = node(call.context, call.client)
    described = {
        "id": own.id,
        "port": own.port,
        "ip": own.host,
        "endpoint": own.host,
        "role": "master",
        "replication-offset": 0,
        "health": "loading" if call.context.loading else "online",
    }
    return [{"slots": [0, LAST_SLOT], "nodes": [described]}]


@family.command("CLUSTER|NODES", "", summary="Returns a line for every node: for this one.", flags="stale")
@_in_cluster_mode
def nodes(call: Call) -> object:
    """Reply: text."""
    own = node(call.context, call.client)
    return Verbatim(f"{own.id} {own.host}:{own.port}@{own.port + _BUS} myself,master - 0 0 1 connected 0-{LAST_SLOT}\n")


@family.command("CLUSTER|INFO", "", summary="Describes the cluster.", flags="stale")
@_in_cluster_mode
def info(call: Call) -> object:
    """Reply: text."""
    fields = {
        "cluster_enabled": 1,
        "cluster_state": "ok",
        "cluster_slots_assigned": SLOTS,
        "cluster_slots_ok": SLOTS,
        "cluster_slots_pfail": 0,
        "cluster_slots_fail": 0,
        "cluster_known_nodes": 1,
        "cluster_size": 1,
        "cluster_current_epoch": 1,
        "cluster_my_epoch": 1,
    }
    return Verbatim("".join(f"{name}:{value}\r\n" for name, value in fields.items()))


@family.command("CLUSTER|MYID", "", summary="Returns the id of this node.", flags="stale")
@_in_cluster_mode
def own_id(call: Call) -> object:
    """Reply: 40 hexadecimal digits."""
    return node(call.context, call.client).id


@family.command("CLUSTER|KEYSLOT", "name", summary="Returns the slot of a key.", complexity="O(N) with N bytes", flags="stale")
@_in_cluster_mode
def key_slot(call: Call) -> object:
    """Reply: an integer."""
    return find_slot(call.words[2])


@_in_cluster_mode
def _agree(call: Call) -> object:
    """Reply: OK. There is no replica to read from, and no slot on its way to another node."""
    return OK


family.command("READONLY", "", summary="Allows reading from replicas: there is none.", flags="fast loading stale", categories="connection")(
    _agree
)
family.command("READWRITE", "", summary="Takes back READONLY.", flags="fast loading stale", categories="connection")(_agree)
family.command("ASKING", "", summary="Allows a command on a slot that moves: none does.", flags="fast", categories="connection")(_agree)
