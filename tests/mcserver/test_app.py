"""A whole server in this process: how it comes up and goes down, and why it does not."""

import gc
import logging
import os
import signal
import socket
import sqlite3
import sys
import threading

import pytest
import redis

from embedding.e5 import build as e5
from mcserver import __main__ as main
from mcserver import __version__, app
from mcserver.folder import LOCK, DataFolder, StartupError
from mcserver.settings import SettingError, Settings
from tests.embedding.tiny_model import TinyModel


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """What a process does to itself as a server."""
    thresholds, root = gc.get_threshold(), logging.getLogger()
    handlers, levels = root.handlers[:], [(name, logging.getLogger(name).level) for name in ("mcserver", "storage", "embedding", None)]
    monkeypatch.delenv("MCSERVER_ENV", raising=False)
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    root.handlers = handlers
    for name, level in levels:
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def arguments(tmp_path):
    model = TinyModel(tmp_path / "tiny").path
    return {"dir": tmp_path / "data", "embedder": f"onnx:{model}", "bind": ("127.0.0.1",), "port": free_port()}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Ready(logging.Handler):
    """Calls `then` on a thread of its own once the server is ready."""

    def __init__(self, then) -> None:
        super().__init__()
        self.thread = threading.Thread(target=self._run)
        self._ready = threading.Event()
        self._then = then
        self.result: object = None

    def emit(self, record) -> None:
        if record.getMessage().startswith("event=ready"):
            self._ready.set()

    def _run(self) -> None:
        if self._ready.wait(60):
            self.result = self._then()

    def __enter__(self):
        log = logging.getLogger("mcserver")
        log.addHandler(self)
        log.setLevel(logging.INFO)
        self.thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._ready.set()
        self.thread.join()
        logging.getLogger("mcserver").removeHandler(self)


class TestUpAndDown:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_signals(self, arguments, number):
        with Ready(lambda: os.kill(os.getpid(), number)):
            app.run(Settings(**arguments))

    @pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
    def test_used_and_shut_down_by_a_client(self, arguments, loop, caplog):
        def use():
            with redis.Redis(port=arguments["port"]) as client:
                client.execute_command("MC.SET", "m", "ask red", "1")
                found = client.execute_command("MC.GET", "m", "ask red"), client.config_set("threshold", "0.5")
                client.shutdown()
                return found

        with Ready(use) as ready:
            app.run(Settings(**arguments, loop=loop))
        assert ready.result == (b"1", True)
        assert [message.split()[0] for message in caplog.messages if message.startswith("event=")][-3:] == [
            "event=ready",
            "event=stopping",
            "event=stopped",
        ]
        DataFolder(arguments["dir"]).release()
        with Ready(lambda: os.kill(os.getpid(), signal.SIGTERM)):
            app.run(Settings(**arguments))


class TestRefused:
    """Each time everything that was taken is let go again: the folder, the port."""

    def refusal(self, arguments, **changes) -> str:
        with pytest.raises(StartupError) as raised:
            app.run(Settings(**(arguments | changes)))
        assert "\n" not in str(raised.value)
        return str(raised.value)

    def test_folder_in_use(self, arguments):
        folder = DataFolder(arguments["dir"])
        assert "is in use by another mcserver" in self.refusal(arguments)
        folder.release()

    def test_port_taken(self, arguments):
        with socket.create_server(("127.0.0.1", arguments["port"])):
            assert self.refusal(arguments) == f"cannot listen on 127.0.0.1 port {arguments['port']}: address already in use"
        DataFolder(arguments["dir"]).release()

    def test_model_missing(self, arguments, tmp_path):
        assert str(tmp_path / "nowhere") in self.refusal(arguments, embedder=f"onnx:{tmp_path / 'nowhere'}")
        socket.create_server(("127.0.0.1", arguments["port"])).close()

    def test_unknown_provider(self, arguments):
        assert self.refusal(arguments, embedder="magic:x") == "unknown provider 'magic' in embedder 'magic:x', expected onnx"

    def test_the_default_model_cannot_be_written(self, arguments, monkeypatch):
        def build(path, progress):
            progress(1, 2, "weights")
            progress(2, 2, "done")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(e5, "build", build)
        assert "No space left on device" in self.refusal(arguments, embedder=f"onnx:{e5.NAME}")

    def test_the_default_model_is_built_in_the_data_folder(self, arguments, tmp_path, monkeypatch, capsys):
        def build(path, progress):
            progress(1, 2, "weights")
            progress(2, 2, "done")
            path.parent.mkdir(parents=True)
            (tmp_path / "tiny").rename(path)

        monkeypatch.setattr(e5, "build", build)
        app.make_encoder(Settings(**(arguments | {"embedder": f"onnx:{e5.NAME}"}))).close()
        assert capsys.readouterr().err.split() == "building the model: 50 % weights building the model: 100 % done".split()

    def test_uvloop_missing(self, arguments, monkeypatch):
        monkeypatch.setitem(sys.modules, "uvloop", None)
        assert self.refusal(arguments, loop="uvloop").startswith("loop uvloop is not installed")

    def test_users_that_are_wrong(self, arguments):
        assert self.refusal(arguments, user=("a on foo",)) == "user a: rule 'foo': Syntax error"
        assert self.refusal(arguments, aclfile="nowhere").endswith("nowhere': No such file or directory")
        socket.create_server(("127.0.0.1", arguments["port"])).close()
        DataFolder(arguments["dir"]).release()

    def test_damaged_data(self, arguments):
        arguments["dir"].mkdir()
        (arguments["dir"] / "mcserver.db").write_bytes(b"not a database, but long enough to look like one" * 100)
        assert "is damaged or not a database" in self.refusal(arguments)

    def test_data_of_a_newer_version(self, arguments):
        arguments["dir"].mkdir()
        with sqlite3.connect(arguments["dir"] / "mcserver.db") as connection:
            connection.execute("PRAGMA user_version = 9999")
        connection.close()
        assert "version" in self.refusal(arguments)

    def test_a_file_where_the_index_should_be(self, arguments):
        arguments["dir"].mkdir()
        (arguments["dir"] / "index").touch()
        assert "index" in self.refusal(arguments)


