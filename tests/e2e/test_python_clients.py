"""redis-py, valkey-py and valkey-glide with what they are used for: both protocols, pools, pipelines, transactions, publish/subscribe."""

import asyncio

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.cache import CacheConfig
from redis.retry import Retry

from tests.e2e.programs import need

QUESTION = "How do I reset my password?"
ANSWER = "Click on ‘Forgot password’."


def set_command(model="m", question=QUESTION, answer=ANSWER):
    return "MC.SET", model, question, answer


def get_command(model="m", question=QUESTION):
    return "MC.GET", model, question


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py(server, protocol):
    with server.client(protocol=protocol, decode_responses=True, client_name="app", db=0) as cache:
        assert cache.execute_command(*get_command()) is None
        assert cache.execute_command(*set_command()) == "OK"
        assert cache.execute_command(*get_command()) == ANSWER
        described = cache.execute_command(*get_command(), "WITHMETA")
        assert (described if protocol == 3 else dict(zip(described[::2], described[1::2], strict=True)))["reason"] == "exact"
        assert cache.client_info()["resp"] == str(protocol)
        assert cache.client_info()["lib-name"] == "redis-py"
        assert cache.client_getname() == "app"
        with pytest.raises(redis.ResponseError, match=r"wrong number of arguments for 'mc\.get' command"):
            cache.execute_command("MC.GET", "m")


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("transaction", [False, True])
def test_redis_py_pipeline(server, protocol, transaction):
    with server.client(protocol=protocol, decode_responses=True).pipeline(transaction=transaction) as pipe:
        pipe.execute_command(*set_command())
        pipe.execute_command(*get_command())
        pipe.execute_command(*get_command(question="What is the capital of France?"))
        assert pipe.execute() == ["OK", ANSWER, None]


def test_redis_py_pipeline_with_an_error(server):
    """The others are carried out without a transaction, and none is in one."""
    for transaction in (False, True):
        pipe = server.client().pipeline(transaction=transaction)
        pipe.execute_command("MC.GET", "m").execute_command(*set_command(model=f"{transaction}"))
        with pytest.raises(redis.ResponseError, match=r"Command # 1 \(MC\.GET m\) of pipeline caused error"):
            pipe.execute()
    assert server.client().execute_command("MC.MODELS") == [b"False"]


def test_redis_py_watches(server):
    """A transaction of redis-py is tried again when another client changed the model it read."""
    cache, other = server.client(decode_responses=True), server.client()
    cache.execute_command(*set_command(answer="0"))
    tries = []

    def append(pipe):
        found = pipe.execute_command(*get_command())
        tries.append(found)
        if len(tries) == 1:
            other.execute_command(*set_command(answer="from another"))
        pipe.multi()
        pipe.execute_command(*set_command(answer=f"{found}, and more"))

    assert cache.transaction(append, "m") == ["OK"]
    assert tries == ["0", "from another"]
    assert cache.execute_command(*get_command()) == "from another, and more"


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_publish_subscribe(server, protocol):
    cache = server.client(protocol=protocol, decode_responses=True)
    with cache.pubsub() as listener:
        listener.subscribe("news")
        listener.psubscribe("n*")
        assert [listener.get_message(timeout=10)["type"] for _ in range(2)] == ["subscribe", "psubscribe"]
        assert cache.publish("news", "hello") == 2
        messages = [listener.get_message(timeout=10) for _ in range(2)]
        assert messages == [
            {"type": "message", "pattern": None, "channel": "news", "data": "hello"},
            {"type": "pmessage", "pattern": "n*", "channel": "news", "data": "hello"},
        ]
        listener.unsubscribe()
        assert listener.get_message(timeout=10)["type"] == "unsubscribe"


def test_redis_py_client_side_cache(server):
    """What it keeps, it is told to forget. MC.* is not among what it keeps: another client's write is seen at once."""
    other = server.client()
    other.execute_command(*set_command(answer="old"))
    with server.client(protocol=3, decode_responses=True, cache_config=CacheConfig()) as cache:
        assert "t" in cache.client_info()["flags"]
        assert cache.execute_command(*get_command()) == "old"
        assert cache.exists("m") == 1
        before = server.client().info("commandstats")["cmdstat_exists"]["calls"]
        assert cache.exists("m") == 1
        assert server.client().info("commandstats")["cmdstat_exists"]["calls"] == before
        other.execute_command(*set_command(answer="new"))
        assert cache.execute_command(*get_command()) == "new"
        other.execute_command("MC.DROP", "m")
        assert cache.exists("m") == 0


def test_redis_py_knows_the_errors(server):
    """Redis' code words become redis-py's classes."""
    admin = server.client()
    admin.execute_command("ACL", "SETUSER", "app", "on", ">secret", "~app:*", "+@semantic", "+multi", "+exec")
    try:
        with pytest.raises(redis.AuthenticationError, match="invalid username-password pair"):
            server.client(username="app", password="wrong", retry=Retry(NoBackoff(), 0)).ping()
        app = server.client(username="app", password="secret", decode_responses=True)
        assert app.execute_command(*set_command(model="app:m")) == "OK"
        with pytest.raises(redis.exceptions.NoPermissionError):
            app.execute_command(*get_command())
        with pytest.raises(redis.exceptions.NoPermissionError):
            app.flushall()
    finally:
        admin.execute_command("ACL", "DELUSER", "app")


def test_redis_py_health_check(server):
    """It sends PING even before HELLO."""
    before = pings(server)
    with server.client(protocol=3, health_check_interval=1) as cache:
        assert cache.execute_command(*set_command()) == b"OK"
    assert pings(server) > before


