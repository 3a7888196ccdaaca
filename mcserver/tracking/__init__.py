"""CLIENT TRACKING: clients that keep answers of their own are told when those may be wrong. What is tracked are keys, that is models."""

from mcserver.tracking.mode import Tracking
from mcserver.tracking.table import TrackingTable, acting

__all__ = ["Tracking", "TrackingTable", "acting"]
