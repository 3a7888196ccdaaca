import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mcserver.app import make_encoder
from mcserver.evaluate import __main__ as program
from mcserver.evaluate.curve import Floats
from mcserver.evaluate.pairs import Pair, read_pairs
from mcserver.evaluate.report import Report
from mcserver.evaluate.run import Plan, evaluate
from mcserver.evaluate.scorer import cosine_scorer
from mcserver.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
MODEL_FOLDER = ROOT / ".cache" / "model" / "multilingual-e5-small"
built = pytest.mark.skipif(not (MODEL_FOLDER / "config.json").exists(), reason="the default model is not built yet")

LINES = [
    "how do I reset my password?\thow can I reset my password?\t1",
    "how do I reset my password?\thow do I bake bread?\t0",
    "如何重置密码？\t怎么重置密码？\t1",
    "如何重置密码？\t今天天气怎么样？\t0",
    "what is the capital of France?\twhich city is the capital of France?\t1",
    "what is the capital of France?\twho wrote Hamlet?\t0",
    "how old is the universe?\twhat is the age of the universe?\t1",
    "how old is the universe?\thow do I cancel my order?\t0",
]


@pytest.fixture
def pair_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.tsv"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return path


async def by_length(pairs: Sequence[Pair]) -> Floats:
    """A scorer: the more alike, the closer the lengths."""
    return np.array([1 / (1 + abs(len(pair.stored) - len(pair.asked))) for pair in pairs])


def run(files: Sequence[Path], *arguments: str, joined: int = 4, pairs: int = 100) -> tuple[Report, list[str]]:
    said: list[str] = []
    plan = Plan([read_pairs(path) for path in files], pairs, joined, [0.5, 0.1], seed=1)
    report = asyncio.run(evaluate(plan, load_settings(arguments, {}), by_length, embedder="by length", say=said.append))
    return report, said


def test_a_row_per_file_and_length_class(pair_file: Path) -> None:
    report, said = run([pair_file, pair_file])
    assert [(row.file, row.length, row.right, row.wrong) for row in report.rows] == [("mine", "short", 4, 4), ("mine", "long", 2, 2)] * 2
    assert said == ["mine: 8 short pairs", "mine: 4 long pairs"] * 2


def test_figures_are_those_of_the_scores_at_the_settings_in_force(pair_file: Path) -> None:
    report, _ = run([pair_file], "--threshold", "0.3", "--threshold-long", "0.2")
    scores = {line: 1 / (1 + abs(len(line.split("\t")[0]) - len(line.split("\t")[1]))) for line in LINES}
    served = [line for line, score in scores.items() if score >= 0.3]
    short, long = report.rows
    assert (short.threshold, long.threshold) == (0.3, 0.2)
    assert short.hit_rate == sum(line.endswith("1") for line in served) / 4
    assert short.wrong_rate == sum(line.endswith("0") for line in served) / 4
    assert list(short.hit_rate_at) == ["1", "3", "5", "10"]


def test_advice_for_each_setting_and_wanted_rate(pair_file: Path) -> None:
    report, _ = run([pair_file])
    assert [(item.setting, item.recommendation.wanted) for item in report.advice] == [
        ("threshold", 0.5),
        ("threshold", 0.1),
        ("threshold-long", 0.5),
        ("threshold-long", 0.1),
    ]


def test_no_long_pairs_no_long_row(pair_file: Path) -> None:
    report, _ = run([pair_file], joined=0)
    assert [row.length for row in report.rows] == ["short"]
    assert {item.setting for item in report.advice} == {"threshold"}


def test_a_files_own_long_texts_count_as_long(pair_file: Path) -> None:
    report, _ = run([pair_file], "--long-text-chars", "15", joined=0)
    assert [(row.length, row.right, row.wrong) for row in report.rows] == [("long", 3, 3)]  # one short pair of each kind is too few


def test_table(pair_file: Path) -> None:
    report, _ = run([pair_file], "--threshold", "0.3", "--threshold-long", "0.2")
    lines = report.to_table().splitlines()
    assert lines[0] == "scores of by length, seed 1"
    assert lines[2].split() == "file texts right wrong AUC threshold hits wrong hits hits@1% hits@3% hits@5% hits@10%".split()
    assert lines[3].split()[:4] == ["mine", "short", "4", "4"]
    assert len(lines[2]) == len(lines[3]) == len(lines[4])
    assert lines[6].startswith("threshold 0.")
    assert "for 50.0 % wrong hits (95 % interval 0." in lines[6]
    assert lines[8].startswith("threshold-long 0.")


def test_json(pair_file: Path) -> None:
    values = json.loads(run([pair_file])[0].to_json())
    assert (values["embedder"], values["seed"]) == ("by length", 1)
    assert values["rows"][0]["file"] == "mine"
    assert set(values["advice"][0]["recommendation"]) == {"wanted", "threshold", "low", "high", "hit_rate", "wrong_rate"}


@built
def test_cosine_of_the_real_model() -> None:
    encoder = make_encoder(load_settings(["--embedder", f"onnx:{MODEL_FOLDER}", "--embedder-threads", "1"], {}))
    pairs = [Pair(line.split("\t")[0], line.split("\t")[1], right=True) for line in LINES] * 20

    async def score() -> Floats:
        return await cosine_scorer(encoder, workers=2)(pairs)

    scores = asyncio.run(score())
    encoder.close()
    assert scores[0] > scores[1]
    assert scores[4] > scores[5]
    np.testing.assert_allclose(scores, np.tile(scores[: len(LINES)], 20), atol=1e-5)


@built
class TestProgram:
    def arguments(self, pair_file: Path) -> list[str]:
        return [str(pair_file), "--embedder", f"onnx:{MODEL_FOLDER}", "--joined", "0", "--wrong", "0.4"]

    def test_same_arguments_same_output(self, pair_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert program.main([*self.arguments(pair_file), "--json"]) == 0
        first = capsys.readouterr()
        assert json.loads(first.out)["embedder"] == "onnx:multilingual-e5-small"
        assert first.err == "mine: 8 short pairs\nmine: 0 long pairs\n"
        assert program.main([*self.arguments(pair_file), "--json"]) == 0
        assert capsys.readouterr().out == first.out

    def test_launcher(self, pair_file: Path) -> None:
        output = asyncio.run(_launch(*self.arguments(pair_file)))
        assert output.startswith("scores of onnx:multilingual-e5-small, seed 1\n")
        assert "threshold 0." in output


async def _launch(*arguments: str) -> str:
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    process = await asyncio.create_subprocess_exec(ROOT / "bin" / "mc-eval", *arguments, stdout=asyncio.subprocess.PIPE, env=path)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.tsv"], "cannot read none.tsv: No such file or directory"),
        (["none.tsv", "--threshold", "7"], "threshold"),
        (["none.tsv", "--no-such-setting", "7"], "no-such-setting"),
    ],
)
def test_refused_with_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(arguments) == program.EXIT_REFUSED
    error = capsys.readouterr().err
    assert error.startswith("mc-eval: ")
    assert message in error
    assert error.count("\n") == 1


def test_no_model(pair_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main([str(pair_file), "--embedder", "onnx:/none"]) == program.EXIT_REFUSED
    assert "mc-eval: cannot read /none/config.json" in capsys.readouterr().err


@pytest.mark.parametrize("rate", ["1", "-0.1", "much"])
def test_a_rate_is_a_share(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        program.main(["pairs.tsv", "--wrong", rate])
    assert "argument --wrong: invalid" in capsys.readouterr().err
