"""The inputs of the fuzzer pass without it, and the targets do find what is wrong."""

from pathlib import Path

import pytest

from protocol.request import RequestParser
from tests.fuzz.__main__ import RUNS
from tests.fuzz.targets import CORPUS, TARGETS

INPUTS = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
MOST_BYTES = 100_000


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_targets_pass_what_is_in_the_corpus(path: Path):
    TARGETS[path.parent.name](path.read_bytes())


def test_every_target_has_a_corpus_and_a_number_of_runs():
    assert {path.parent.name for path in INPUTS} == TARGETS.keys() == RUNS.keys()


def test_the_corpus_is_small():
    assert sum(path.stat().st_size for path in INPUTS) < MOST_BYTES


def test_a_parser_whose_lanes_disagree_is_found(monkeypatch: pytest.MonkeyPatch):
    def believe(parser: RequestParser, data: bytes) -> int:
        requests, _ = parser._read_all(data)
        parser._ready.extend(requests)
        return len(data) if requests else 0

    monkeypatch.setattr(RequestParser, "_read_ahead", believe)
    with pytest.raises(AssertionError):
        TARGETS["request"]((CORPUS / "request" / "simple-in-array").read_bytes())
