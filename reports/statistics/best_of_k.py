"""The tuning curve: how good the best of k trials is to be expected, against k.

With n scores in rising order v(1) <= ... <= v(n), the best of k of them that are drawn without replacement is at most
v(i) with probability C(i, k) / C(n, k): that distribution's mean and quantiles are the curve and its band, exactly.

The curve as a way to report the effort of tuning is due to Dodge et al., "Show Your Work: Improved Reporting of
Experimental Results" (EMNLP 2019), who draw with replacement. That estimate is biased: it says of the best of n trials
that it is worse than the best that was found (Tang et al., "Showing Your Work Doesn't Always Work", ACL 2020). Without
replacement it is unbiased, and ends at the best trial.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

ENDED = ("complete", "pruned", "failed")
"""States of a trial that has ended."""
Ended = tuple[str, float | None, float | None]
"""State of a trial, the value of one that is complete, and the best that it reached where it was pruned."""
BAND = (0.025, 0.975)
"""Quantiles between which the best of k trials lies with 95 %."""


@dataclass(frozen=True)
class CurvePoint:
    """The best of `trials` trials: its mean, and the quantiles of :data:`BAND`; `low` <= `high` as numbers."""

    trials: int
    expected: float
    low: float
    high: float


def tuning_curve(scores: Sequence[float], higher_is_better: bool = True) -> list[CurvePoint]:
    """The curve over n scores, one for each trial in any order: n points."""
    sign = 1.0 if higher_is_better else -1.0
    rising = np.sort(sign * np.array(scores, float))
    n = len(rising)
    worst, below = np.arange(n + 1), np.ones(n + 1)
    points = []
    for k in range(1, n + 1):
        # C(i, k) / C(n, k) out of that for k - 1: of all i at once in n steps, where binomials would take n squared
        below = below * np.maximum(worst - k + 1, 0) / (n - k + 1)
        points.append(_point(rising, below, k, sign))
    return points


def scores_of(trials: Iterable[Ended], higher_is_better: bool) -> list[float]:
    """One score for each trial that has ended, as every one of them cost a share of the budget.

    A complete trial counts with its value, a pruned one with the best that it reached, a failed one (which leaves
    nothing to use, like one of these whose number is None or NaN) with the worst score of all. Trials in any other
    state have not ended, or another goes on in their place. Empty where no trial has a score.
    """
    scores = [{"complete": value, "pruned": seen}.get(state) for state, value, seen in trials if state in ENDED]
    known = [float(score) for score in scores if score is not None and not math.isnan(score)]
    worst = min if higher_is_better else max
    return known + (len(scores) - len(known)) * [worst(known)] if known else []


def _point(rising: np.ndarray, below: np.ndarray, k: int, sign: float) -> CurvePoint:
    """`below`: for each i, the probability that the best of k is among the i worst."""
    # In turn, from the worst on: equal scores in another order give the same digits.
    expected = float(np.cumsum(rising * (below[1:] - below[:-1]))[-1])
    low, high = sorted(sign * _quantile(rising, below, q) for q in BAND)
    return CurvePoint(k, sign * expected, low, high)


def _quantile(rising: np.ndarray, below: np.ndarray, q: float) -> float:
    """The least score that the best of k does not exceed with a probability of at least `q`."""
    return float(rising[np.argmax(below[1:] >= q - 1e-12)])


def thinned(points: Sequence[CurvePoint], count: int = 10) -> Iterator[CurvePoint]:
    """About `count` points of a curve, denser where it is steep: 1, 2, 3, 5, 8, ... and the last."""
    last, step = 0, max(1.3, len(points) ** (1 / count))
    for point in points:
        if point.trials in (1, len(points)) or point.trials >= max(last + 1, last * step):
            last = point.trials
            yield point
