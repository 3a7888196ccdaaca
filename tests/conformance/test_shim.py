"""What becomes of the redis.conf that the harness writes."""

import tomllib
from pathlib import Path

import pytest

from mcserver.settings import load_settings
from mcserver.settings.server import TABLE
from tests.conformance.shim import CONF, LEFT_OUT, read_lines, translate, write_settings

REDIS_CONF = """\
# Redis configuration for testing.

always-show-logo yes
port 21111
logfile ''
user alice on >alice
user "bob" off
rename-command flushdb badger
client-output-buffer-limit normal 1mb 2mb 60
client-output-buffer-limit pubsub 5mb 6mb 80
maxclients 5
MAXCLIENTS 10
"""


def test_translated():
    assert translate(REDIS_CONF.splitlines()) == {
        "port": "21111",
        "logfile": "",
        "user": ["alice on >alice", "bob off"],
        "rename-command": ["flushdb badger"],
        "client-output-buffer-limit": "normal 1mb 2mb 60 pubsub 5mb 6mb 80",
        "maxclients": "10",
    }


def test_unknown():
    with pytest.raises(ValueError, match="directive hash-max-listpack-entries of"):
        translate(["hash-max-listpack-entries 5"])


def test_what_is_left_out_is_no_setting_or_has_one_value():
    several = {name for name in LEFT_OUT & TABLE.keys() if " and nothing else" not in TABLE[name].kind.valid}
    assert several == set()


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text(REDIS_CONF)
    return path


def test_arguments_stand_behind_the_file(conf):
    lines = read_lines([str(conf), "--port", "7", "--user", "a b", ">c"])
    assert (lines[0], lines[-2:]) == ("dir ./", ["port 7", "user 'a b' '>c'"])


@pytest.mark.parametrize("arguments", [["--user", "foo", "--user", "foo"], []])
def test_without_a_file(arguments):
    assert read_lines(arguments) == ["dir ./", "bind * -::*", *["user foo"] * (len(arguments) // 2)]


class TestWritten:
    def write(self, conf, folder):
        return write_settings([*read_lines([str(conf)]), f"dir {folder}"], Path("/model"))

    def test_settings_of_the_server(self, conf, tmp_path):
        assert self.write(conf, tmp_path) == tmp_path
        settings = load_settings(["--conf", str(tmp_path)], {})
        assert (settings.port, settings.dir, settings.embedder, settings.bind) == (21111, tmp_path, "onnx:/model", ("*", "-::*"))
        assert settings.maxclients == 10

    def test_kept_until_the_redis_conf_changes(self, conf, tmp_path):
        self.write(conf, tmp_path)
        written = tmp_path / CONF
        rewritten = written.read_text().replace("21111", "21112")
        written.write_text(rewritten)
        self.write(conf, tmp_path)
        assert written.read_text() == rewritten
        conf.write_text("port 21113\n")
        self.write(conf, tmp_path)
        assert tomllib.loads(written.read_text())["port"] == "21113"
