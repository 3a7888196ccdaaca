"""Bytes as text: to work with, and to be shown to people."""

__all__ = ["decode", "encode", "quote"]

_ESCAPES = {ord("\\"): "\\\\", ord('"'): '\\"', ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", ord("\a"): "\\a", ord("\b"): "\\b"}
_TABLE = {byte: _ESCAPES.get(byte, chr(byte) if ord(" ") <= byte <= ord("~") else f"\\x{byte:02x}") for byte in range(256)}


def decode(value: bytes) -> str:
    """UTF-8; what is none becomes text from which `encode` makes the very same bytes again, so that names and passwords may be any."""
    return value.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes that `decode` made the text from. Raises UnicodeEncodeError for text that it makes of none."""
    return text.encode("utf-8", "surrogateescape")


def quote(word: bytes) -> str:
    """The word in double quotes, with what cannot be printed escaped, as MONITOR and redis-cli show it.

    An inline command that has it so reads the same bytes back.
    """
    return f'"{word.decode("latin-1").translate(_TABLE)}"'
