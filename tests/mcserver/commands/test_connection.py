"""What the comparison with a real server does not show: effects on the client, and what is ours alone."""

from protocol.reply import encode
from tests.mcserver.commands.wire import Wire


async def test_quit_answers_and_ends(wire: Wire):
    assert await wire.send("QUIT now") == b"+OK\r\n"
    assert wire.client.closing


async def test_hello_describes_this_server(wire: Wire):
    assert await wire.ask("HELLO 3") == {
        "server": "redis",
        "version": "7.4.0",
        "proto": 3,
        "id": 1,
        "mode": "standalone",
        "role": "master",
        "modules": [{"name": "mc", "ver": 100, "path": "", "args": []}],
    }


async def test_hello_without_version_keeps_it(wire: Wire):
    assert (await wire.send("HELLO")).startswith(b"*14\r\n")
    await wire.send("HELLO 3")
    assert (await wire.send("hello")).startswith(b"%7\r\n")
    assert (await wire.send("HELLO 2")).startswith(b"*14\r\n")


async def test_hello_logs_in_names_and_chooses_at_once(wire: Wire):
    await wire.send("CONFIG SET requirepass secret")
    client = wire.connect()
    assert (await wire.send("HELLO 3 SETNAME me AUTH default secret", client)).startswith(b"%7\r\n")
    assert (client.authenticated, client.name, client.protocol) == (True, "me", 3)


async def test_hello_with_a_wrong_password_does_nothing(wire: Wire):
    await wire.send("CONFIG SET requirepass secret")
    client = wire.connect()
    assert (await wire.send("HELLO 3 SETNAME me AUTH default secre", client)).startswith(b"-WRONGPASS ")
    assert (client.authenticated, client.name, client.protocol) == (False, "", 2)


async def test_hello_needs_the_password(wire: Wire):
    await wire.send("CONFIG SET requirepass secret")
    client = wire.connect()
    for words in ("HELLO", "HELLO 3", "HELLO 3 SETNAME me"):
        reply = await wire.send(words, client)
        assert reply.startswith(b"-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH ")
    assert (client.name, client.protocol) == ("", 2)


async def test_wrong_passwords_are_counted(wire: Wire):
    await wire.send("CONFIG SET requirepass secret")
    await wire.send("AUTH wrong")
    await wire.send("HELLO 3 AUTH nobody secret")
    await wire.send("AUTH secret")
    assert b"acl_access_denied_auth:2\r\n" in await wire.send("INFO stats")


async def test_reset_forgets_all_but_the_library(wire: Wire):
    await wire.send("CLIENT SETINFO lib-name redis-py")
    await wire.send("HELLO 3 SETNAME me")
    await wire.send("MULTI")
    wire.client.transaction_failed = True
    assert await wire.send("RESET") == b"+RESET\r\n"
    client = wire.client
    assert (client.protocol, client.name, client.transaction, client.transaction_failed) == (2, "", None, False)
    assert (client.authenticated, client.user.name, client.library_name) == (True, "default", "redis-py")


async def test_inside_multi_they_wait_for_exec(wire: Wire):
    for words in ("MULTI", "PING", "CLIENT SETNAME me", "SELECT 1", "CLIENT GETNAME", "TIME"):
        assert await wire.send(words) == (b"+OK\r\n" if words == "MULTI" else b"+QUEUED\r\n")
    assert wire.client.name == ""
    reply = await wire.send("EXEC")
    assert reply.startswith(b"*5\r\n+PONG\r\n+OK\r\n-ERR DB index is out of range\r\n$2\r\nme\r\n*2\r\n")


async def test_while_loading(wire: Wire):
    wire.context.loading = True
    loading = b"-LOADING Redis is loading the dataset in memory\r\n"
    for words in ("PING", "DBSIZE", "MC.GET m q"):
        assert await wire.send(words) == loading
    for words in ("HELLO 3", "CLIENT ID", "CONFIG GET port", "COMMAND COUNT", "SELECT 0", "ECHO x", "TIME", "RESET", "QUIT"):
        assert not (await wire.send(words)).startswith(b"-")
    assert b"\r\nloading:1\r\n" in await wire.send("INFO")


async def test_a_message_is_any_bytes(wire: Wire):
    message = bytes(range(256)) * 100
    assert await wire.send([b"ECHO", message]) == encode(message, 2) == await wire.send([b"PING", message])
