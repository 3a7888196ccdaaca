"""CONFIG REWRITE: the file says what is in force, and is otherwise as it was."""

import os
import stat
import tomllib

import pytest
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as hypothesis_settings

from mcserver.settings import SettingError, load_settings, rewrite
from mcserver.settings.events import KeyspaceEvents
from mcserver.settings.kind import Choice, Fixed, Flag, Folder, Integer, Memory, Number, Octal, Text, Words
from mcserver.settings.output import OutputLimitsKind
from mcserver.settings.page import sample_file
from mcserver.settings.percentiles import Percentiles
from mcserver.settings.renames import Renames
from mcserver.settings.rewrite import SIGNATURE
from mcserver.settings.server import TABLE
from mcserver.settings.snapshots import Snapshots
from mcserver.settings.users import UserLines

FILE = """\
# Ours.
timeout = 5   # seconds

  top-k   =  4
requirepass = 'old'
bind = ["127.0.0.1", "::1"]
# The end.
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with an empty conf folder in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    return tmp_path


@pytest.fixture
def path(folder):
    path = folder / "conf" / "mcserver.toml"
    path.write_text(FILE)
    return path


def refusal(settings):
    with pytest.raises(SettingError) as raised:
        rewrite(settings)
    assert "\n" not in str(raised.value)
    return str(raised.value)


class TestText:
    def test_nothing_changed(self, path):
        assert rewrite(load_settings([], {})) == path
        assert path.read_text() == FILE

    def test_only_what_changed(self, path):
        settings = load_settings([], {})
        settings.assign([("timeout", "60"), ("requirepass", "new"), ("top-k", "8"), ("bind", "127.0.0.1")])
        rewrite(settings)
        assert path.read_text() == (FILE.replace("= 5 ", "= 60 ").replace("'old'", '"new"').replace("=  4", "=  8").replace(', "::1"', ""))

    def test_changed_and_changed_back(self, path):
        settings = load_settings([], {})
        settings.assign([("timeout", "60")])
        settings.assign([("timeout", "5")])
        rewrite(settings)
        assert path.read_text() == FILE

    def test_new_settings_at_the_end(self, path):
        settings = load_settings([], {})
        settings.assign([("maxclients", "77"), ("threshold", "0.5")])
        rewrite(settings)
        settings.assign([("tcp-keepalive", "9"), ("protected-mode", "no")])
        rewrite(settings)
        assert path.read_text() == (f"{FILE}\n# {SIGNATURE}\nmaxclients = 77\nthreshold = 0.5\ntcp-keepalive = 9\nprotected-mode = false\n")

    @pytest.mark.parametrize("text", ["", "\n", "# nothing yet", "timeout = 1"])
    def test_little_files(self, path, text):
        path.write_text(text)
        settings = load_settings([], {})
        settings.assign([("maxclients", "77")])
        rewrite(settings)
        assert path.read_text().startswith(text.rstrip("\n"))
        assert load_settings([], {}).describe(["*"]) == settings.describe(["*"])

    def test_the_sample_file(self, path):
        sample = sample_file()
        path.write_text(sample)
        settings = load_settings([], {})
        settings.assign([("maxclients", "77")])
        rewrite(settings)
        assert path.read_text() == f"{sample}\n# {SIGNATURE}\nmaxclients = 77\n"

    def test_everything(self, path):
        settings = load_settings([], {})
        rewrite(settings, everything=True)
        assert path.read_text().startswith(FILE)
        names = set(tomllib.loads(path.read_text()))
        assert names == set(CHANGEABLE)
        assert load_settings([], {}).describe(["*"]) == settings.describe(["*"])


class TestSources:
    def test_values_of_arguments_and_environment(self, path):
        settings = load_settings(["--port", "7000"], {"MCSERVER_TIMEOUT": "9"})
        rewrite(settings)
        assert load_settings([], {}).describe(["*"]) == settings.describe(["*"])
        assert path.read_text().startswith(FILE.replace("= 5 ", "= 9 "))

    def test_the_file_of_the_environment_counts(self, folder, path):
        other = folder / "conf" / "prod.toml"
        other.write_text("maxclients = 50\n")
        settings = load_settings(["--env", "prod"], {})
        settings.assign([("timeout", "6"), ("maxclients", "60")])
        assert rewrite(settings) == other
        assert (path.read_text(), other.read_text()) == (FILE, f"maxclients = 60\n\n# {SIGNATURE}\ntimeout = 6\n")
        assert load_settings(["--env", "prod"], {}).describe(["*"]) == settings.describe(["*"])

    def test_a_default_over_what_the_common_file_says(self, folder, path):
        (folder / "conf" / "prod.toml").write_text("")
        settings = load_settings(["--env", "prod"], {})
        settings.assign([("timeout", "0")])
        rewrite(settings)
        assert load_settings(["--env", "prod"], {}).timeout == 0

    def test_after_the_folder_was_left(self, folder, path, monkeypatch):
        settings = load_settings(["--conf", "conf"], {})
        settings.assign([("timeout", "6")])
        monkeypatch.chdir("/")
        rewrite(settings)
        assert "timeout = 6 " in path.read_text()

    def test_what_adds_up_is_left_as_it_is(self, path):
        path.write_text('user = ["alice on"]\nrename-command = ["FLUSHALL"]\n')
        arguments = ["--user", "bob on", "--rename-command", "DEBUG"]
        before = load_settings(arguments, {})
        rewrite(before)
        again = load_settings(arguments, {})
        assert again.user == before.user == ("alice on", "bob on")
        assert again.rename_command == before.rename_command == (("FLUSHALL", ""), ("DEBUG", ""))


class TestSecrets:
    @pytest.fixture
    def secret(self, folder):
        (folder / "secret").write_text("open sesame\n")
        return folder / "secret"

    def test_stays_in_its_file(self, path, secret):
        path.write_text(f'requirepass-file = "{secret}" # here\n')
        settings = load_settings([], {})
        secret.write_text("rotated")
        settings.assign([("requirepass", "open sesame"), ("timeout", "1")])
        rewrite(settings)
        assert path.read_text() == f'requirepass-file = "{secret}" # here\n\n# {SIGNATURE}\ntimeout = 1\n'

    @pytest.mark.parametrize("given_as", ["argument", "variable"])
    def test_is_referred_to(self, path, secret, given_as):
        """Also where the file says another password."""
        argument = given_as == "argument"
        settings = load_settings(
            ["--requirepass-file", str(secret)] if argument else [], {} if argument else {"MCSERVER_REQUIREPASS_FILE": str(secret)}
        )
        rewrite(settings)
        assert "sesame" not in path.read_text()
        assert "'old'" not in path.read_text()
        assert load_settings([], {}).requirepass == "open sesame"

    @pytest.mark.parametrize("password", ["another", ""])
    def test_is_replaced(self, path, secret, password):
        path.write_text(f'requirepass-file = "{secret}"\ntimeout = 1\n')
        settings = load_settings([], {})
        settings.assign([("requirepass", password)])
        rewrite(settings)
        assert "requirepass-file" not in path.read_text()
        assert load_settings([], {}).requirepass == password

    def test_is_gone_since(self, path, secret):
        path.write_text(f'requirepass-file = "{secret}"\n')
        settings = load_settings([], {})
        secret.unlink()
        settings.assign([("timeout", "1")])
        rewrite(settings)
        assert "timeout = 1" in path.read_text()


class TestFile:
    def test_none(self, folder):
        assert refusal(load_settings([], {})) == "The server is running without a config file"

    def test_permissions_stay(self, path):
        path.chmod(0o640)
        settings = load_settings([], {})
        settings.assign([("timeout", "6")])
        rewrite(settings)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert os.listdir(path.parent) == ["mcserver.toml"]

    def test_a_link_stays_one(self, folder, path):
        (folder / "real.toml").write_text(FILE)
        path.unlink()
        path.symlink_to(folder / "real.toml")
        settings = load_settings([], {})
        settings.assign([("timeout", "6")])
        assert rewrite(settings) == folder / "real.toml"
        assert path.is_symlink()
        assert "timeout = 6 " in path.read_text()

    def test_gone(self, path):
        settings = load_settings([], {})
        path.unlink()
        assert refusal(settings) == f"Rewriting config file: {path}: No such file or directory"

    @pytest.mark.parametrize(
        ("text", "said"),
        [("timeout = ", "mcserver.toml: Invalid value"), ("timeout = -1", "timeout got '-1'"), ("timeuot = 1", "did you mean 'timeout'?")],
    )
    def test_spoilt_by_somebody(self, path, text, said):
        settings = load_settings([], {})
        settings.assign([("maxclients", "6")])
        path.write_text(text)
        assert refusal(settings).startswith("Rewriting config file: ")
        assert said in refusal(settings)
        assert path.read_text() == text

    @pytest.mark.parametrize("call", ["replace", "fsync", "fchmod"])
    def test_a_disk_that_fails(self, path, monkeypatch, call):
        settings = load_settings([], {})
        settings.assign([("timeout", "6")])

        def fail(*arguments):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            assert refusal(settings) == "Rewriting config file: No space left on device"
        assert os.listdir(path.parent) == ["mcserver.toml"]
        assert path.read_text() == FILE

    def test_another_owner(self, path, monkeypatch):
        """Somebody else's file becomes one's own, where it cannot be given back."""

        def fail(*arguments):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "fchown", fail)
        settings = load_settings([], {})
        settings.assign([("timeout", "6")])
        rewrite(settings)
        assert "timeout = 6 " in path.read_text()

    def test_bytes_that_are_no_text(self, path):
        settings = load_settings([], {})
        settings.assign([("requirepass", b"\xff\xfe".decode("utf-8", "surrogateescape"))])
        assert refusal(settings) == "Rewriting config file: requirepass holds bytes that are not UTF-8, which a TOML file cannot hold"
        assert path.read_text() == FILE


NUMBERS = strategies.integers(0, 2**31 - 1).map(str)
WORD = strategies.text("abc019.-:", min_size=1, max_size=8)
ANY = strategies.text(strategies.characters(exclude_categories=["Cs"]), max_size=20)


def joined(*parts, most=4):
    """Up to so many groups of these parts, with spaces."""
    return strategies.lists(strategies.tuples(*parts).map(" ".join), max_size=most).map(" ".join)


TEXTS = {
    Integer: lambda kind: strategies.integers(kind.low, kind.high).map(str),
    Memory: lambda kind: strategies.integers(kind.low, kind.high).map(str),
    Octal: lambda kind: strategies.integers(0, kind.high).map("{:o}".format),
    Number: lambda kind: strategies.floats(kind.low, kind.high).map(str),
    Flag: lambda kind: strategies.sampled_from(["yes", "no"]),
    Choice: lambda kind: strategies.sampled_from(kind.words),
    Text: lambda kind: strategies.from_regex(kind.pattern, fullmatch=True) if kind.pattern else ANY,
    Folder: lambda kind: ANY.filter(bool),
    Words: lambda kind: strategies.lists(WORD, min_size=kind.least, max_size=kind.most).map(" ".join),
    Fixed: lambda kind: strategies.just(kind.value),
    OutputLimitsKind: lambda kind: joined(strategies.sampled_from(["normal", "replica", "slave", "pubsub"]), NUMBERS, NUMBERS, NUMBERS),
    Percentiles: lambda kind: joined(strategies.integers(0, 100).map(str)),
    Snapshots: lambda kind: joined(strategies.integers(1, 9999).map(str), NUMBERS),
    KeyspaceEvents: lambda kind: strategies.text("KEA$glshzxetdmn", max_size=8),
}
"""Texts that each kind of setting takes."""

CHANGEABLE = {name: row for name, row in TABLE.items() if not isinstance(row.kind, UserLines | Renames)}
SOME = strategies.deferred(
    lambda: strategies.fixed_dictionaries({}, optional={name: TEXTS[type(row.kind)](row.kind) for name, row in CHANGEABLE.items()})
)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(stored=SOME, changed=SOME)
def test_every_setting_reads_back(path, stored, changed):
    """Whatever the file says and whatever is in force: a rewrite brings them together, and a second one changes nothing."""
    path.write_text("# A comment.\n")
    arguments = [f"--{name}={text}" for name, text in stored.items()]
    rewrite(load_settings(arguments, {}))
    settings = load_settings([], {})
    assert settings.describe(["*"]) == load_settings(arguments, {}).describe(["*"])
    settings.assign([(name, text) for name, text in changed.items() if TABLE[name].mutable])
    rewrite(settings)
    assert load_settings([], {}).describe(["*"]) == settings.describe(["*"])
    text = path.read_text()
    assert text.startswith("# A comment.\n")
    rewrite(load_settings([], {}))
    assert path.read_text() == text
