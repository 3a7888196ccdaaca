"""What goes wrong on the wire, in Redis' own words.

Two kinds: the peer broke the format (`ProtocolError`, the connection ends) and a command that cannot be done (`CommandError`, an error
reply). The texts are those of Redis, to the letter: client libraries and test suites compare them.
"""

from collections.abc import Sequence

from protocol.text import decode

__all__ = [
    "DB_OUT_OF_RANGE",
    "NOT_AN_INTEGER",
    "NOT_A_FLOAT",
    "NOT_A_PROTOCOL_VERSION",
    "SYNTAX_ERROR",
    "CommandError",
    "ProtocolError",
    "QueryBufferExceeded",
    "WireError",
    "authentication_required",
    "hello_authentication_required",
    "hello_option",
    "loading",
    "no_password_set",
    "no_permission",
    "no_permission_channel",
    "no_permission_key",
    "out_of_memory",
    "subscribed",
    "transaction_aborted",
    "transaction_refused",
    "unknown_command",
    "unknown_subcommand",
    "unsupported_protocol",
    "wrong_arity",
    "wrong_password",
    "wrong_subcommand_arity",
    "wrong_type",
]

SYNTAX_ERROR = "syntax error"
NOT_AN_INTEGER = "value is not an integer or out of range"
NOT_A_FLOAT = "value is not a valid float"
NOT_A_PROTOCOL_VERSION = "Protocol version is not an integer or out of range"
DB_OUT_OF_RANGE = "DB index is out of range"

# As Redis' "%.128s" and its loop over the arguments: a reply quotes no more of what the client sent.
_QUOTED_BYTES = 128


class WireError(Exception):
    """Root of this room's errors. `code` is the first word of the error reply, `str()` the text after it."""

    def __init__(self, text: str, code: str = "ERR") -> None:
        super().__init__(text)
        self.code = code


class ProtocolError(WireError):
    """The peer broke the wire format: send this as the reply to it, then close the connection."""

    def __init__(self, message: str) -> None:
        super().__init__(f"Protocol error: {message}")


class QueryBufferExceeded(ProtocolError):
    """One request is larger than client-query-buffer-limit. Redis closes such a connection without a reply and counts it."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"request larger than the query buffer limit of {limit} bytes")


class CommandError(WireError):
    """A command that is not done; its error reply. The connection goes on."""


def wrong_arity(name: str) -> CommandError:
    """Too few or too many arguments. `name` as registered, in lower case; of a subcommand `config|get`."""
    return CommandError(f"wrong number of arguments for '{name}' command")


def unknown_command(name: bytes, arguments: Sequence[bytes]) -> CommandError:
    """No such command; quotes at most 128 bytes of the name and 128 of the arguments."""
    beginning = b""
    for argument in arguments:
        if len(beginning) >= _QUOTED_BYTES:
            break
        beginning += b"'%b' " % _quotable(argument, _QUOTED_BYTES - len(beginning))
    return CommandError(f"unknown command '{_quote(name)}', with args beginning with: {decode(beginning)}")


def unknown_subcommand(container: str, subcommand: bytes) -> CommandError:
    """No such subcommand of `container` (`client`, in any case)."""
    return CommandError(f"unknown subcommand '{_quote(subcommand)}'. Try {container.upper()} HELP.")


def wrong_subcommand_arity(container: str, subcommand: bytes) -> CommandError:
    """A subcommand with more arguments than it knows, where its arity only says how many it needs."""
    quoted = _quote(subcommand)
    return CommandError(f"unknown subcommand or wrong number of arguments for '{quoted}'. Try {container.upper()} HELP.")


def authentication_required() -> CommandError:
    """The command needs AUTH or HELLO ... AUTH first."""
    return CommandError("Authentication required.", "NOAUTH")


def hello_authentication_required() -> CommandError:
    """HELLO without AUTH from a client that has not authenticated."""
    text = (
        "HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used "
        "to authenticate the client and select the RESP protocol version at the same time"
    )
    return CommandError(text, "NOAUTH")


def wrong_password() -> CommandError:
    """Wrong user name or password, or the user is disabled: never tells which."""
    return CommandError("invalid username-password pair or user is disabled.", "WRONGPASS")


def no_password_set() -> CommandError:
    """AUTH with one argument while the default user has no password."""
    return CommandError(
        "AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
    )


def no_permission(user: str, name: str) -> CommandError:
    """The ACL of `user` does not cover the command (`config|get` for a subcommand)."""
    return CommandError(f"User {user} has no permissions to run the '{name}' command", "NOPERM")


def no_permission_key() -> CommandError:
    """The ACL does not cover one of the command's keys."""
    return CommandError("No permissions to access a key", "NOPERM")


def no_permission_channel() -> CommandError:
    """The ACL does not cover one of the command's channels."""
    return CommandError("No permissions to access a channel", "NOPERM")


def unsupported_protocol() -> CommandError:
    """HELLO with a protocol version other than 2 and 3."""
    return CommandError("unsupported protocol version", "NOPROTO")


def hello_option(option: bytes) -> CommandError:
    """HELLO with an option that does not exist or lacks its value."""
    quoted = decode(_quotable(option, len(option)))
    return CommandError(f"Syntax error in HELLO option '{quoted}'")


def wrong_type() -> CommandError:
    """The key exists but is not of the kind the command works on."""
    return CommandError("Operation against a key holding the wrong kind of value", "WRONGTYPE")


def loading() -> CommandError:
    """The server has started but does not answer data commands yet; clients retry on this code."""
    return CommandError("Redis is loading the dataset in memory", "LOADING")


def out_of_memory() -> CommandError:
    """A write while memory is above maxmemory and nothing may be evicted."""
    return CommandError("command not allowed when used memory > 'maxmemory'.", "OOM")


def transaction_aborted() -> CommandError:
    """EXEC after a command that could not be queued."""
    return CommandError("Transaction discarded because of previous errors.", "EXECABORT")


def transaction_refused(reason: CommandError) -> CommandError:
    """EXEC that could not be run itself."""
    code = "" if reason.code == "ERR" else f"{reason.code} "
    return CommandError(f"Transaction discarded because of: {code}{reason}", "EXECABORT")


def subscribed(name: str) -> CommandError:
    """A command that a RESP2 connection may not send while it has subscriptions."""
    return CommandError(f"Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")


def _quote(value: bytes) -> str:
    return decode(_quotable(value, _QUOTED_BYTES))


def _quotable(value: bytes, limit: int) -> bytes:
    """The part Redis prints: its format stops at a NUL byte."""
    return value[:limit].partition(b"\0")[0]
