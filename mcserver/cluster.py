"""A cluster of this one node, for client libraries that insist on one: it has every slot, so that nothing is ever moved."""

from binascii import crc_hqx
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcserver.context import Client, Context

__all__ = ["LAST_SLOT", "SLOTS", "Node", "find_slot", "node"]

SLOTS = 16384
LAST_SLOT = SLOTS - 1


@dataclass(frozen=True, slots=True)
class Node:
    """Where clients reach the node, and its id of 40 hexadecimal digits."""

    id: str
    host: str
    port: int


def node(context: "Context", client: "Client") -> Node:
    """This node as the client is to see it: where `cluster-announce-ip` and `-port` say, else where the client has come in."""
    settings = context.settings
    host, _, port = client.local_address.rpartition(":")
    if client.unix:  # a Unix socket is no place that a cluster client could be sent to
        host, port = "127.0.0.1", str(context.port)
    return Node(context.run_id, settings.cluster_announce_ip or host.strip("[]"), settings.cluster_announce_port or int(port))


def find_slot(key: bytes) -> int:
    """The slot of a key: its CRC-16 (XMODEM), or that of what stands in its first braces."""
    _, opening, rest = key.partition(b"{")
    tag, closing, _ = rest.partition(b"}")
    return crc_hqx(tag if opening and closing and tag else key, 0) % SLOTS
