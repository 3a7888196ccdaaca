"""The door of the cache: a client's query with its options becomes a prompt under a model's settings."""

import asyncio
from dataclasses import dataclass

from mcserver.cache.models import ModelState
from mcserver.prompt import Prompt, Question, compose, parse_question

__all__ = ["Asked", "compose_prompt"]

LARGE_QUERY = 64 * 1024
"""Characters from which parsing is left to a thread: JSON of 1 MiB takes some 10 ms."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with its SYSTEM and PARAMS options, as the client gave them."""

    query: str
    system: str | None = None
    params: str | None = None

    @property
    def large(self) -> bool:
        """Whether parsing it would hold up the event loop."""
        return len(self.query) + len(self.params or "") > LARGE_QUERY

    def parse(self) -> Question:
        """The question; raises CommandError."""
        return parse_question(self.query, self.system, self.params)

    async def read(self) -> Question:
        """As `parse`, a large one on a thread."""
        return await asyncio.to_thread(self.parse) if self.large else self.parse()


def compose_prompt(state: ModelState, question: Question) -> Prompt:
    """The prompt of a question under the model's settings."""
    settings = state.settings
    return compose(question, system_mode=settings.system_prompt, context_mode=settings.context, max_turns=settings.max_turns)
