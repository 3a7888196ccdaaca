"""Bytes shown to people: in quotes, with what cannot be printed escaped, as MONITOR and redis-cli show them."""

__all__ = ["quote"]

_ESCAPES = {ord("\\"): "\\\\", ord('"'): '\\"', ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", ord("\a"): "\\a", ord("\b"): "\\b"}
_TABLE = {byte: _ESCAPES.get(byte, chr(byte) if ord(" ") <= byte <= ord("~") else f"\\x{byte:02x}") for byte in range(256)}


def quote(word: bytes) -> str:
    """The word in double quotes; an inline command that has it so reads the same bytes back."""
    return f'"{word.decode("latin-1").translate(_TABLE)}"'
