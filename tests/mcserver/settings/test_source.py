"""Where settings come from, which one counts, and what is said about a bad one."""

from pathlib import Path

import pytest

from mcserver.settings import SettingError, load_settings


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with an empty conf folder in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    return tmp_path


def write(folder, name, text):
    (folder / "conf" / name).write_text(text, encoding="utf-8")


def refusal(argv=(), environ=None):
    with pytest.raises(SettingError) as caught:
        load_settings(argv, environ or {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestOrder:
    def test_defaults(self, folder):
        assert load_settings([], {}).port == 6380

    def test_without_a_conf_folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert load_settings([], {}).port == 6380

    def test_each_source_counts_over_the_ones_before(self, folder):
        names = ["timeout", "tcp-keepalive", "maxclients", "top-k", "max-tags"]
        sources = [(name, value) for value, name in enumerate(names, start=11)]
        write(folder, "mcserver.toml", "".join(f"{name} = 11\n" for name, _ in sources[:4]))
        write(folder, "staging.toml", "".join(f"{name} = 12\n" for name, _ in sources[1:4]))
        environ = {"MCSERVER_MAXCLIENTS": "13", "MCSERVER_TOP_K": "13", "PATH": "/bin"}
        settings = load_settings(["--env", "staging", "--top-k", "14"], environ)
        assert (settings.timeout, settings.tcp_keepalive, settings.maxclients, settings.top_k, settings.max_tags) == (11, 12, 13, 14, 64)

    def test_environment_named_by_variable(self, folder):
        write(folder, "prod.toml", "port = 7000")
        assert load_settings([], {"MCSERVER_ENV": "prod"}).port == 7000

    def test_argument_names_another_environment_than_the_variable(self, folder):
        write(folder, "dev.toml", "port = 7001")
        assert load_settings(["--env", "dev"], {"MCSERVER_ENV": "prod"}).port == 7001

    def test_another_conf_folder(self, folder, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "mcserver.toml").write_text("port = 7002", encoding="utf-8")
        write(folder, "mcserver.toml", "port = 7003")
        assert load_settings(["--conf", "elsewhere"], {}).port == 7002
        assert load_settings([], {"MCSERVER_CONF": "elsewhere"}).port == 7002

    def test_the_same_argument_twice(self, folder):
        assert load_settings(["--port", "1", "--port", "2"], {}).port == 2


class TestForms:
    def test_toml_values(self, folder):
        write(
            folder,
            "mcserver.toml",
            'bind = ["127.0.0.1", "::1"]\nprotected-mode = false\nthreshold = 0.5\nmax-answer-bytes = 100\n'
            'exact-memory = "1gb"\nloglevel = "DEBUG"\n',
        )
        settings = load_settings([], {})
        assert settings.bind == ("127.0.0.1", "::1")
        assert not settings.protected_mode
        assert (settings.threshold, settings.max_answer_bytes, settings.exact_memory, settings.loglevel) == (0.5, 100, 1 << 30, "debug")

    @pytest.mark.parametrize("argv", [["--bind", "127.0.0.1", "-::1"], ["--bind=127.0.0.1 -::1"], ["--BIND", "127.0.0.1 -::1"]])
    def test_arguments(self, folder, argv):
        assert load_settings(argv, {}).bind == ("127.0.0.1", "-::1")

    def test_a_value_that_begins_with_dashes(self, folder):
        assert load_settings(["--requirepass=--secret=", "--port", "1"], {}).requirepass == "--secret="

    def test_an_empty_value(self, folder):
        assert load_settings(["--logfile", "", "--requirepass="], {}).logfile == ""

    def test_dir_is_a_path(self, folder):
        assert load_settings(["--dir", "/x/y"], {}).dir == Path("/x/y")


class TestSecretFiles:
    @pytest.fixture
    def secret(self, folder):
        path = folder / "password"
        path.write_text("pass word \n", encoding="utf-8")
        return str(path)

    def test_argument(self, secret):
        assert load_settings(["--requirepass-file", secret], {}).requirepass == "pass word "

    def test_variable(self, secret):
        assert load_settings([], {"MCSERVER_REQUIREPASS_FILE": secret}).requirepass == "pass word "

    def test_toml(self, folder, secret):
        write(folder, "mcserver.toml", f'requirepass-file = "{secret}"')
        assert load_settings([], {}).requirepass == "pass word "

    def test_missing(self, folder):
        assert refusal(["--requirepass-file", "nowhere"]) == ("argument --requirepass-file: cannot read nowhere: No such file or directory")

    def test_not_text(self, folder):
        (folder / "bytes").write_bytes(b"\xff\xfe")
        assert refusal(["--requirepass-file", "bytes"]) == (
            "argument --requirepass-file: requirepass got a value that cannot be shown, expected text"
        )

    def test_only_secrets_have_one(self, folder):
        assert refusal(["--port-file", "x"]).startswith("argument --port-file: unknown setting 'port-file'")


class TestRefusals:
    @pytest.mark.parametrize(
        ("toml", "message"),
        [
            ("\n\nport = 70000", "line 3: port got '70000', expected a whole number from 0 to 65535"),
            ("# port = 1\nport = 'x'", "line 2: port got 'x', expected a whole number from 0 to 65535"),
            ("port = 1\n'timeout' = 1.5", "line 2: timeout got '1.5', expected a whole number of seconds from 0 to 2147483647"),
            ("threshold-long = 1\nthreshold = 2", "line 2: threshold got '2', expected a number from 0 to 1"),
            ("loglevel = 'a\\nb'", "line 1: loglevel got 'a\\\\nb', expected one of debug, verbose, notice, warning"),
            ('loglevel = "a\\nb"', "line 1: loglevel got 'a\\nb', expected one of debug, verbose, notice, warning"),
            ("port = true", "line 1: port got 'True', expected a whole number from 0 to 65535"),
            ("logfile = true", "line 1: logfile got 'True', expected the path of a file"),
            ("protected-mode = 1", "line 1: protected-mode got '1', expected yes or no"),
            ("bind = [1, 2]", "line 1: bind got '[1, 2]', expected 0 to 16 words with spaces between them"),
            ("dir = 2020-01-01", "line 1: dir got '2020-01-01', expected the path of a folder"),
            ("requirepass = true", "line 1: requirepass got a value that cannot be shown, expected text"),
            ("databases = 16", "line 1: databases got '16', expected '1' and nothing else"),
            ("thresold = 0.9", "line 1: unknown setting 'thresold', did you mean 'threshold'?"),
            ("tcp_backlog = 5", "line 1: unknown setting 'tcp_backlog', did you mean 'tcp-backlog'?"),
            ("port = 1\n\n[network]\nport = 1", "line 3: unknown setting 'network'"),
            ("network.port = 1", "line 1: unknown setting 'network'"),
            ("env = 'dev'", "line 1: env cannot stand in a file, only in the environment or among the arguments"),
        ],
    )
    def test_file(self, folder, toml, message):
        write(folder, "mcserver.toml", toml)
        assert refusal() == f"conf/mcserver.toml {message}"

    def test_a_bad_value_that_a_later_source_replaces(self, folder):
        write(folder, "mcserver.toml", "port = 70000")
        assert refusal(["--port", "1"]).startswith("conf/mcserver.toml line 1: port got")

    def test_file_that_is_not_toml(self, folder):
        write(folder, "mcserver.toml", "port = 1\nport 2")
        assert refusal().startswith("conf/mcserver.toml: ")
        assert "line 2" in refusal()

    def test_file_that_is_not_text(self, folder):
        (folder / "conf" / "mcserver.toml").write_bytes(b"port = 1 # \xff")
        assert refusal().startswith("conf/mcserver.toml: ")

    @pytest.mark.parametrize(
        ("argv", "message"),
        [
            (["--port", "x"], "argument --port: port got 'x', expected a whole number from 0 to 65535"),
            (["--prot", "1"], "argument --prot: unknown setting 'prot', did you mean 'port'?"),
            (["--port"], "argument --port has no value"),
            (["--port", "--timeout", "1"], "argument --port has no value"),
            (["mcserver.conf"], "unexpected argument 'mcserver.conf', expected --name value"),
            (["--", "x"], "unexpected argument '--', expected --name value"),
            (["-p", "1"], "unexpected argument '-p', expected --name value"),
            (["--env", "test"], "argument --env: env got 'test', expected one of dev, staging, prod"),
            (["--env", "dev"], "argument --env: there is no file conf/dev.toml; make it (it may be empty), or leave env out"),
            (["--conf", "nowhere"], "argument --conf: there is no folder nowhere"),
        ],
    )
    def test_argument(self, folder, argv, message):
        assert refusal(argv) == message

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            ("MCSERVER_PORT", "tcp://10.0.0.1:6380", "port got 'tcp://10.0.0.1:6380', expected a whole number from 0 to 65535"),
            ("MCSERVER_TCP_BACKLGO", "1", "unknown setting 'tcp-backlgo', did you mean 'tcp-backlog'?"),
            ("MCSERVER_ENV", "test", "env got 'test', expected one of dev, staging, prod"),
        ],
    )
    def test_variable(self, folder, name, text, message):
        assert refusal(environ={name: text}) == f"variable {name}: {message}"

    def test_a_secret_is_not_shown(self, folder):
        write(folder, "mcserver.toml", "requirepass = ['a', 1]")
        assert "a'" not in refusal()


def test_the_repositorys_own_conf_folder_is_valid():
    conf = Path(__file__).parents[3] / "conf"
    for environment in ("dev", "staging", "prod"):
        load_settings(["--conf", str(conf), "--env", environment], {})
