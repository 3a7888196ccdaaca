"""The sessions in the README and in the pages of docs come out as printed."""

import re
from pathlib import Path

import pytest

from tests.e2e.programs import free_port
from tests.e2e.transcript import run_page

ROOT = Path(__file__).parents[2]
ETC = "/etc/mcserver"
PAGES = ["README.md", "docs/operations.md", "docs/security.md"]


@pytest.mark.parametrize("page", PAGES)
def test_sessions(start, tmp_path, page):
    text = (ROOT / page).read_text()
    etc = tmp_path / "etc"
    etc.mkdir()
    server = start(*_configure(text, etc))
    places = {"6380": str(server.port), "6390": str(free_port()), ETC: str(etc)}
    ran = list(run_page(text, etc, places))
    for program, printed in ran:
        assert program.steady(printed) == program.steady(program.printed), program.command
    assert sum(len(program.typed) for program, _ in ran) == text.count("\n127.0.0.1:6380")


def _configure(text: str, etc: Path) -> list[str]:
    """Write the file of settings that a page shows; the arguments that name it."""
    shown = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    if shown is None:
        return []
    (etc / "mcserver.toml").write_text(shown[1].replace(ETC, str(etc)))
    (etc / "users.acl").touch()
    return ["--conf", str(etc)]
