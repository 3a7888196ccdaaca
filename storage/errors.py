"""What a back end may raise; nothing else crosses the seams."""


class StorageError(Exception):
    """Root of this room's errors."""


class StoreUnavailable(StorageError):
    """The back end cannot be reached or cannot do its work now; trying again later may succeed."""


class StoreOverloaded(StorageError):
    """The queue to the back end is full; nothing was accepted."""


class StoreCorrupt(StorageError):
    """The stored data cannot be used: wrong schema version, damaged file. Needs an operator."""
