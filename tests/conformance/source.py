"""Redis' own source with its Tcl suite: Debian's source package, fetched with apt and unpacked under .cache.

Apt works with folders of its own here, so that neither root nor a change of the system's list of sources is needed. The hosts are those of
the system's list: for each of its entries for binary packages there is one for source packages.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

PACKAGE = "redis"
VERSION = "7.0"
"""The skip lists are written for the tests of this version."""

SYSTEM_SOURCES = Path("/etc/apt")


class SourceError(Exception):
    """Why there is no source, and what to do, in one line."""


def find_source(cache: Path) -> Path:
    """The folder of the unpacked source, fetched first where it is not there yet. Raises SourceError."""
    found = sorted(path for path in cache.glob(f"{PACKAGE}-*") if (path / "tests" / "test_helper.tcl").is_file())
    if not found:
        _fetch(cache)
        found = sorted(cache.glob(f"{PACKAGE}-*/"))
    version = found[-1].name.removeprefix(f"{PACKAGE}-") if found else "none"
    if not version.startswith(f"{VERSION}."):
        raise SourceError(f"the skip lists are for Redis {VERSION}, the system's package sources have {version}: run on Debian 12")
    return found[-1]


def _fetch(cache: Path) -> None:
    for program, package in (("apt-get", "apt"), ("dpkg-source", "dpkg-dev")):
        if shutil.which(program) is None:
            raise SourceError(f"{program} is needed to fetch Redis' source: install {package}, on Debian or Ubuntu")
    apt = cache / "apt"
    for folder in ("lists/partial", "archives/partial", "sourceparts"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    write_sources(SYSTEM_SOURCES, apt / "sourceparts")
    options = [
        *("-o", f"Dir::Etc::sourcelist={apt}/none", "-o", f"Dir::Etc::sourceparts={apt}/sourceparts"),
        *("-o", f"Dir::State::lists={apt}/lists", "-o", f"Dir::Cache={apt}", "-o", "APT::Sandbox::User=", "-o", "Acquire::Languages=none"),
    ]
    _run(["apt-get", "-q", *options, "update"], apt)
    _run(["apt-get", "-q", *options, "source", PACKAGE], cache)


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
