"""Scores of labelled pairs: how well they part right from wrong, and which threshold keeps to a wanted rate of wrong hits.

Hit rate: share of the right pairs that are served. Wrong-hit rate: share of the wrong pairs that are served. Neither depends on
how many of either kind there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 1000
DECIMALS = 4
"""Of a recommended threshold: what people set and read."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of the pairs whose answer serves and of those whose answer does not."""

    right: Floats
    wrong: Floats

    def hit_rate(self, threshold: float) -> float:
        """Share of the right pairs at or above the threshold."""
        return float((self.right >= threshold).mean())

    def wrong_rate(self, threshold: float) -> float:
        """Share of the wrong pairs at or above the threshold."""
        return float((self.wrong >= threshold).mean())

    def auc(self) -> float:
        """Area under the ROC curve: how often a right pair scores above a wrong one; a tie counts half."""
        wrong = np.sort(self.wrong)
        below = np.searchsorted(wrong, self.right, side="left")
        up_to = np.searchsorted(wrong, self.right, side="right")
        return float((below + up_to).mean() / 2 / len(wrong))

    def hit_rate_at(self, wrong_rate: float) -> float:
        """The best hit rate that keeps to a wrong-hit rate."""
        return self.hit_rate(least_threshold([self.wrong], wrong_rate))

    def halves(self, seed: int) -> tuple["Scored", "Scored"]:
        """Two random halves, each with half of the right and half of the wrong pairs."""
        draw = np.random.default_rng(seed)
        right, wrong = (np.array_split(draw.permutation(scores), 2) for scores in (self.right, self.wrong))
        return Scored(right[0], wrong[0]), Scored(right[1], wrong[1])


def split_scores(scores: Floats, right: Sequence[bool]) -> Scored:
    """Part scores by label."""
    mask = np.array(right, bool)
    return Scored(scores[mask], scores[~mask])


def least_threshold(wrong: Sequence[Floats], rate: float) -> float:
    """The least threshold at which the wrong-hit rate, as the mean over the files, is at most `rate`. `wrong`: scores, file by file."""
    weights = [np.full(len(scores), 1 / len(scores) / len(wrong)) for scores in wrong]
    return _threshold(np.concatenate(wrong), np.concatenate(weights), rate)


def _threshold(scores: Floats, weights: Floats, rate: float) -> float:
    order = np.argsort(-scores)
    served = np.cumsum(weights[order])
    refused = np.nonzero(served > rate + 1e-12)[0]  # sums of weights are not exact
    return float(np.nextafter(scores[order[refused[0]]], 2)) if len(refused) else 0.0


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A threshold chosen on one half of the pairs, and what it does on the other half. All rates are means over the files."""

    wanted: float
    """The wrong-hit rate that was asked for."""
    threshold: float
    low: float
    high: float
    """95 % interval of the threshold, by drawing the choosing half anew."""
    hit_rate: float
    wrong_rate: float


def recommend(files: Sequence[Scored], wanted: float, seed: int) -> Recommendation:
    """The threshold for a wanted wrong-hit rate, every file weighing the same."""
    halves = [scored.halves(seed) for scored in files]
    wrong = [choosing.wrong for choosing, _ in halves]
    threshold = round(least_threshold(wrong, wanted) + 0.5 * 10**-DECIMALS, DECIMALS)  # up, never under the wanted rate
    low, high = np.percentile(_redrawn(wrong, wanted, seed), [2.5, 97.5])
    reporting = [other for _, other in halves]
    return Recommendation(
        wanted=wanted,
        threshold=threshold,
        low=round(float(low), DECIMALS),
        high=round(float(high), DECIMALS),
        hit_rate=float(np.mean([scored.hit_rate(threshold) for scored in reporting])),
        wrong_rate=float(np.mean([scored.wrong_rate(threshold) for scored in reporting])),
    )


def _redrawn(wrong: Sequence[Floats], wanted: float, seed: int) -> list[float]:
    """Thresholds of as many bootstrap samples as `RESAMPLES`, each file drawn anew on its own."""
    draw = np.random.default_rng(seed)
    return [least_threshold([draw.choice(scores, len(scores)) for scores in wrong], wanted) for _ in range(RESAMPLES)]
