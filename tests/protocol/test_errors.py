import pytest

from protocol import errors
from protocol.errors import CommandError, ProtocolError, QueryBufferExceeded, WireError
from protocol.reply import encode


def test_public_names():
    defined = {name for name, value in vars(errors).items() if getattr(value, "__module__", None) == "protocol.errors"}
    constants = {name for name in vars(errors) if name.isupper() and not name.startswith("_")}
    assert set(errors.__all__) == {name for name in defined | constants if not name.startswith("_")}


def test_one_tree():
    assert issubclass(ProtocolError, WireError)
    assert issubclass(CommandError, WireError)
    assert issubclass(QueryBufferExceeded, ProtocolError)


def test_the_text_is_without_the_code():
    error = CommandError("Authentication required.", "NOAUTH")
    assert (str(error), error.code) == ("Authentication required.", "NOAUTH")
    assert CommandError("x").code == "ERR"


def test_a_protocol_error_says_so():
    error = ProtocolError("invalid bulk length")
    assert (str(error), error.code) == ("Protocol error: invalid bulk length", "ERR")


def test_the_query_buffer_limit_is_named():
    assert str(QueryBufferExceeded(1024)) == "Protocol error: request larger than the query buffer limit of 1024 bytes"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (errors.wrong_arity("mc.get"), "ERR wrong number of arguments for 'mc.get' command"),
        (errors.unknown_command(b"X", [b"a", b"b"]), "ERR unknown command 'X', with args beginning with: 'a' 'b' "),
        (errors.unknown_command(b"X", []), "ERR unknown command 'X', with args beginning with: "),
        (errors.unknown_subcommand("client", b"X"), "ERR unknown subcommand 'X'. Try CLIENT HELP."),
        (errors.authentication_required(), "NOAUTH Authentication required."),
        (
            errors.hello_authentication_required(),
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can "
            "be used to authenticate the client and select the RESP protocol version at the same time",
        ),
        (errors.wrong_password(), "WRONGPASS invalid username-password pair or user is disabled."),
        (
            errors.no_password_set(),
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
        ),
        (errors.no_permission("u", "config|get"), "NOPERM User u has no permissions to run the 'config|get' command"),
        (errors.no_permission_key(), "NOPERM No permissions to access a key"),
        (errors.no_permission_channel(), "NOPERM No permissions to access a channel"),
        (errors.unsupported_protocol(), "NOPROTO unsupported protocol version"),
        (errors.hello_option(b"FOO"), "ERR Syntax error in HELLO option 'FOO'"),
        (errors.wrong_type(), "WRONGTYPE Operation against a key holding the wrong kind of value"),
        (errors.loading(), "LOADING Redis is loading the dataset in memory"),
        (errors.out_of_memory(), "OOM command not allowed when used memory > 'maxmemory'."),
        (errors.transaction_aborted(), "EXECABORT Transaction discarded because of previous errors."),
        (
            errors.transaction_refused(errors.wrong_arity("exec")),
            "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
        ),
        (
            errors.transaction_refused(errors.authentication_required()),
            "EXECABORT Transaction discarded because of: NOAUTH Authentication required.",
        ),
        (
            errors.subscribed("get"),
            "ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        ),
    ],
)
def test_texts(error: CommandError, line: str):
    assert f"{error.code} {error}" == line
    assert encode(error, 2) == encode(error, 3) == b"-%b\r\n" % line.encode()


def test_quotes_at_most_128_bytes_of_the_name():
    assert str(errors.unknown_command(b"x" * 200, [])).count("x") == 128
    assert str(errors.unknown_subcommand("acl", b"q" * 200)).count("q") == 128


def test_quotes_at_most_128_bytes_of_the_arguments():
    text = str(errors.unknown_command(b"F", [b"j" * 100, b"q" * 100, b"z"]))
    assert (text.count("j"), text.count("q"), text.count("z")) == (100, 25, 0)


# What the real server answers to each; a connection of its own per request.
QUOTED = [
    [b"NOSUCH"],
    [b"NOSUCH", b"a", b"b c"],
    [b"no\r\nsuch", b"a\r\n", b"\n"],
    [b"x" * 127],
    [b"x" * 128],
    [b"x" * 200, b"y" * 200, b"z"],
    [b"NOSUCH", b"a" * 100, b"b" * 100, b"c"],
    [b"NOSUCH", b"a" * 125, b"b"],
    [b"NOSUCH", b"a" * 124, b"b", b"c"],
    [b"NOSUCH", b"\xff\xfe", "\u00e9\u4e2d".encode()],
    [b"x" * 127 + "\u4e2d".encode()],
    [b"NO\0SUCH", b"a\0b", b"c"],
    [b"NOSUCH", b"", b""],
]


@pytest.mark.parametrize("request_", QUOTED)
def test_unknown_commands_read_as_those_of_redis(request_: list[bytes], ask_redis):
    assert encode(errors.unknown_command(request_[0], request_[1:]), 2) == ask_redis(encode(request_, 2))


@pytest.mark.parametrize("subcommand", [b"NOSUCH", b"x" * 200, b"a\r\nb", b"a\0b", b"\xff"])
def test_unknown_subcommands_read_as_those_of_redis(subcommand: bytes, ask_redis):
    assert encode(errors.unknown_subcommand("client", subcommand), 2) == ask_redis(encode([b"CLIENT", subcommand], 2))


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (b"GET\r\n", errors.wrong_arity("get")),
        (b"CONFIG GET\r\n", errors.wrong_arity("config|get")),
        (b"SET a b FOO\r\n", CommandError(errors.SYNTAX_ERROR)),
        (b"SET a b EX x\r\n", CommandError(errors.NOT_AN_INTEGER)),
        (b"INCRBYFLOAT a x\r\n", CommandError(errors.NOT_A_FLOAT)),
        (b"SELECT 99\r\n", CommandError(errors.DB_OUT_OF_RANGE)),
        (b"HELLO x\r\n", CommandError(errors.NOT_A_PROTOCOL_VERSION)),
        (b"HELLO 4\r\n", errors.unsupported_protocol()),
        (b"HELLO 3 FOO\r\n", errors.hello_option(b"FOO")),
        (b"AUTH x\r\n", errors.no_password_set()),
        (b"AUTH a b\r\n", errors.wrong_password()),
    ],
)
def test_texts_are_those_of_redis(request_: bytes, error: CommandError, ask_redis):
    assert encode(error, 2) == ask_redis(request_)
