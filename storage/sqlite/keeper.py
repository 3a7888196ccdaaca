"""The thread that looks after the write-ahead log: syncs it once a second where commits do not, and checkpoints it.

Checkpoints run here and not at a commit, so that nobody's acknowledgement waits while pages are copied into the database.
"""

import logging
import os
from threading import Event, Lock, Thread

from storage.errors import StoreUnavailable
from storage.sqlite.connection import checkpoint, open_checkpointer

_LOG = logging.getLogger("mcserver")
_SYNC_INTERVAL = 1.0
# SQLite's own default is a checkpoint per 1000 pages (4 MB); in the background it may be rarer and copies hot pages once.
_CHECKPOINT_BYTES = 8 << 20
# A log that is written while it is checkpointed never becomes empty; over this the writer itself finishes the job between two groups.
_LOG_LIMIT_FRAMES = 16384


class Keeper:
    """Looks after the log of the database at `path`; `sync_log` where commits themselves do not sync (durability "everysec")."""

    def __init__(self, path: str, *, sync_log: bool) -> None:
        self._path = path
        self._connection = open_checkpointer(path)
        self._log = _open_log(path) if sync_log else None
        self._written = 0
        self._unsynced = False
        self._syncing = Lock()
        self._failure: OSError | None = None
        self._due = Event()
        self._stopping = False
        self.log_too_long = False
        self._thread = Thread(target=self._run, name="sqlite-keeper", daemon=True)

    def start(self) -> None:
        """Begin to look after the log."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, sync what it has not synced yet, close its connection. Blocking."""
        self._stopping = True
        self._due.set()
        self._thread.join()
        with self._syncing:  # that another thread asked for just now
            self._sync()
            self._connection.close()
            if self._log is not None:
                os.close(self._log)
                self._log = None

    def note(self, written: int) -> None:
        """Take note of a commit of about `written` bytes. Called by the writer."""
        self._unsynced = True
        self._written += written
        if self._written >= _CHECKPOINT_BYTES:
            self._due.set()

    def check(self) -> None:
        """Raise StoreUnavailable if the last sync failed: what is acknowledged now might not outlive a power cut."""
        if self._failure is not None:
            message = f"{self._path}-wal cannot be synced ({self._failure}); writes are refused until it can"
            raise StoreUnavailable(message)

    def sync(self) -> None:
        """Sync the log if commits were written to it since the last time. Any thread may ask for it; a sync under way is waited for."""
        with self._syncing:
            self._sync()

    def _sync(self) -> None:
        if self._log is None or not (self._unsynced or self._failure):
            return
        # Before the sync: a commit that comes in between is seen by the next one.
        self._unsynced = False
        try:
            os.fsync(self._log)
        except OSError as error:
            _LOG.error("store=sqlite event=sync-failed error=%r", str(error))
            self._failure = error
        else:
            self._failure = None

    def checkpoint(self) -> None:
        """Empty the log as far as possible without stopping anyone."""
        self._written = 0
        self.log_too_long = checkpoint(self._connection) > _LOG_LIMIT_FRAMES

    def _run(self) -> None:
        while not self._stopping:
            if self._due.wait(None if self._log is None else _SYNC_INTERVAL):
                self._due.clear()
                if not self._stopping:
                    self.checkpoint()
            self.sync()


def _open_log(path: str) -> int:
    """A descriptor of the log, its name in the folder made durable.

    SQLite's locks are on its other files, so closing this one releases none (POSIX drops all locks of a file with any descriptor).
    """
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return os.open(f"{path}-wal", os.O_RDONLY)
