"""The limits on unread output, per class of client (as Redis: client-output-buffer-limit)."""

from dataclasses import dataclass, replace

from mcserver.settings.kind import INT_MAX, MB, Kind, read_memory

_FIELDS = {"normal": "normal", "slave": "replica", "replica": "replica", "pubsub": "pubsub"}
_WORDS_PER_CLASS = 4


@dataclass(frozen=True, slots=True)
class OutputLimit:
    """A client is closed when its unread output passes `hard` bytes, or stays over `soft` bytes for `seconds`; 0 is no limit."""

    hard: int
    soft: int
    seconds: int


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """One limit for each of Redis' classes of client."""

    normal: OutputLimit = OutputLimit(0, 0, 0)
    replica: OutputLimit = OutputLimit(256 * MB, 64 * MB, 60)
    pubsub: OutputLimit = OutputLimit(32 * MB, 8 * MB, 60)


@dataclass(frozen=True, slots=True)
class OutputLimitsKind(Kind[OutputLimits]):
    """`class hard soft seconds`, once or several times; classes that are not named keep their limits."""

    @property
    def valid(self) -> str:
        return "'class hard soft seconds' with the class normal, replica or pubsub, once or several times"

    def parse(self, text: str, current: OutputLimits) -> OutputLimits:
        words = text.split()
        if len(words) % _WORDS_PER_CLASS:
            raise ValueError("Wrong number of arguments in buffer limit configuration.")
        for start in range(0, len(words), _WORDS_PER_CLASS):
            name, hard, soft, seconds = words[start : start + _WORDS_PER_CLASS]
            current = replace(current, **{_field(name): _limit(hard, soft, seconds)})
        return current

    def format(self, value: OutputLimits) -> str:
        """The older word for a replica, as Redis still answers it."""
        classes = (("normal", value.normal), ("slave", value.replica), ("pubsub", value.pubsub))
        return " ".join(f"{name} {limit.hard} {limit.soft} {limit.seconds}" for name, limit in classes)


def _field(name: str) -> str:
    field = _FIELDS.get(name.lower())
    if field is None:
        raise ValueError("Invalid client class specified in buffer limit configuration.")
    return field


def _limit(hard: str, soft: str, seconds: str) -> OutputLimit:
    try:
        limit = OutputLimit(read_memory(hard), read_memory(soft), int(seconds))
    except ValueError:
        limit = None
    if limit is None or not 0 <= limit.seconds <= INT_MAX:
        raise ValueError("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
    return limit
