"""How one client is told."""

from dataclasses import dataclass, field

__all__ = ["Tracking"]


@dataclass(slots=True, eq=False)
class Tracking:
    """What CLIENT TRACKING said, and what has come of it.

    redirect: the id of the client that is told in its stead, 0 for none. broken: that client has gone.
    prefixes: with BCAST, of the keys that it is told of. caching: CLIENT CACHING was said for the command to come.
    keys: those that are remembered for it. prefix_bytes: memory that the prefixes take.
    """

    redirect: int = 0
    broadcast: bool = False
    opt_in: bool = False
    opt_out: bool = False
    no_loop: bool = False
    broken: bool = False
    caching: bool = False
    prefixes: set[bytes] = field(default_factory=set)
    prefix_bytes: int = 0
    keys: set[bytes] = field(default_factory=set)

    @property
    def wanted(self) -> bool:
        """Whether what the next command reads is to be remembered."""
        if self.broadcast:
            return False
        return self.caching if self.opt_in else not (self.opt_out and self.caching)
