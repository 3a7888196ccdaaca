"""Passwords are kept as their SHA-256 only, as Redis does."""

from hashlib import sha256

from protocol.text import encode

__all__ = ["hash_password", "hide_password"]

_HASHED = {">": "#", "<": "!"}


def hash_password(password: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return sha256(password).hexdigest()


def hide_password(rule: str) -> str:
    """A rule of ACL SETUSER that means the same, without a password in clear: `#digest` for `>password`."""
    sign = _HASHED.get(rule[:1])
    return rule if sign is None else sign + hash_password(encode(rule[1:]))
