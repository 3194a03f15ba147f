"""Tests of pairs over several tasks: Wilcoxon's, and Holm's correction for their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

FEWEST = 2
EXACT, EXACT_WITH_TIES = 50, 13
"""Up to so many tasks p values are exact, as in scipy; the second where differences are tied or 0."""


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's signed-rank test of differences.

    `statistic` is T, the smaller of the sums of the ranks of the positive and of the negative differences; `p` is
    two-sided, `p_greater` one-sided: that the differences are above 0.
    """

    statistic: float
    p: float
    p_greater: float


def wilcoxon(differences: Sequence[float] | np.ndarray) -> SignedRank | str:
    """The test of one difference a task, or a sentence that says why there is none.

    Differences of 0 are left out, as Wilcoxon did. The p values are those of ``scipy.stats.wilcoxon``: exact up to 50
    tasks (up to 13 where differences are tied or 0), else by the normal approximation.
    """
    given = np.asarray(differences, dtype=float)
    if len(given) < FEWEST:
        return "Wilcoxon's test needs at least two tasks."
    if not given.any():
        return "Wilcoxon's test has no value: the two are equal on every task."
    all_differ = len({0.0, *np.abs(given)}) > len(given)
    if len(given) <= (EXACT if all_differ else EXACT_WITH_TIES):
        return _exact(given[given != 0])
    both, greater = (stats.wilcoxon(given, zero_method="wilcox", alternative=way) for way in ("two-sided", "greater"))
    return SignedRank(float(both.statistic), float(both.pvalue), float(greater.pvalue))


def _exact(differences: np.ndarray) -> SignedRank:
    """Over all 2^n signs: scipy finds the same, but with ties in a tenth of a second, and a table has many pairs."""
    ranks = np.rint(2 * stats.rankdata(np.abs(differences))).astype(int)  # tied ranks are halves
    counts = np.zeros(ranks.sum() + 1)
    counts[0] = 1
    for rank in ranks:
        counts[rank:] += counts[:-rank].copy()
    shares = counts / counts.sum()  # exact: the number of signs is a power of two
    plus = int(ranks[differences > 0].sum())
    less, greater = float(shares[: plus + 1].sum()), float(shares[plus:].sum())
    return SignedRank(min(plus, int(ranks.sum()) - plus) / 2, min(1.0, 2 * min(less, greater)), greater)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """p values after Holm's correction, in the order given; one that isn't known counts as a test that found nothing.

    The i-th smallest of m is multiplied by m - i + 1, never falls below the one before it, and is at most 1. Holm, "A
    simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    adjusted: list[float | None] = [None] * len(ps)
    highest = 0.0
    rising = sorted((p, at) for at, p in enumerate(ps) if p is not None)
    for rank, (p, at) in enumerate(rising):
        adjusted[at] = highest = max(highest, min(1.0, (len(ps) - rank) * p))
    return adjusted
