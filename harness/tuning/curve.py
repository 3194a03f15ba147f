"""The tuning curve: how good the best of k trials is to be expected, against k.

With n scores in rising order v(1) <= ... <= v(n), the best of k of them that are drawn without replacement is at most
v(i) with probability C(i, k) / C(n, k): that distribution's mean and quantiles are the curve and its band, exactly.

The curve as a way to report the effort of tuning is due to Dodge et al., "Show Your Work: Improved Reporting of
Experimental Results" (EMNLP 2019), who draw with replacement. That estimate is biased: it says of the best of n trials
that it is worse than the best that was found (Tang et al., "Showing Your Work Doesn't Always Work", ACL 2020). Without
replacement it is unbiased, and ends at the best trial.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb

from optuna.trial import FrozenTrial, TrialState

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
    rising = sorted(sign * score for score in scores)
    return [_point(rising, k, sign) for k in range(1, len(rising) + 1)]


def scores_of(trials: Sequence[FrozenTrial], higher_is_better: bool) -> list[float]:
    """One score for each trial that has ended, as every one of them cost a share of the budget.

    A complete trial counts with its value, a pruned one with the best that it reached, a failed one (which leaves
    nothing to use) with the worst score of all. Empty where no trial has a score.
    """
    best, worst = (max, min) if higher_is_better else (min, max)
    known: list[float] = []
    failed = 0
    for trial in trials:
        seen = [value for value in trial.intermediate_values.values() if value == value]
        if trial.state == TrialState.COMPLETE and trial.value is not None:
            known.append(trial.value)
        elif trial.state == TrialState.PRUNED and seen:
            known.append(best(seen))
        elif trial.state.is_finished():
            failed += 1
    return known + failed * [worst(known)] if known else []


def _point(rising: Sequence[float], k: int, sign: float) -> CurvePoint:
    below = [comb(i, k) / comb(len(rising), k) for i in range(len(rising) + 1)]
    expected = sum(score * (below[i + 1] - below[i]) for i, score in enumerate(rising))
    low, high = sorted(sign * _quantile(rising, below, q) for q in BAND)
    return CurvePoint(k, sign * expected, low, high)


def _quantile(rising: Sequence[float], below: Sequence[float], q: float) -> float:
    """The least score that the best of k does not exceed with a probability of at least `q`."""
    return next(score for score, probability in zip(rising, below[1:], strict=True) if probability >= q - 1e-12)


def thinned(points: Sequence[CurvePoint], count: int = 10) -> Iterator[CurvePoint]:
    """About `count` points of a curve, denser where it is steep: 1, 2, 3, 5, 8, ... and the last."""
    last, step = 0, max(1.3, len(points) ** (1 / count))
    for point in points:
        if point.trials in (1, len(points)) or point.trials >= max(last + 1, last * step):
            last = point.trials
            yield point
