"""Where Redis' source comes from."""

import re
import shutil

import pytest

from tests.conformance import source
from tests.conformance.source import SourceError, find_source, write_sources


@pytest.fixture
def system(tmp_path):
    folder = tmp_path / "system"
    (folder / "sources.list.d").mkdir(parents=True)
    return folder


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


class TestSources:
    def test_both_forms(self, system, target):
        (system / "sources.list").write_text("# deb none\ndeb [arch=amd64] http://a stable main\ndeb-src http://a stable main\n")
        (system / "sources.list.d" / "debian.sources").write_text(
            "Types: deb\n# note\nURIs: http://b\n\nTypes: deb deb-src\nURIs: http://c\n"
        )
        (system / "sources.list.d" / "debian.sources.bak").write_text("Types: deb\n")
        (system / "sources.list.d" / "empty.list").write_text("# nothing\n")
        write_sources(system, target)
        assert {path.name: path.read_text() for path in target.iterdir()} == {
            "sources.list": "deb-src [arch=amd64] http://a stable main\n",
            "debian.sources": "Types: deb-src\n# note\nURIs: http://b\n\nTypes: deb-src\nURIs: http://c\n",
        }

    def test_none(self, system, target):
        with pytest.raises(SourceError, match="no package sources"):
            write_sources(system, target)


def unpack(cache, version):
    folder = cache / f"redis-{version}" / "tests"
    folder.mkdir(parents=True)
    (folder / "test_helper.tcl").touch()
    return folder.parent


class TestFinding:
    def test_unpacked_before(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", "")
        folder = unpack(tmp_path, "7.0.15")
        assert find_source(tmp_path) == folder

    def test_another_version(self, tmp_path):
        unpack(tmp_path, "8.0.2")
        with pytest.raises(SourceError, match=re.escape("the skip lists are for Redis 7.0, the system's package sources have 8.0.2")):
            find_source(tmp_path)

    @pytest.mark.parametrize(("there", "missing"), [((), "apt-get"), (("apt-get",), "dpkg-source")])
    def test_a_program_is_missing(self, tmp_path, monkeypatch, there, missing):
        monkeypatch.setattr(shutil, "which", lambda name: name if name in there else None)
        with pytest.raises(SourceError, match=f"^{missing} is needed"):
            find_source(tmp_path)

    def test_apt_does_not_succeed(self, tmp_path, monkeypatch):
        programs = tmp_path / "programs"
        programs.mkdir()
        for name in ("apt-get", "dpkg-source"):
            (programs / name).write_text("#!/bin/sh\necho no network >&2\nexit 100\n")
            (programs / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
        system = tmp_path / "system"
        system.mkdir()
        (system / "sources.list").write_text("deb http://a stable main\n")
        monkeypatch.setattr(source, "SYSTEM_SOURCES", system)
        with pytest.raises(SourceError, match=r"^apt-get -q … update did not succeed: no network$"):
            find_source(tmp_path / "cache")
