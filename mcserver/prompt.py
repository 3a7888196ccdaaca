"""From what a client asks to what is compared: the conversation, its partition, its exact key and the texts to embed.

The partition holds what must be equal (system prompt, parameters), the exact key the whole conversation, the texts what may be reworded:
the last user turn and, separately, what came before it.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, cast

from protocol.errors import CommandError

__all__ = ["Message", "Prompt", "Question", "canonical_object", "compose", "parse_question"]

SystemMode = Literal["partition", "splice", "ignore"]
ContextMode = Literal["match", "last-turn", "splice"]

_SYSTEM_ROLES = frozenset({"system", "developer"})
_ROLES = _SYSTEM_ROLES | {"user", "assistant", "tool", "function"}
_DIGEST_BYTES = 16
_MAX_DIGITS = 308
"""Of an integer in JSON: what a double can hold, as every other number."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: who spoke, the text of it, and its canonical JSON (which also holds tool calls, names and ids)."""

    role: str
    text: str
    canonical: str


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, independent of the model's settings. `params` is canonical JSON, empty where none were given."""

    messages: tuple[Message, ...]
    system: str
    params: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question as a model's settings want it compared.

    partition, exact_key: 16-byte digests. text: the last user turn. context: what came before it, empty for a single turn.
    query: the canonical text that is stored and given back as hit query.
    """

    partition: bytes
    exact_key: bytes
    text: str
    context: str
    query: str


def parse_question(query: str, system: str | None = None, params: str | None = None) -> Question:
    """Read a query, plain text or a JSON array of messages, with its SYSTEM and PARAMS options.

    Raises CommandError for an empty query or user turn, bad messages, a system prompt given twice, and malformed PARAMS.
    """
    canonical_params = "" if params is None else canonical_object(params, name="PARAMS", sort_keys=True)
    if canonical_params == "{}":
        canonical_params = ""
    raw = _conversation(query)
    if raw is None:
        if not query.strip():
            raise CommandError("empty query: expected text, or a JSON array of messages")
        return Question((_plain(query),), system or "", canonical_params)
    messages = tuple(_message(item, position) for position, item in enumerate(raw))
    turns = tuple(message for message in messages if message.role not in _SYSTEM_ROLES)
    given = [message.text for message in messages if message.role in _SYSTEM_ROLES]
    if given and system is not None:
        raise CommandError("system prompt given twice: by SYSTEM and by a system message; expected one of them")
    asked = [turn.text for turn in turns if turn.role == "user"]
    if not asked:
        raise CommandError("no user turn in the messages: expected at least one message with role 'user'")
    if not asked[-1].strip():
        raise CommandError("empty user turn: expected text in the last message with role 'user'")
    prompt = "\n".join(given) if given else (system or "")
    return Question(turns, prompt, canonical_params)


def compose(question: Question, *, system_mode: SystemMode, context_mode: ContextMode, max_turns: int = 0) -> Prompt:
    """The prompt of a question under a model's settings; `max_turns` bounds the context (0: all of it)."""
    turns = question.messages
    last = max(position for position, turn in enumerate(turns) if turn.role == "user")
    text = turns[last].text
    others = turns[:last] + turns[last + 1 :]
    if max_turns:
        others = others[-max_turns:]
    context = "\n".join(f"{turn.role}: {turn.text}" for turn in others) if context_mode != "last-turn" else ""
    if context_mode == "splice" and context:
        text, context = f"{context}\n{turns[last].role}: {text}", ""
    spliced = question.system if system_mode == "splice" else ""
    if spliced:
        text = f"{spliced}\n{text}"
    query = turns[0].text if _is_plain(turns) else "[" + ",".join(turn.canonical for turn in turns) + "]"
    return Prompt(
        partition=_digest(question.system if system_mode == "partition" else "", question.params),
        exact_key=_digest(query, spliced),
        text=text,
        context=context,
        query=query,
    )


def canonical_object(text: str, *, name: str, sort_keys: bool = False) -> str:
    """The JSON object of the argument `name` in its shortest form; numbers of equal value become equal (1.0 is 1). Raises CommandError."""
    try:
        value = _parse(text)
        canonical = _dump(value, sort_keys=sort_keys)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"invalid JSON in {name}: {_reason(error)}") from None
    if not isinstance(value, dict):
        raise CommandError(f"invalid {name}: expected a JSON object")
    return canonical


def _conversation(query: str) -> list[dict[str, Any]] | None:
    """The messages, exactly when the query is a JSON array of objects that all have role and content; else None: it is plain text."""
    if not query.lstrip().startswith("["):
        return None
    try:
        value = _parse(query)
    except (ValueError, RecursionError):
        return None
    if all(isinstance(item, dict) and "role" in item and "content" in item for item in value):
        return cast(list[dict[str, Any]], value)
    return None


def _message(item: dict[str, Any], position: int) -> Message:
    role = item["role"]
    if not isinstance(role, str) or role not in _ROLES:
        raise CommandError(f"unknown role in message {position}: expected one of {', '.join(sorted(_ROLES))}")
    text = _content(item["content"], position)
    try:
        canonical = _dump(item)
        if "tool_calls" in item:
            text = f"{text}\n{_dump(item['tool_calls'])}".strip()
    except (ValueError, RecursionError) as error:
        raise CommandError(f"invalid message {position}: {_reason(error)}") from None
    return Message(role, text, canonical)


def _content(content: Any, position: int) -> str:
    """The text of a message's content: a string, null, or OpenAI-style parts of type text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise CommandError(f"invalid content in message {position}: expected text or a list of parts")
    texts = []
    for part in content:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise CommandError(f'unsupported content part in message {position}: expected {{"type": "text", "text": ...}}')
        texts.append(part["text"])
    return "\n".join(texts)


def _plain(text: str) -> Message:
    return Message("user", text, "")


def _is_plain(turns: Sequence[Message]) -> bool:
    """Whether the conversation is one user turn of nothing but text, which is the same question as that text alone.

    Unless that text would itself be read as a conversation: a user must not be able to write into the place of another one.
    """
    if len(turns) != 1 or turns[0].role != "user":
        return False
    [turn] = turns
    return not turn.canonical or (turn.canonical == _dump({"role": "user", "content": turn.text}) and _conversation(turn.text) is None)


def _digest(*parts: str) -> bytes:
    """16 bytes over the parts; lengths are hashed too, so that no two lists of parts run together."""
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.digest()


def _parse(text: str) -> Any:
    """Strict JSON. A number that is too large becomes infinite, which `_dump` refuses: it says no more than that about the text's form."""
    return json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=_refuse_constant)


def _dump(value: Any, *, sort_keys: bool = True) -> str:
    """Canonical JSON. Raises ValueError for what no other program could read."""
    text = json.dumps(value, sort_keys=sort_keys, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    text.encode()
    return text


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _MAX_DIGITS else math.inf


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _reason(error: ValueError | RecursionError) -> str:
    match error:
        case UnicodeEncodeError():
            return "a lone surrogate is not a character"
        case RecursionError():
            return "nested too deeply"
    return str(error)
