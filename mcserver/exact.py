"""The exact tier: answers ready for the wire in memory, found by what was asked to the byte.

Maps over one set of answers. `requests` is keyed by the words of a whole command as they came from the client and `wires` by its bytes, so
that a repeated command costs one look-up; `find` is keyed by the partition and exact key of the canonical question. All are bounded by
one budget in bytes, least recently used first out.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from mcserver.telemetry.statistics import ModelStatistics
from protocol.reply import bulk
from protocol.request import pack_request
from storage.records import Entry

__all__ = ["LARGEST_REQUEST", "SEPARATOR", "Answer", "ExactTier"]

Key = tuple[int, bytes, bytes]

_NEVER = 1 << 62

ANSWER_OVERHEAD = 600
"""Bytes of an Answer beside its payload: the object, its key, its places in the maps (measured with tracemalloc)."""

REQUEST_OVERHEAD = 400
"""Bytes of a remembered command beside its words, which are kept twice."""

SEPARATOR = b"\r\n*"
"""What stands between two requests; `wires` is keyed without it."""

LARGEST_REQUEST = 64 * 1024
"""Bytes of a command's words up to which it is remembered: to look up a larger one takes longer than the rest of its way."""

MAX_REQUESTS = 4
"""Spellings of one question that are remembered; more would let one entry fill the tier."""


class Answer:
    """One entry's answer, encoded. `alive` is true while the tier keeps it: until it is replaced, removed or pushed out.

    `hits` counts since the last flush, `noted` those of them that the query log need not be told of, `stored_hits` what the store has.
    """

    __slots__ = ("alive", "entry", "expires", "hits", "key", "last_hit", "noted", "reply", "requests", "size", "statistics", "stored_hits")

    def __init__(self, entry: Entry, statistics: ModelStatistics) -> None:
        self.entry = replace(entry, answer=b"", context_vector=None)
        self.key: Key = (entry.model_id, entry.partition, entry.exact_key)
        self.reply = bulk(entry.answer)
        self.expires = entry.expires or _NEVER
        self.alive = False
        self.stored_hits = entry.hits
        self.hits = 0
        self.noted = 0
        self.last_hit = 0
        self.requests: list[tuple[bytes, ...]] = []
        self.statistics = statistics
        self.size = ANSWER_OVERHEAD + len(self.reply) + 2 * len(entry.query) + 2 * len(entry.meta)

    @property
    def answer(self) -> bytes:
        """The answer itself, cut out of its encoded form."""
        return self.reply[self.reply.index(b"\n") + 1 : -2]


class ExactTier:
    """A bounded map of answers. Nothing here awaits, and nothing here reads the clock."""

    def __init__(self, budget: int) -> None:
        """`budget`: bytes of answers and remembered commands together; 0 switches the tier off."""
        self.budget = budget
        self.bytes = 0
        self.evicted = 0
        self.requests: dict[tuple[bytes, ...], Answer] = {}
        self.wires: dict[bytes, Answer] = {}
        self.touched: set[Answer] = set()
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self._models: dict[int, dict[int, Key]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def share(self, model_ids: Iterable[int]) -> tuple[int, int]:
        """How many answers of these models are kept, and their bytes."""
        keys = [key for model_id in model_ids for key in self._models.get(model_id, {}).values()]
        return len(keys), sum(self._answers[key].size for key in keys)

    def split(self, data: bytes) -> list[bytes]:
        """What `wires` may know of received bytes that begin a request: each request without its first byte and its line end.

        While the parts are found in `wires`, they are whole requests, one after the other; what follows the first unknown part may be
        anything, also the middle of an argument.
        """
        return data[1:-2].split(SEPARATOR)

    def find(self, key: Key) -> Answer | None:
        """The answer of (model id, partition, exact key); the caller checks its time."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def put(self, entry: Entry, statistics: ModelStatistics) -> Answer:
        """Keep an entry's answer in place of an older one; an answer larger than a tenth of the budget is not kept."""
        answer = Answer(entry, statistics)
        self.discard(answer.key)
        if answer.size * 10 > self.budget:
            return answer
        answer.alive = True
        self._answers[answer.key] = answer
        self._models.setdefault(entry.model_id, {})[entry.id] = answer.key
        self.bytes += answer.size
        self._shrink()
        return answer

    def remember(self, request: tuple[bytes, ...], answer: Answer) -> None:
        """Let this command, word for word, find the answer from now on."""
        if not answer.alive or len(answer.requests) >= MAX_REQUESTS or request in self.requests:
            return
        size = _size(request)
        if size * 10 > self.budget or sum(map(len, request)) > LARGEST_REQUEST:
            return
        self.requests[request] = answer
        self.wires[_core(request)] = answer
        answer.requests.append(request)
        answer.size += size
        self.bytes += size
        self._shrink()

    def hit(self, answer: Answer, now: int) -> None:
        """Count a hit that the query log knows of; the counters are stored later, in batches."""
        answer.hits += 1
        answer.noted += 1
        answer.last_hit = now
        self.touched.add(answer)

    def take_touched(self, count: int | None = None) -> list[Answer]:
        """At most so many (None: all) of the answers hit since they were taken last.

        They are also moved to the end of the queue of those to push out: done here, once per flush, and not with every hit.
        """
        number = len(self.touched) if count is None else min(count, len(self.touched))
        touched = [self.touched.pop() for _ in range(number)]
        for answer in touched:
            if answer.alive:
                self._answers.move_to_end(answer.key)
        return touched

    def discard(self, key: Key) -> None:
        """Forget one answer."""
        answer = self._answers.pop(key, None)
        if answer is None:
            return
        answer.alive = False
        self.bytes -= answer.size
        self._forget(answer)
        keys = self._models[key[0]]
        del keys[answer.entry.id]
        if not keys:
            del self._models[key[0]]

    def discard_id(self, model_id: int, entry_id: int) -> None:
        """Forget the answer of an entry."""
        key = self._models.get(model_id, {}).get(entry_id)
        if key is not None:
            self.discard(key)

    def drop(self, model_id: int, partition: bytes | None = None) -> None:
        """Forget a model's answers, or those of one of its partitions."""
        for key in list(self._models.get(model_id, {}).values()):
            if partition is None or key[1] == partition:
                self.discard(key)

    def forget_requests(self, model_id: int) -> None:
        """Forget which commands lead to a model's answers: its settings changed."""
        for key in self._models.get(model_id, {}).values():
            answer = self._answers[key]
            freed = sum(map(_size, answer.requests))
            answer.size -= freed
            self.bytes -= freed
            self._forget(answer)

    def resize(self, budget: int) -> None:
        """Change the budget; what no longer fits goes."""
        self.budget = budget
        self._shrink()

    def _forget(self, answer: Answer) -> None:
        for request in answer.requests:
            del self.requests[request]
            del self.wires[_core(request)]
        answer.requests.clear()

    def _shrink(self) -> None:
        while self.bytes > self.budget and self._answers:
            self.evicted += 1
            self.discard(next(iter(self._answers)))


def _size(request: tuple[bytes, ...]) -> int:
    return REQUEST_OVERHEAD + 2 * sum(map(len, request))


def _core(request: tuple[bytes, ...]) -> bytes:
    """The request's bytes as `split` gives them."""
    return pack_request(request)[1:-2]
