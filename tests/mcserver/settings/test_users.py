"""Users among the settings."""

import pytest

from mcserver.settings import SettingError, Settings, load_settings
from mcserver.settings.users import UserLines

P = "#148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940"
Q = "!8e35c2cd3bf6641bdb0e2050b76932cbb2e6034a0ddacc1d9bea82a6ba57f7cf"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a", ("a",)),
        ("a on >p <q ~x*", (f"a on {P} {Q} ~x*",)),
        ("  a   on  \n\n b off\n", ("a on", "b off")),
        ("", ()),
        (">p on", (">p on",)),
    ],
)
def test_lines(text: str, lines: tuple[str, ...]):
    assert UserLines().parse(text, ()) == lines
    assert UserLines().parse(UserLines().format(lines), ("z on",)) == ("z on", *lines)


def test_several_sources_are_taken_together(tmp_path):
    (tmp_path / "mcserver.toml").write_text('user = ["a on >p", "b off"]\n')
    secret = tmp_path / "secret"
    secret.write_text("c on >p\nd off\n")
    arguments = ["--conf", str(tmp_path), "--user", "e", "on", ">p", "--user", "f off", "--user-file", str(secret)]
    settings = load_settings(arguments, {"MCSERVER_USER": "g off"})
    assert settings.user == (f"a on {P}", "b off", "g off", f"e on {P}", "f off", f"c on {P}", "d off")


def test_one_line_in_a_file_may_be_a_text(tmp_path):
    (tmp_path / "mcserver.toml").write_text('user = "a on"\n')
    assert load_settings(["--conf", str(tmp_path)], {}).user == ("a on",)


def test_are_not_changed_while_the_server_runs():
    with pytest.raises(SettingError, match="can't set immutable config"):
        Settings().assign([("user", "a on")])


def test_passwords_are_in_no_error(tmp_path):
    (tmp_path / "mcserver.toml").write_text('user = { a = "secret" }\n')
    with pytest.raises(SettingError) as raised:
        load_settings(["--conf", str(tmp_path)], {})
    assert "secret" not in str(raised.value)
    assert "user got a value that cannot be shown, expected a name and rules as for ACL SETUSER" in str(raised.value)
