"""The log: key=value lines, where and from which severity the settings say."""

import logging
import re

import pytest

from mcserver.folder import StartupError
from mcserver.journal import set_up_logging
from mcserver.settings import Settings

NAMES = (None, "mcserver", "storage", "embedding")


@pytest.fixture(autouse=True)
def as_before():
    root = logging.getLogger()
    handlers = root.handlers[:]
    levels = [logging.getLogger(name).level for name in NAMES]
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers = handlers
    for name, level in zip(NAMES, levels, strict=True):
        logging.getLogger(name).setLevel(level)


def test_to_a_file(tmp_path):
    path = tmp_path / "log"
    set_up_logging(Settings(logfile=str(path)))
    logging.getLogger("mcserver").info("event=ready port=%d", 6380)
    logging.getLogger("mcserver").debug("event=hidden")
    logging.getLogger("elsewhere").info("event=hidden")
    assert re.fullmatch(r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} level=INFO event=ready port=6380\n", path.read_text())


def test_to_standard_error(capsys):
    set_up_logging(Settings())
    logging.getLogger("storage").warning("event=x")
    assert capsys.readouterr().err.endswith(" level=WARNING event=x\n")


@pytest.mark.parametrize(("level", "shown"), [("debug", "wind"), ("verbose", "wi"), ("notice", "wi"), ("warning", "w")])
def test_follows_the_level(tmp_path, level, shown):
    path = tmp_path / "log"
    settings = Settings(logfile=str(path))
    set_up_logging(settings)
    settings.assign([("loglevel", level)])
    log = logging.getLogger("mcserver")
    log.warning("w")
    log.info("i")
    log.debug("nd")
    assert "".join(line.split()[-1] for line in path.read_text().splitlines()) == shown


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(StartupError, match=r"cannot write to logfile .*: Is a directory"):
        set_up_logging(Settings(logfile=str(tmp_path)))