class TestMain:
    def call(self, monkeypatch, *arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["mcserver", *map(str, arguments)])
        return main.main()

    @pytest.mark.parametrize("flag", ["--help", "-h"])
    def test_help(self, monkeypatch, capsys, flag):
        assert self.call(monkeypatch, flag) == 0
        assert capsys.readouterr().out.startswith("usage: mcserver")

    @pytest.mark.parametrize("flag", ["--version", "-v"])
    def test_version(self, monkeypatch, capsys, flag):
        assert self.call(monkeypatch, flag) == 0
        assert capsys.readouterr().out == f"mcserver {__version__}\n"

    @pytest.mark.parametrize(
        ("arguments", "line"),
        [
            (["--port", "70000"], "mcserver: argument --port: port got '70000'"),
            (["--nonsense", "1"], "mcserver: argument --nonsense: unknown setting 'nonsense'"),
            (["nonsense"], "mcserver: unexpected argument 'nonsense'"),
        ],
    )
    def test_a_bad_setting(self, monkeypatch, capsys, arguments, line):
        assert self.call(monkeypatch, *arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith(line)
        assert error.count("\n") == 1

    def test_refused(self, monkeypatch, capsys, arguments):
        folder = DataFolder(arguments["dir"])
        assert self.call(monkeypatch, "--dir", arguments["dir"], "--port", arguments["port"]) == 2
        assert (
            capsys.readouterr().err == f"mcserver: data folder {arguments['dir']} is in use by another mcserver (process {os.getpid()})\n"
        )
        folder.release()
        assert (arguments["dir"] / LOCK).exists()

    def test_served(self, monkeypatch, arguments):
        with Ready(lambda: os.kill(os.getpid(), signal.SIGTERM)):
            flags = [word for name in ("dir", "embedder", "port") for word in (f"--{name}", arguments[name])]
            assert self.call(monkeypatch, *flags, "--bind", "127.0.0.1") == 0


async def test_settings_are_followed_from_the_start(tmp_path):
    encoder = app.make_encoder(Settings(dir=tmp_path, embedder=f"onnx:{TinyModel(tmp_path / 'tiny').path}"))
    settings = Settings(dir=tmp_path)
    cache = app.make_cache(settings, encoder)
    app._subscribe(settings, cache)
    settings.assign([("exact-memory", "1000000")])
    assert cache.exact.budget == 1_000_000
    await cache.close()


def test_more_clients_than_the_system_allows(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(app, "raise_open_files", lambda wanted: min(wanted, 5000 + app.OWN_FILES))
    settings = Settings(dir=tmp_path)
    app.allow_clients(settings)
    assert caplog.messages == ["event=maxclients-out-of-reach maxclients=10000 possible=5000"]
    settings.assign([("maxclients", "4000")])
    with pytest.raises(SettingError, match="not able to handle the specified number of clients, try with 5000"):
        settings.assign([("maxclients", "6000")])
    assert settings.maxclients == 4000
