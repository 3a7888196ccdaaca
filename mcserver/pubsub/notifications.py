"""Keyspace notifications: what happens to models, published to whoever subscribed to it."""

from collections.abc import Sequence

from mcserver.cache.changes import Change, Changes, Event
from mcserver.pubsub.channels import Channels
from mcserver.settings import Settings
from protocol.text import encode

__all__ = ["Notifications"]

_NAMES = {
    Event.CREATED: ("n", b"new"),
    Event.SET: ("d", b"set"),
    Event.TIMED: ("g", b"expire"),
    Event.PERSISTED: ("g", b"persist"),
    Event.REMOVED: ("d", b"del"),
    Event.EXPIRED: ("x", b"expired"),
    Event.TRUNCATED: ("d", b"truncate"),
    Event.CONFIGURED: ("d", b"config"),
    Event.DROPPED: ("g", b"del"),
}
"""The class and the name of each event, in Redis' words where it has one: d is its class of what modules store."""


class Notifications:
    """Publishes changes as notify-keyspace-events says; while that is empty nobody is told of changes at all."""

    def __init__(self, settings: Settings, changes: Changes, channels: Channels) -> None:
        self._settings = settings
        self._changes = changes
        self._channels = channels
        settings.subscribe("notify-keyspace-events", self._switch)
        self._switch()

    def _switch(self) -> None:
        if self.publish in self._changes.listeners:
            self._changes.listeners.remove(self.publish)
        if self._settings.notify_keyspace_events & {"K", "E"}:
            self._changes.listeners.append(self.publish)

    def publish(self, changes: Sequence[Change]) -> None:
        """Send the changes of one unit of writes."""
        wanted = self._settings.notify_keyspace_events
        for change in changes:
            kind, name = _NAMES.get(change.event, ("", b""))
            if kind not in wanted:
                continue
            model = encode(change.model)
            if "K" in wanted:
                self._channels.publish(b"__keyspace@0__:" + model, name, about=change.model)
            if "E" in wanted:
                self._channels.publish(b"__keyevent@0__:" + name, model, about=change.model)
