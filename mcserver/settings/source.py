"""Where settings come from: defaults, then files, then environment, then arguments; the later one counts."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcserver.settings.error import SettingError
from mcserver.settings.kind import Flag
from mcserver.settings.option import Option, nearest
from mcserver.settings.origin import Origin
from mcserver.settings.server import TABLE, Settings

ENVIRONMENTS = ("dev", "staging", "prod")
VARIABLE_PREFIX = "MCSERVER_"
DEFAULT_CONF = Path("conf")
COMMON_FILE = "mcserver.toml"

FILE_SUFFIX = "-file"
_SECRET_FILES = {f"{row.name}{FILE_SUFFIX}": row for row in TABLE.values() if row.secret}
_SOURCE_NAMES = ("env", "conf")
"""Say which files are read, so no file can set them."""


@dataclass(frozen=True, slots=True)
class Given:
    """A setting as someone gave it: text, or another value of a TOML file.

    `origin` says where, for errors: a file and line, an argument, a variable.
    """

    name: str
    value: Any
    origin: str


def load_settings(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """The settings that arguments (without the program's name), environment and the files they name ask for.

    Raises SettingError with one line that says where, what was given and what is valid.
    """
    given = [*read_environment(environ), *read_arguments(argv)]
    chosen = {one.name: one for one in given if one.name in _SOURCE_NAMES}
    files = _find_files(chosen.get("conf"), chosen.get("env"))
    everything = [one for file in files for one in read_file(file)] + [one for one in given if one.name not in _SOURCE_NAMES]
    settings = Settings(**settle(everything))
    settings.trace(Origin(tuple(path.absolute() for path in files), _secrets(everything)))
    return settings


def read_arguments(argv: Sequence[str]) -> Iterator[Given]:
    """`--name value ...` and `--name=value`; several values are one text with spaces between, as in `--bind 127.0.0.1 ::1`."""
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        name, equals, text = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise SettingError(f"unexpected argument '{word}', expected --name value")
        values = [text] if equals else []
        while rest and not equals and not rest[0].startswith("--"):
            values.append(rest.pop(0))
        if not values:
            raise SettingError(f"argument --{name} has no value")
        yield Given(name.lower(), " ".join(values), f"argument --{name}")


def read_environment(environ: Mapping[str, str]) -> Iterator[Given]:
    """The variables that begin with MCSERVER_."""
    for variable, text in environ.items():
        if variable.startswith(VARIABLE_PREFIX):
            name = variable.removeprefix(VARIABLE_PREFIX).lower().replace("_", "-")
            yield Given(name, text, f"variable {variable}")


def read_file(path: Path) -> Iterator[Given]:
    """The settings of one TOML file: `name = value`, no tables."""
    try:
        source = path.read_text(encoding="utf-8")
        values = tomllib.loads(source)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"{path}: {_reason(error)}") from None
    for name, value in values.items():
        yield Given(name, value, f"{path} line {_line(source, name)}")


def _find_files(conf: Given | None, env: Given | None) -> list[Path]:
    folder = Path(conf.value) if conf else DEFAULT_CONF
    if conf and not folder.is_dir():
        raise SettingError(f"{conf.origin}: there is no folder {folder}")
    common = folder / COMMON_FILE
    return [*([common] if common.is_file() else []), *([_environment_file(folder, env)] if env else [])]


def _environment_file(folder: Path, env: Given) -> Path:
    if env.value not in ENVIRONMENTS:
        raise SettingError(f"{env.origin}: env got '{env.value}', expected one of {', '.join(ENVIRONMENTS)}")
    path = folder / f"{env.value}.toml"
    if not path.is_file():
        raise SettingError(f"{env.origin}: there is no file {path}; make it (it may be empty), or leave env out")
    return path


def settle(given: Iterable[Given]) -> dict[str, Any]:
    """The values in force, by attribute. Every one is checked, also one that a later source takes the place of. Raises SettingError."""
    values = {row.attribute: row.default for row in TABLE.values()}
    for one in given:
        row = option_of(one)
        try:
            text = _read_secret(one.value) if one.name in _SECRET_FILES else _text(row, one.value)
            values[row.attribute] = row.parse(text, values[row.attribute])
        except OSError as error:
            raise SettingError(f"{one.origin}: cannot read {one.value}: {_reason(error)}") from None
        except ValueError:
            raise SettingError(f"{one.origin}: {row.refusal(one.value)}") from None
    return values


def _secrets(given: Iterable[Given]) -> dict[str, str]:
    """The paths of the secrets that were last given as a file."""
    last = {option_of(one).name: one for one in given}
    return {name: str(one.value) for name, one in last.items() if one.name != name}


def option_of(given: Given) -> Option:
    """The setting that is given, itself or as the file of a secret. Raises SettingError."""
    row = TABLE.get(given.name) or _SECRET_FILES.get(given.name)
    if row is None:
        if given.name in _SOURCE_NAMES:
            raise SettingError(f"{given.origin}: {given.name} cannot stand in a file, only in the environment or among the arguments")
        known = [*TABLE, *_SECRET_FILES, *_SOURCE_NAMES]
        raise SettingError(f"{given.origin}: unknown setting '{given.name}'{nearest(given.name, known)}")
    return row


def _read_secret(path: Any) -> str:
    return Path(str(path)).read_text(encoding="utf-8").rstrip("\r\n")


def _text(row: Option, value: Any) -> str:
    """A TOML value in the one form that every source gives: text. Raises ValueError for what has none, as a table."""
    if isinstance(value, bool) != isinstance(row.kind, Flag) and not isinstance(value, str):
        raise ValueError(value)
    match value:
        case bool():
            return row.format(value)
        case list() if all(isinstance(word, str) for word in value):
            return row.kind.separator.join(value)
        case str() | int() | float():
            return str(value)
    raise ValueError(value)


def _line(source: str, name: str) -> int:
    """The line where a key is given; the parser keeps no positions."""
    key = re.compile(rf"""^[ \t]*\[*[ \t]*["']?{re.escape(name)}(?![\w-])""", re.MULTILINE)
    found = key.search(source)
    return source.count("\n", 0, found.start()) + 1 if found else 1


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
