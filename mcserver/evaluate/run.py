"""One evaluation: read, draw, score, sum up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mcserver.evaluate.curve import Scored, recommend, split_scores
from mcserver.evaluate.pairs import Pair, PairFile, join_long, sample
from mcserver.evaluate.report import Advice, Report, Row, make_row
from mcserver.evaluate.scorer import Scorer
from mcserver.settings import ModelSettings

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to evaluate and how much of it."""

    files: Sequence[PairFile]
    pairs: int
    """At most so many of each file."""
    joined: int
    """Long pairs made from each file."""
    wanted: Sequence[float]
    """Wrong-hit rates to recommend a threshold for."""
    seed: int


@dataclass(frozen=True, slots=True)
class LengthClass:
    """Texts that share a threshold."""

    name: str
    setting: str
    threshold: float


async def evaluate(plan: Plan, settings: ModelSettings, scorer: Scorer, *, embedder: str, say: Say) -> Report:
    """Score every file of the plan. `embedder` names what scored; `say` hears of the progress."""
    short = LengthClass("short", "threshold", settings.threshold)
    long = LengthClass("long", "threshold-long", settings.threshold_long)
    found: dict[str, list[Scored]] = {short.name: [], long.name: []}
    rows: list[Row] = []
    for file in plan.files:
        pairs = sample(file.pairs, plan.pairs, plan.seed)
        joined = join_long(file.pairs, longer_than=settings.long_text_chars, count=plan.joined, seed=plan.seed)
        for length, chosen in ((short, _no_longer(pairs, settings)), (long, _longer(pairs, settings) + joined)):
            say(f"{file.name}: {len(chosen)} {length.name} pairs")
            if scored := await _score(chosen, scorer):
                found[length.name].append(scored)
                rows.append(make_row(file.name, length.name, scored, length.threshold))
    advice = [
        Advice(length.setting, recommend(found[length.name], wanted, plan.seed))
        for length in (short, long)
        if found[length.name]
        for wanted in plan.wanted
    ]
    return Report(embedder, plan.seed, rows, advice)


def _no_longer(pairs: Sequence[Pair], settings: ModelSettings) -> list[Pair]:
    return [pair for pair in pairs if len(pair.asked) <= settings.long_text_chars]


def _longer(pairs: Sequence[Pair], settings: ModelSettings) -> list[Pair]:
    return [pair for pair in pairs if len(pair.asked) > settings.long_text_chars]


async def _score(pairs: Sequence[Pair], scorer: Scorer) -> Scored | None:
    """Scores by label; None where one of the labels is too rare to be halved."""
    labels = [pair.right for pair in pairs]
    if min(labels.count(True), labels.count(False)) < 2:  # noqa: PLR2004
        return None
    return split_scores(await scorer(pairs), labels)
