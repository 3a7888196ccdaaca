"""Where Redis' source comes from."""

import re
import shutil
from pathlib import Path

import pytest

from tests.conformance import source
from tests.conformance.source import Source, SourceError, fetch_source, open_source, write_sources


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


def unpack(folder, version):
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "version.h").write_text(f'#define REDIS_VERSION "{version}"\n')
    return folder


class TestOpening:
    def test_one(self, tmp_path, monkeypatch):
        folder = unpack(tmp_path / "mine", "7.0.15")
        monkeypatch.chdir(tmp_path)
        assert open_source(Path("mine")) == Source(folder, "7.0.15")

    def test_another_version(self, tmp_path):
        unpack(tmp_path, "7.2.0")
        with pytest.raises(SourceError, match=re.escape(f"the skip lists are for Redis 7.0, and in {tmp_path} is 7.2.0")):
            open_source(tmp_path)

    def test_none(self, tmp_path):
        with pytest.raises(SourceError, match=re.escape(f"in {tmp_path} is none")):
            open_source(tmp_path)


class TestFetching:
    def test_fetched_before(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", "")
        folder = unpack(tmp_path / "redis-7.0.15", "7.0.15")
        assert fetch_source(tmp_path) == Source(folder, "7.0.15")

    @pytest.mark.parametrize(("there", "missing"), [((), "apt-get"), (("apt-get",), "dpkg-source")])
    def test_a_program_is_missing(self, tmp_path, monkeypatch, there, missing):
        monkeypatch.setattr(shutil, "which", lambda name: name if name in there else None)
        with pytest.raises(SourceError, match=f"^{missing} is needed"):
            fetch_source(tmp_path)

    @pytest.fixture
    def apt(self, tmp_path, monkeypatch):
        """A program in the place of apt-get, on a system with one source of packages."""
        programs = tmp_path / "programs"
        programs.mkdir()
        monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
        system = tmp_path / "system"
        system.mkdir()
        (system / "sources.list").write_text("deb http://a stable main\n")
        monkeypatch.setattr(source, "SYSTEM_SOURCES", system)

        def write(text):
            for name in ("apt-get", "dpkg-source"):
                (programs / name).write_text(f"#!/bin/sh\n{text}\n")
                (programs / name).chmod(0o755)
            return tmp_path / "cache"

        return write

    def test_unpacked_as_a_whole(self, apt):
        unpacking = "mkdir -p redis-7.0.9/src; echo '#define REDIS_VERSION \"7.0.9\"' >redis-7.0.9/src/version.h"
        cache = apt(f'case "$*" in *source*) {unpacking}; esac')
        (cache / "fetching" / "redis-7.0.8" / "src").mkdir(parents=True)
        (cache / "fetching" / "redis-7.0.8" / "src" / "version.h").touch()
        assert fetch_source(cache) == Source(cache / "redis-7.0.9", "7.0.9")
        assert [path.name for path in cache.iterdir()] == ["redis-7.0.9"]

    def test_apt_does_not_succeed(self, apt):
        cache = apt("echo no network >&2; exit 100")
        with pytest.raises(SourceError, match=r"^apt-get -q … update did not succeed: no network$"):
            fetch_source(cache)

    def test_apt_brings_nothing(self, apt):
        cache = apt("exit 0")
        with pytest.raises(SourceError, match="is none"):
            fetch_source(cache)
