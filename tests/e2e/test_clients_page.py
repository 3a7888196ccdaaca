"""The table of docs/clients.md names every client the tests run, in the version they ran."""

import os
import re

import pytest

from tests.e2e.programs import ROOT, VERSIONS, installed, need

PAGE = (ROOT / "docs" / "clients.md").read_text()
ROW = re.compile(r"^\| (?:\[(?P<linked>[^]]+)\]\(\S+\)|(?P<plain>[^|\[]+)) \| (?P<version>[\d.]+) \|", re.MULTILINE)
STATED = {row["linked"] or row["plain"]: row["version"] for row in ROW.finditer(PAGE)}


def test_every_client_has_a_row():
    assert list(STATED) == list(VERSIONS)


@pytest.mark.parametrize("client", VERSIONS)
def test_version(client):
    need(client)
    if installed(client) != STATED[client] and not os.environ.get("CI"):
        pytest.skip(f"here it is {installed(client)}; the page tells what CI runs, {STATED[client]}")
    assert installed(client) == STATED[client]


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert len(links) > 12
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
