"""The decision on one candidate: which similarity is needed, and what forbids it however similar it is. Pure functions."""

from collections.abc import Set as AbstractSet

import numpy as np

from embedding.seam import Vectors
from mcserver.settings import ModelSettings
from storage.records import Entry

__all__ = ["refusal", "threshold"]


def threshold(settings: ModelSettings, text: str, *, at_least: float = 0.0) -> float:
    """The similarity needed for a text of this length; a caller's own wish (`at_least`) can only raise it."""
    own = settings.threshold_long if len(text) > settings.long_text_chars else settings.threshold
    return max(own, at_least)


def refusal(settings: ModelSettings, entry: Entry, *, tags: AbstractSet[str], context: Vectors | None, now: int) -> str | None:
    """Why a similar entry must not be served (expired, tags, context), None when it may be.

    A conversation matches only a conversation whose context is similar too; a single turn only a single turn.
    """
    if entry.expired(now):
        return "expired"
    if not tags <= set(entry.tags):
        return "tags"
    if settings.context == "last-turn":  # also for an entry that was stored under another setting
        return None
    if (entry.context_vector is None) != (context is None):
        return "context"
    if entry.context_vector is not None and context is not None:
        similarity = float(np.dot(entry.context_vector, context))
        if similarity < settings.threshold_context:
            return "context"
    return None