def pings(server):
    return server.client().info("commandstats").get("cmdstat_ping", {"calls": 0})["calls"]


@pytest.mark.parametrize("protocol", [2, 3])
async def test_redis_py_asyncio(server, protocol):
    async with redis.asyncio.Redis(port=server.port, protocol=protocol, decode_responses=True) as cache:
        for transaction in (False, True):
            async with cache.pipeline(transaction=transaction) as pipe:
                pipe.execute_command(*set_command())
                pipe.execute_command(*get_command())
                assert await pipe.execute() == ["OK", ANSWER]
        answers = await asyncio.gather(*(cache.execute_command(*get_command()) for _ in range(20)))
        assert answers == [ANSWER] * 20
        async with cache.pubsub() as listener:
            await listener.subscribe("news")
            assert (await listener.get_message(timeout=10))["type"] == "subscribe"
            assert await cache.publish("news", "hello") == 1
            assert (await listener.get_message(timeout=10))["data"] == "hello"


def test_redis_py_reads_what_servers_tell(server):
    """Everything its parsers know how to read, they can read."""
    cache = server.client(decode_responses=True)
    cache.execute_command(*set_command())
    assert cache.info()["db0"]["keys"] == cache.dbsize() == 1
    assert {client["cmd"] for client in cache.client_list()} >= {"client|list"}
    assert cache.command()["mc.get"]["first_key_pos"] == 1
    assert cache.command_getkeys(*get_command()) == ["m"]
    assert cache.config_get("max*")["maxclients"] == "10000"
    assert cache.acl_whoami() == "default"
    assert cache.acl_getuser("default")["enabled"] is True
    assert cache.slowlog_len() >= 0
    assert cache.latency_latest() == []
    assert cache.memory_usage("m") > 0
    assert list(cache.scan_iter()) == ["m"]
    assert cache.time()[0] > 1_600_000_000
    assert cache.role()[0] == "master"
    assert cache.pubsub_channels() == []
    assert cache.module_list()[0]["name"] == "mc"


def test_redis_py_monitor(server):
    with server.client().monitor() as monitor:
        server.client(decode_responses=True).execute_command(*set_command())
        seen = [monitor.next_command()["command"] for _ in range(1)]
        while not seen[-1].startswith("MC.SET"):
            seen.append(monitor.next_command()["command"])
        assert QUESTION in seen[-1]


@pytest.mark.parametrize("protocol", [2, 3])
def test_valkey_py(server, protocol):
    need("valkey-py")
    import valkey  # noqa: PLC0415 - where it is not installed, the test is skipped

    with valkey.Valkey(port=server.port, protocol=protocol, decode_responses=True) as cache:
        with cache.pipeline(transaction=True) as pipe:
            pipe.execute_command(*set_command())
            pipe.execute_command(*get_command())
            assert pipe.execute() == ["OK", ANSWER]
        assert cache.client_info()["lib-name"] == "valkey-py"
        with cache.pubsub(ignore_subscribe_messages=True) as listener:
            listener.subscribe("news")
            while cache.publish("news", "hello") == 0:
                listener.get_message(timeout=0.1)
            while (message := listener.get_message(timeout=10)) is None:
                pass
            assert message["data"] == "hello"
        with pytest.raises(valkey.ResponseError, match="wrong number of arguments"):
            cache.execute_command("MC.GET", "m")


@pytest.mark.parametrize("resp", ["RESP2", "RESP3"])
async def test_valkey_glide(server, resp):
    need("valkey-glide (Python)")
    import glide  # noqa: PLC0415 - where it is not installed, the test is skipped

    cache = await glide.GlideClient.create(glide_configuration(glide, server, protocol=glide.ProtocolVersion[resp]))
    for atomic in (False, True):
        batch = glide.Batch(is_atomic=atomic)
        batch.custom_command(list(set_command()))
        batch.custom_command(list(get_command()))
        assert await cache.exec(batch, raise_on_error=True) == ["OK", ANSWER.encode()]
    with pytest.raises(glide.RequestError, match="wrong number of arguments"):
        await cache.custom_command(["MC.GET", "m"])
    assert await cache.client_getname() == b"app"
    assert f"resp={resp[-1]}" in (await cache.custom_command(["CLIENT", "INFO"])).decode()
    await cache.close()


async def test_valkey_glide_publish_subscribe(server):
    """With RESP3 only."""
    need("valkey-glide (Python)")
    import glide  # noqa: PLC0415 - where it is not installed, the test is skipped

    modes = glide.GlideClientConfiguration.PubSubChannelModes
    subscriptions = glide.GlideClientConfiguration.PubSubSubscriptions(
        {modes.Exact: {"news"}, modes.Pattern: {"n*"}}, callback=None, context=None
    )
    cache = await glide.GlideClient.create(glide_configuration(glide, server, pubsub_subscriptions=subscriptions))
    other = await glide.GlideClient.create(glide_configuration(glide, server))
    assert await other.publish("hello", "news") == 2
    messages = [await cache.get_pubsub_message() for _ in range(2)]
    assert {(message.message, message.pattern) for message in messages} == {(b"hello", None), (b"hello", b"n*")}
    await other.close()
    await cache.close()


def glide_configuration(glide, server, **options):
    addresses = [glide.NodeAddress("127.0.0.1", server.port)]
    return glide.GlideClientConfiguration(addresses, client_name="app", request_timeout=30_000, **options)
