"""CLUSTER with cluster-enabled: a cluster of one node. Without, it is refused as by Redis: see test_as_redis."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis._parsers.helpers import parse_cluster_info, parse_cluster_nodes
from redis.asyncio.cluster import RedisCluster
from redis.cluster import key_slot

from mcserver.cluster import find_slot
from tests.mcserver.commands.wire import RUN_ID, Redis, Wire, decode
from tests.mcserver.parts import Parts, Tcp, opened


@pytest.fixture
def clustered(wire: Wire) -> Wire:
    object.__setattr__(wire.settings, "cluster_enabled", True)
    return wire


@pytest.fixture
async def tcp(tmp_path: Path) -> AsyncIterator[Tcp]:
    async with opened(Parts(tmp_path, cluster_enabled=True)) as parts:
        tcp = Tcp(parts)
        await tcp.listen()
        yield tcp
        await tcp.close()


@pytest.mark.parametrize("key", [b"", b"a", b"gpt-4", b"{a}b", b"x{a}b{c}", b"{}a", b"a{b", b"a}b{c}", b"{{a}}", b"\xff\x00"])
async def test_slots_are_those_of_redis(key: bytes, clustered: Wire):
    assert find_slot(key) == key_slot(key) == await clustered.ask([b"CLUSTER", b"KEYSLOT", key])


@pytest.mark.parametrize(
    ("local", "settings", "place"),
    [
        ("127.0.0.1:6380", {}, ["127.0.0.1", 6380]),
        ("[::1]:6380", {}, ["::1", 6380]),
        ("/run/mcserver.sock:0", {}, ["127.0.0.1", 6380]),
        ("172.17.0.2:6380", {"cluster-announce-ip": "192.0.2.1", "cluster-announce-port": "7000"}, ["192.0.2.1", 7000]),
    ],
)
async def test_the_node_is_where_the_client_came_to(local: str, settings: dict[str, str], place: list[object], clustered: Wire):
    clustered.settings.assign(list(settings.items()))
    client = clustered.connect(local_address=local, unix=local.startswith("/"))
    assert await clustered.ask("CLUSTER SLOTS", client) == [[0, 16383, [*place, RUN_ID, []]]]


async def test_shards(clustered: Wire):
    await clustered.send("HELLO 3")
    [shard] = await clustered.ask("CLUSTER SHARDS")
    assert shard["slots"] == [0, 16383]
    [node] = shard["nodes"]
    assert node == {
        "id": RUN_ID,
        "port": 6380,
        "ip": "127.0.0.1",
        "endpoint": "127.0.0.1",
        "role": "master",
        "replication-offset": 0,
        "health": "online",
    }


async def test_texts_are_read_by_redis_py(clustered: Wire):
    assert await clustered.ask("CLUSTER MYID") == RUN_ID
    [(place, node)] = parse_cluster_nodes(await clustered.ask("CLUSTER NODES")).items()
    assert (place, node["node_id"], node["flags"], node["slots"]) == ("127.0.0.1:6380", RUN_ID, "myself,master", [["0", "16383"]])
    info = parse_cluster_info(await clustered.ask("CLUSTER INFO"))
    assert (info["cluster_state"], info["cluster_slots_assigned"], info["cluster_known_nodes"]) == ("ok", "16384", "1")


@pytest.mark.parametrize("words", ["READONLY", "READWRITE", "ASKING"])
async def test_agrees(words: str, clustered: Wire):
    assert await clustered.send(words) == b"+OK\r\n"


async def test_info_says_so(wire: Wire, redis: Redis):
    assert await wire.ask("INFO cluster") == decode(redis.send("INFO cluster")) == "# Cluster\r\ncluster_enabled:0\r\n"
    object.__setattr__(wire.settings, "cluster_enabled", True)
    assert await wire.ask("INFO cluster") == "# Cluster\r\ncluster_enabled:1\r\n"
    assert "redis_mode:cluster\r\n" in await wire.ask("INFO server")
    await wire.send("HELLO 3")
    assert (await wire.ask("HELLO"))["mode"] == "cluster"


@pytest.mark.parametrize("protocol", [2, 3])
async def test_a_cluster_client_works(protocol: int, tcp: Tcp):
    async with RedisCluster(host="127.0.0.1", port=tcp.port, protocol=protocol) as cluster:
        assert await cluster.execute_command("MC.SET", "{team}a", "red", "answer") == b"OK"
        assert await cluster.execute_command("MC.SET", "b", "blue", "another") == b"OK"
        assert await cluster.execute_command("MC.GET", "{team}a", "red") == b"answer"
        assert await cluster.execute_command("MC.GET", "b", "blue") == b"another"
        assert [node.port for node in cluster.get_nodes()] == [tcp.port]
