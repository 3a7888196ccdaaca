"""rename-command, as it is given and put together."""

import pytest

from mcserver.settings import SettingError, load_settings
from mcserver.settings.renames import Renames


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", ()),
        ("FLUSHALL ZAP", (("FLUSHALL", "ZAP"),)),
        ("FLUSHALL", (("FLUSHALL", ""),)),
        ('FLUSHALL ""', (("FLUSHALL", ""),)),
        ("FLUSHALL '', CONFIG cfg,DEBUG", (("FLUSHALL", ""), ("CONFIG", "cfg"), ("DEBUG", ""))),
    ],
)
def test_read(text, pairs):
    assert Renames().parse(text, ()) == pairs
    assert Renames().parse(Renames().format(pairs), ()) == pairs


@pytest.mark.parametrize("text", ["A B C", '""', '"A', '"" B'])
def test_refused(text):
    with pytest.raises(ValueError, match=r"argument must be an old and a new name|quotation"):
        Renames().parse(text, ())


def test_all_sources_count(tmp_path):
    (tmp_path / "mcserver.toml").write_text("rename-command = ['FLUSHALL ZAP', 'CONFIG']")
    settings = load_settings(["--conf", str(tmp_path), "--rename-command", "DEBUG", "--rename-command", "GET read"], {})
    assert settings.rename_command == (("FLUSHALL", "ZAP"), ("CONFIG", ""), ("DEBUG", ""), ("GET", "read"))


def test_refused_at_the_start(tmp_path):
    (tmp_path / "mcserver.toml").write_text("rename-command = ['A B C']")
    with pytest.raises(SettingError, match=r"rename-command got .*, expected 'OLD NEW' with the names of commands, or 'OLD' alone"):
        load_settings(["--conf", str(tmp_path)], {})
