"""What is made from the table: the reference page and the sample file."""

import inspect
import textwrap
from collections.abc import Callable

import tomlkit

from mcserver.settings.option import Option, options
from mcserver.settings.section import SECTIONS

__all__ = ["GENERATED", "reference_page", "sample_file"]

_WIDTH = 120

_REFERENCE_HEAD = """\
# Settings

<!-- Made from mcserver/settings/section.py by `python -m mcserver.settings`; change it there. -->

A setting has one name everywhere. In order, the later one counting:

1. its default;
2. `conf/mcserver.toml` (another folder: `--conf DIR`), as `name = value`;
3. `conf/dev.toml`, `conf/staging.toml` or `conf/prod.toml`, where `--env` or `MCSERVER_ENV` names one;
4. the environment, as `MCSERVER_NAME` with `_` for `-`: `MCSERVER_TCP_BACKLOG=1024`;
5. the arguments, as `--name value`: `bin/mcserver --port 7000 --dir /var/lib/mcserver`.

An unknown name or a bad value ends the start with exit code 2 and one line that says where it stands and what is valid.
Bytes may be written with a unit: `1kb` is 1024 bytes, `1k` is 1000, and so on with `mb m gb g`.
A secret can also be read from a file: `requirepass-file = "/run/secrets/password"`, likewise as variable or argument.
Kubernetes gives pods variables such as `MCSERVER_PORT=tcp://...` for a service named `mcserver`: set `enableServiceLinks: false`.

`CONFIG GET pattern ...` shows them, `CONFIG SET name value ...` changes those marked *run time* until the server ends: all that it
names, or none. `CONFIG REWRITE` keeps the values in force, whatever gave them, in the last of the files that were read at the start: in
that of `--env` where one was named, else in `mcserver.toml`. Its comments, order and form stay; what was not there goes to the end. A
secret that came from a file of its own stays there. Users are kept by `ACL SAVE`, in `aclfile`.

`CONFIG SET tls-cert-file` and its likes read the files again, also where the paths are the same, and so does the signal `SIGHUP`: new
connections get the renewed certificate, those that are there go on. Where the files are no good, everything stays as it was.

Those of the last section are per model: `MC.CONFIG SET model name value` keeps one for that model alone.
"""

_SAMPLE_HEAD = """\
# Settings of mcserver. Every option stands here with its default, commented out: take the '#' away before the ones you change.
# dev.toml, staging.toml and prod.toml beside this file count over it when the server is started with --env or MCSERVER_ENV.
# Made from mcserver/settings/section.py; docs/settings.md says the same as a page.
"""


def reference_page() -> str:
    """docs/settings.md."""
    parts = [_REFERENCE_HEAD]
    for section in SECTIONS:
        parts.append(f"\n## {_title(section)}\n")
        parts.extend(f"\n{text}\n" for text in [_introduction(section)] if text)
        parts.extend(_reference(row) for row in options(section))
    return "".join(parts)


def sample_file() -> str:
    """conf/mcserver.toml."""
    parts = [_SAMPLE_HEAD]
    for section in SECTIONS:
        title = f"# ---- {_title(section)} "
        parts.append(f"\n\n{title:-<{_WIDTH}}\n{_comment(_introduction(section))}")
        parts.extend(_sample(row) for row in options(section))
    return "".join(parts)


GENERATED: dict[str, Callable[[], str]] = {"docs/settings.md": reference_page, "conf/mcserver.toml": sample_file}
"""Files of the repository that are made here, by their path in it."""


def _reference(row: Option) -> str:
    when = "run time" if row.mutable else "at start only"
    secret = ", secret" if row.secret else ""
    default = row.kind.written(row.default)
    shown = f"`{default}`" if default else "empty"
    return f"\n### `{row.name}`\n\n{row.help}\n\nDefault {shown}. Valid: {row.kind.valid}. *{when.capitalize()}{secret}.*\n"


def _sample(row: Option) -> str:
    explanation = f"{row.help} Valid: {row.kind.valid}."
    return f"\n{_comment(explanation)}# {row.name} = {tomlkit.item(row.kind.plain(row.default)).as_string()}\n"


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, _WIDTH - 2))


def _title(section: type) -> str:
    return _doc(section).partition("\n")[0].rstrip(".")


def _introduction(section: type) -> str:
    return " ".join(_doc(section).partition("\n")[2].split())


def _doc(section: type) -> str:
    return inspect.getdoc(section) or ""
