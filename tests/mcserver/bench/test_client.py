"""The benchmark's clients against a small server that answers as the test says."""

import socketserver
import threading
from collections.abc import Callable, Iterator

import hiredis
import pytest

from mcserver.bench.client import Client, LoadError, load
from mcserver.bench.cost import Cost

Answer = Callable[[list[bytes]], bytes | None]


class Server(socketserver.ThreadingTCPServer):
    """Answers each request with what `answer` makes of it; None closes the connection. Notes how many requests came at once."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.connections = 0
        self.batches: list[int] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Handler(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        self.server.connections += 1
        reader = hiredis.Reader()
        while data := self.request.recv(65536):
            reader.feed(data)
            requests = list(iter(reader.gets, False))
            self.server.batches.append(len(requests))
            for request in requests:
                reply = self.server.answer(request)
                if reply is None:
                    return
                self.request.sendall(reply)


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Server]]:
    servers: list[Server] = []

    def start(answer: Answer) -> Server:
        server = Server(answer)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def echo(request: list[bytes]) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(request[1]), request[1])


def requests(count: int) -> list[tuple[str, str]]:
    return [("ECHO", f"text {number}") for number in range(count)]


@pytest.mark.parametrize(("clients", "depth"), [(1, 1), (3, 1), (2, 5), (50, 2)])
def test_every_request_gets_its_own_reply_in_order(serve: Callable[[Answer], Server], clients: int, depth: int) -> None:
    result = load(serve(echo).port, requests(40), clients=clients, depth=depth)
    assert result.replies == tuple(f"text {number}".encode() for number in range(40))
    assert len(result.latencies) == 40
    assert all(0 < latency <= result.seconds for latency in result.latencies)
    assert result.cost(0.5) == Cost(40, result.seconds, 0.5, result.latencies)


def test_a_connection_never_has_more_than_depth_requests_under_way(serve: Callable[[Answer], Server]) -> None:
    server = serve(echo)
    load(server.port, requests(60), clients=2, depth=4)
    assert server.connections == 2
    assert max(server.batches) <= 4


def test_no_more_connections_than_requests(serve: Callable[[Answer], Server]) -> None:
    server = serve(echo)
    load(server.port, requests(3), clients=20)
    assert server.connections == 3


def test_no_requests_is_an_empty_load(serve: Callable[[Answer], Server]) -> None:
    assert load(serve(echo).port, [], clients=4).replies == ()


def test_nil_is_a_reply(serve: Callable[[Answer], Server]) -> None:
    assert load(serve(lambda _: b"$-1\r\n").port, requests(5), clients=2).replies == (None,) * 5


def test_an_error_reply_ends_the_load(serve: Callable[[Answer], Server]) -> None:
    def refuse_the_third(request: list[bytes]) -> bytes:
        return b"-BUSY queue is full\r\n" if request[1] == b"text 2" else echo(request)

    with pytest.raises(LoadError, match="request 2 was answered with an error: BUSY queue is full"):
        load(serve(refuse_the_third).port, requests(5), clients=1)


def test_a_lost_connection_ends_the_load(serve: Callable[[Answer], Server]) -> None:
    with pytest.raises(LoadError, match="closed a connection with 1 requests unanswered"):
        load(serve(lambda _: None).port, requests(5), clients=1)


def test_a_server_that_does_not_answer_ends_the_load(serve: Callable[[Answer], Server]) -> None:
    with pytest.raises(LoadError, match=r"5 of 5 requests were not answered within 0\.05 s"):
        load(serve(lambda _: b"").port, requests(5), clients=2, patience=0.05)


def test_nobody_listens() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as taken:
        port = int(taken.server_address[1])
    with pytest.raises(ConnectionRefusedError):
        load(port, requests(1), clients=1)


def test_blocking_client_reads_a_reply_that_comes_in_pieces(serve: Callable[[Answer], Server]) -> None:
    large = b"x" * 1_000_000
    with Client(serve(echo).port) as client:
        assert client.call("ECHO", large) == large
        assert client.call("ECHO", 7) == b"7"


def test_blocking_client_raises_an_error_reply(serve: Callable[[Answer], Server]) -> None:
    with Client(serve(lambda _: b"-ERR unknown command\r\n").port) as client, pytest.raises(LoadError, match="ERR unknown command"):
        client.call("NOPE")


def test_blocking_client_tells_a_closed_connection(serve: Callable[[Answer], Server]) -> None:
    with Client(serve(lambda _: None).port) as client, pytest.raises(ConnectionResetError, match="before it answered 'PING'"):
        client.call("PING")
