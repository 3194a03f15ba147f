"""How large the difference between two sets of seeds is, and how sure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from reports.statistics.summary import CONFIDENCE, deviation


@dataclass(frozen=True)
class Effect:
    """`one` compared with `other`: n seeds each.

    Attributes:
        difference: mean of one less mean of the other, in the unit of the metric; None where a side has no seed.
        low, high: 95 % interval of the difference, by Welch.
        p: two-sided p value of Welch's t-test.
        g: Hedges' g, the difference in standard deviations, with the sign of `difference`.
        superiority: Vargha and Delaney's A, the probability that a seed of one is better than a seed of the other,
            ties counted half; better in the direction of the metric. None where a side has fewer than two seeds.
        reason: why `low`, `high`, `p` and `g` are None, in one sentence; "" where they are not.
    """

    n_one: int
    n_other: int
    difference: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    g: float | None = None
    superiority: float | None = None
    reason: str = ""


def effect(one: Sequence[float], other: Sequence[float], higher_is_better: bool = True) -> Effect:
    """What the seeds of two rows of a ranking say about each other; the seeds are taken as independent draws.

    Welch: "The generalization of 'Student's' problem when several different population variances are involved",
    Biometrika 34 (1947).
    """
    sizes = len(one), len(other)
    if not min(sizes):
        return Effect(*sizes, None, reason="One of the two has no seed.")
    difference = math.fsum(one) / len(one) - math.fsum(other) / len(other)
    if min(sizes) < 2:
        which = "Both have" if max(sizes) < 2 else "One of the two has"
        return Effect(*sizes, difference, reason=f"{which} a single seed: how much it varies is not known.")
    better = superiority(one, other) if higher_is_better else superiority(other, one)
    spreads = deviation(one), deviation(other)
    if not any(spreads):
        reason = "In neither of the two does one seed differ from another: there is nothing to measure chance by."
        return Effect(*sizes, difference, superiority=better, reason=reason)
    half, p = _welch(difference, spreads, sizes)
    g = hedges_g(difference, spreads, sizes)
    return Effect(*sizes, difference, difference - half, difference + half, p, g, better)


def superiority(one: Sequence[float], other: Sequence[float]) -> float:
    """``P(X > Y) + P(X = Y) / 2`` for a value X of one and Y of the other, over all their pairs.

    Vargha and Delaney, "A critique and improvement of the CL common language effect size statistics of McGraw and
    Wong", Journal of Educational and Behavioral Statistics 25 (2000).
    """
    pairs = np.sign(np.subtract.outer(np.asarray(one, dtype=float), np.asarray(other, dtype=float)))
    return float((pairs + 1).sum() / 2 / pairs.size)


def hedges_g(difference: float, spreads: tuple[float, float], sizes: tuple[int, int]) -> float:
    """The difference of two means over their pooled standard deviation, corrected for the bias of small samples.

    The factor is the exact one, ``Gamma(m / 2) / (sqrt(m / 2) Gamma((m - 1) / 2))`` with m = n1 + n2 - 2, which
    ``1 - 3 / (4 m - 1)`` approximates: Hedges, "Distribution theory for Glass's estimator of effect size and related
    estimators", Journal of Educational Statistics 6 (1981). `spreads` are standard deviations of samples.
    """
    m = sum(sizes) - 2
    pooled = math.sqrt(sum((n - 1) * spread**2 for n, spread in zip(sizes, spreads, strict=True)) / m)
    factor = math.exp(math.lgamma(m / 2) - math.lgamma((m - 1) / 2)) / math.sqrt(m / 2)
    return factor * difference / pooled


def _welch(difference: float, spreads: tuple[float, float], sizes: tuple[int, int]) -> tuple[float, float]:
    """Half the width of the interval, and the p value."""
    # from the moments: of the values themselves scipy warns where they are nearly equal, and finds no spread of 0
    found = stats.ttest_ind_from_stats(difference, spreads[0], sizes[0], 0.0, spreads[1], sizes[1], equal_var=False)
    errors = [spread**2 / n for spread, n in zip(spreads, sizes, strict=True)]
    degrees = sum(errors) ** 2 / sum(error**2 / (n - 1) for error, n in zip(errors, sizes, strict=True))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, degrees)) * math.sqrt(sum(errors))
    return half, float(found.pvalue)
