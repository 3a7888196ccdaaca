"""Redis' own source with its Tcl suite: Debian's source package, fetched with apt and unpacked under .cache.

Apt works with folders of its own here, so that neither root nor a change of the system's list of sources is needed. The hosts are those of
the system's list: for each of its entries for binary packages there is one for source packages.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "redis"
VERSION = "7.0"
"""The skip lists are written for the tests of this version."""

SYSTEM_SOURCES = Path("/etc/apt")


class SourceError(Exception):
    """Why there is no source, and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Source:
    """An unpacked source. `version` as in 7.0.15."""

    path: Path
    version: str


def open_source(path: Path) -> Source:
    """The source unpacked in this folder. Raises SourceError."""
    try:
        found = re.search(r'REDIS_VERSION "(.*)"', (path / "src" / "version.h").read_text(encoding="utf-8"))
    except OSError:
        found = None
    version = found[1] if found else "none"
    if not version.startswith(f"{VERSION}."):
        raise SourceError(f"the skip lists are for Redis {VERSION}, and in {path} is {version}: name one with --source, or use Debian 12")
    return Source(path.resolve(), version)


def fetch_source(cache: Path) -> Source:
    """The source unpacked in this folder, fetched first where it is not there yet. Raises SourceError."""
    if not (found := _unpacked(cache)):
        fetching = cache / "fetching"
        shutil.rmtree(fetching, ignore_errors=True)  # what an earlier try has left
        _fetch(fetching)
        found = [path.rename(cache / path.name) for path in _unpacked(fetching)]
        shutil.rmtree(fetching)
    return open_source(found[-1] if found else cache)


def _unpacked(folder: Path) -> list[Path]:
    return sorted(path.parents[1] for path in folder.glob(f"{PACKAGE}-*/src/version.h"))


def _fetch(folder: Path) -> None:
    for program, package in (("apt-get", "apt"), ("dpkg-source", "dpkg-dev")):
        if shutil.which(program) is None:
            raise SourceError(f"{program} is needed to fetch Redis' source: install {package}, on Debian or Ubuntu")
    apt = folder / "apt"
    for part in ("lists/partial", "archives/partial", "sourceparts"):
        (apt / part).mkdir(parents=True)
    write_sources(SYSTEM_SOURCES, apt / "sourceparts")
    options = [
        *("-o", f"Dir::Etc::sourcelist={apt}/none", "-o", f"Dir::Etc::sourceparts={apt}/sourceparts"),
        *("-o", f"Dir::State::lists={apt}/lists", "-o", f"Dir::Cache={apt}", "-o", "APT::Sandbox::User=", "-o", "Acquire::Languages=none"),
    ]
    _run(["apt-get", "-q", *options, "update"], apt)
    _run(["apt-get", "-q", *options, "source", PACKAGE], folder)


def write_sources(system: Path, target: Path) -> None:
    """Write the system's list of package sources with source packages in place of binary ones. Raises SourceError where it has none."""
    for path in sorted([*system.glob("sources.list"), *system.glob("sources.list.d/*")]):
        text = path.read_text(encoding="utf-8")
        match path.suffix:
            case ".list":
                wanted = re.findall(r"^deb[ \t].*$", text, re.MULTILINE)
                source = "".join(f"deb-src{line.removeprefix('deb')}\n" for line in wanted)
            case ".sources":
                source = re.sub(r"^Types:.*$", "Types: deb-src", text, flags=re.MULTILINE)
            case _:
                continue
        if source:
            (target / path.name).write_text(source, encoding="utf-8")
    if not any(target.iterdir()):
        raise SourceError(f"no package sources in {system}: Redis' source comes from Debian's package")


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise SourceError(f"{' '.join(command[:2])} … {command[-1]} did not succeed: {' / '.join(last)}")
