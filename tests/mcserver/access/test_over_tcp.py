"""Rights of connections that are open, and of those whose commands are answered from memory."""

import pytest

from tests.mcserver.parts import Parts, Peer, Tcp, error_text, pack

LOOKUP = pack("MC.GET", "m", "a")
NO_KEY = "NOPERM No permissions to access a key"


@pytest.fixture
async def peer(tcp: Tcp, parts: Parts) -> Peer:
    """A client whose lookup is answered from memory."""
    peer = await tcp.connect()
    await peer.ask("ACL", "SETUSER", "u", "on", "nopass", "~*", "&*", "+@all")
    assert await peer.ask("AUTH", "u", "x") == b"OK"
    await peer.ask("MC.SET", "m", "a", "1")
    for _ in range(3):
        peer.send_bytes(LOOKUP)
        assert await peer.reply() == b"1"
    assert parts.cache.exact.wires
    return peer


async def test_a_change_of_rights_holds_for_the_next_lookup(peer: Peer, tcp: Tcp):
    operator = await tcp.connect()
    await operator.ask("ACL", "SETUSER", "u", "resetkeys", "~other")
    peer.send_bytes(LOOKUP + LOOKUP)
    assert [error_text(reply) for reply in await peer.replies(2)] == [NO_KEY] * 2
    await operator.ask("ACL", "SETUSER", "u", "~m")
    peer.send_bytes(LOOKUP)
    assert await peer.reply() == b"1"


async def test_so_does_another_user(peer: Peer):
    await peer.ask("ACL", "SETUSER", "v", "on", "nopass", "+@all")
    peer.send_bytes(LOOKUP + pack("AUTH", "v", "x") + LOOKUP)
    first, second, third = await peer.replies(3)
    assert (first, second, error_text(third)) == (b"1", b"OK", NO_KEY)


async def test_a_deleted_user_is_cut_off(peer: Peer, tcp: Tcp):
    operator = await tcp.connect()
    assert await operator.ask("ACL", "DELUSER", "u") == 1
    assert await peer.ended()
    assert await operator.ask("PING") == b"PONG"


async def test_who_deletes_itself_is_told_first(peer: Peer):
    peer.send_bytes(pack("ACL", "DELUSER", "u") + LOOKUP)
    assert await peer.reply() == 1
    assert await peer.ended()


async def test_what_a_deleted_user_had_sent_is_not_run_as_another(tcp: Tcp, parts: Parts, peer: Peer):
    """The write waits for a lookup under way; by then its user is gone, and nobody may set in its place."""
    operator = await tcp.connect()
    parts.embedder.holding = True
    peer.send_bytes(pack("MC.GET", "m", "not known") + pack("MC.SET", "m", "later", "2"))
    held = await parts.embedder.held()
    assert await operator.ask("ACL", "DELUSER", "u") == 1
    parts.embedder.holding = False
    held.release()
    assert await peer.reply() is None
    assert error_text(await peer.reply()) == "NOPERM User u has no permissions to run the 'mc.set' command"
    assert await peer.ended()


async def test_new_connections_of_a_default_that_is_off_must_log_in(peer: Peer, tcp: Tcp):
    await peer.ask("ACL", "SETUSER", "default", "off")
    stranger = await tcp.connect()
    assert error_text(await stranger.ask("PING")) == "NOAUTH Authentication required."
    assert await stranger.ask("AUTH", "u", "x") == b"OK"


async def test_a_denied_command_spoils_the_transaction(tcp: Tcp, peer: Peer):
    await peer.ask("ACL", "SETUSER", "v", "on", "nopass", "+multi", "+exec", "+ping")
    await peer.ask("AUTH", "v", "x")
    peer.send_bytes(pack("MULTI") + pack("PING") + pack("ECHO", "x") + pack("EXEC"))
    *_, denied, spoilt = await peer.replies(4)
    assert error_text(denied) == "NOPERM User v has no permissions to run the 'echo' command"
    assert error_text(spoilt) == "EXECABORT Transaction discarded because of previous errors."
