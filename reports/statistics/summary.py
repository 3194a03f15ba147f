"""Statistics of a few seeds: mean, interval, best, ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """What n values of one metric say. The values keep the metric's own unit; accuracy is a fraction."""

    values: tuple[float, ...]
    mean: float
    half_width: float | None
    best: float

    @property
    def n(self) -> int:
        """Number of values, one a seed."""
        return len(self.values)

    @property
    def low(self) -> float | None:
        """Lower end of the interval, None where there is none."""
        return None if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        """Upper end of the interval, None where there is none."""
        return None if self.half_width is None else self.mean + self.half_width


def summarise(values: Sequence[float], higher_is_better: bool) -> Summary | None:
    """Mean, best and 95 % interval of the mean of `values`; None where there are no values.

    The interval is Student's, ``mean +- t(0.975, n - 1) * s / sqrt(n)`` with the sample standard deviation ``s``: with
    3 seeds the factor on ``s / sqrt(n)`` is 4.30 where a normal distribution would claim 1.96. It takes the seeds as
    independent draws. One value has no interval: `half_width` is None.
    """
    if not values:
        return None
    mean = math.fsum(values) / len(values)
    half = None
    if len(values) > 1:
        # Written out: scipy.stats.t.interval is NaN when all seeds agree to the last digit, and the width is 0 then.
        half = float(_factor(len(values) - 1) * deviation(values) / len(values) ** 0.5)
    return Summary(tuple(values), mean, half, max(values) if higher_is_better else min(values))


@cache
def _factor(freedom: int) -> float:
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))


def deviation(values: Sequence[float]) -> float:
    """Standard deviation of a sample of at least two values, in their unit; exactly 0 where they are all equal.

    The values are taken in rising order, so that the order in which they are given changes no digit.
    """
    # the mean of three times 0.1 isn't 0.1: without the question, seeds that agree would differ by 1e-17
    return 0.0 if min(values) == max(values) else float(np.std(sorted(values), ddof=1))


def over_decades(low: float, high: float) -> bool:
    """Whether values from `low` to `high` are better drawn on a logarithmic scale: more than tenfold apart, above 0."""
    return 0 < 10 * low < high


def settled(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """`values` to 12 significant digits: means that are equal but for how their sums were rounded become equal."""
    given = np.asarray(values, dtype=float)
    known = np.isfinite(given) & (given != 0)
    size = np.floor(np.log10(np.abs(given), where=known, out=np.zeros_like(given)))
    scale = 10.0 ** (11 - size)
    return np.where(known, np.round(given * scale) / scale, given)


def ranks(means: Sequence[float], higher_is_better: bool) -> list[int]:
    """Rank of each mean, 1 the best; equal means share the better rank, and the next one is skipped (1, 2, 2, 4)."""
    sign = -1 if higher_is_better else 1
    return [int(rank) for rank in stats.rankdata(sign * settled(means), method="min")]
