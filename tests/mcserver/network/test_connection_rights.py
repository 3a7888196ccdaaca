"""The exact path and everything that must not be passed over by it: rights, subscriptions, a slow log that wants everything."""

import pytest

from tests.mcserver.parts import Parts, Peer, Tcp, error_text, pack


@pytest.fixture
async def admin(tcp: Tcp) -> Peer:
    admin = await tcp.connect()
    for model in ("team-a:m", "team-b:m"):
        await admin.ask("MC.SET", model, "q", "secret")
        for _ in range(3):
            await admin.ask("MC.GET", model, "q")
    await admin.ask("ACL", "SETUSER", "tenant", "on", "nopass", "~team-a:*", "+@all", "-@admin")
    return admin


@pytest.fixture
async def tenant(tcp: Tcp, admin: Peer) -> Peer:
    tenant = await tcp.connect()
    assert await tenant.ask("AUTH", "tenant", "x") == b"OK"
    return tenant


DENIED = "NOPERM No permissions to access a key"


async def test_an_answer_that_another_has_had_lately(tenant: Peer):
    assert await tenant.ask("MC.GET", "team-a:m", "q") == b"secret"
    for _ in range(3):
        assert error_text(await tenant.ask("MC.GET", "team-b:m", "q")) == DENIED


async def test_in_a_pipeline(tenant: Peer):
    tenant.send_bytes(pack("MC.GET", "team-a:m", "q") + pack("MC.GET", "team-b:m", "q") + pack("MC.GET", "team-a:m", "q"))
    first, second, third = await tenant.replies(3)
    assert (first, error_text(second), third) == (b"secret", DENIED, b"secret")


async def test_rights_that_are_taken_away_from_a_connection_at_rest(tcp: Tcp, admin: Peer):
    user = await tcp.connect()
    await admin.ask("ACL", "SETUSER", "other", "on", "nopass", "allkeys", "allchannels", "allcommands")
    await user.ask("AUTH", "other", "x")
    for _ in range(3):
        assert await user.ask("MC.GET", "team-b:m", "q") == b"secret"
    await admin.ask("ACL", "SETUSER", "other", "resetkeys", "~team-a:*")
    assert error_text(await user.ask("MC.GET", "team-b:m", "q")) == DENIED
    await admin.ask("ACL", "SETUSER", "other", "allkeys", "-mc.get")
    assert error_text(await user.ask("MC.GET", "team-b:m", "q")).startswith("NOPERM User other has no permissions to run the 'mc.get'")


async def test_inside_multi(tenant: Peer):
    await tenant.ask("MULTI")
    assert error_text(await tenant.ask("MC.GET", "team-b:m", "q")) == DENIED
    assert error_text(await tenant.ask("EXEC")).startswith("EXECABORT")


async def test_rights_that_are_taken_away_between_multi_and_exec(admin: Peer, tenant: Peer):
    await tenant.ask("MULTI")
    await tenant.ask("MC.GET", "team-a:m", "q")
    await admin.ask("ACL", "SETUSER", "tenant", "resetkeys")
    [refusal] = await tenant.ask("EXEC")
    assert error_text(refusal).startswith("NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call.")


async def test_a_subscriber_of_the_old_protocol(admin: Peer):
    await admin.ask("SUBSCRIBE", "news")
    assert error_text(await admin.ask("MC.GET", "team-a:m", "q")).startswith("ERR Can't execute 'mc.get': only (P|S)SUBSCRIBE")
    await admin.ask("RESET")
    assert await admin.ask("MC.GET", "team-a:m", "q") == b"secret"


async def test_a_slow_log_of_everything(parts: Parts, tcp: Tcp, admin: Peer):
    user = await tcp.connect()
    assert await user.ask("MC.GET", "team-a:m", "q") == b"secret"
    await admin.ask("CONFIG", "SET", "slowlog-log-slower-than", "0")
    assert await user.ask("MC.GET", "team-a:m", "q") == b"secret"
    assert (b"MC.GET", b"team-a:m", b"q") in [slow.words for slow in parts.context.slowlog]
