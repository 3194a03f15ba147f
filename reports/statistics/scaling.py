"""How a time or a memory grows with a size: the exponent, where the measurements show one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

from scipy import stats

from reports.statistics.summary import CONFIDENCE

LEAST_SIZES, LEAST_SPAN = 3, 4.0
"""An exponent is fitted to so many different sizes, of which the largest is so many times the smallest."""
OVERHEAD = 0.1
"""Largest share of the constant part in what is fitted."""
LOWEST = math.log(OVERHEAD + (1 - OVERHEAD) * LEAST_SPAN) / math.log(LEAST_SPAN)
"""The least exponent that proportional growth shows beside such a constant part, over the shortest span: 0.944."""
STRAIGHT = 0.1
"""How far off the fitted line a value may be, as a share of it."""
WIDEST = 0.5
"""Widest interval of an exponent that says anything."""


@dataclass(frozen=True)
class Scaling:
    """``value ~ size ** exponent`` over n points from the size `least` on, with the 95 % interval of the exponent.

    `factor` is the value that the fitted line gives size 1, in the unit of the values: with it the line can be drawn.
    """

    n: int
    exponent: float
    low: float
    high: float
    factor: float
    least: float


def scaling(sizes: Sequence[float], values: Sequence[float]) -> Scaling | str:
    """The exponent by least squares through the logarithms, or a sentence that says why there is none.

    A measured value is a constant part (starting, updating the weights) and what grows. The line through the means at
    the two smallest sizes gives the constant part, where it meets size 0; for what bends upwards it gives less. Sizes
    at which that part is more than :data:`OVERHEAD` of the value are left out. As every step, sequence and unit has to
    be computed, what remains grows at least in proportion to the size: an exponent below :data:`LOWEST`
    is no law of growth, and neither is one with a wide interval or whose line misses a value.

    The interval is Student's with n - 2 degrees of freedom and takes the logarithms to scatter about a line.

    Raises:
        ValueError: there isn't one value for each size.
    """
    if len(sizes) != len(values):
        raise ValueError(f"there must be one value for each size, got {len(values)} for {len(sizes)}")
    points = sorted(zip(sizes, values, strict=True))  # no digit depends on the order
    if not all(0 < number < math.inf for point in points for number in point):
        return "An exponent needs sizes and values that are positive numbers."
    if not _enough(points):
        return f"An exponent needs {LEAST_SIZES} different sizes, the largest {LEAST_SPAN:g} times the smallest."
    constant = _constant_part(points)
    points = [(size, value) for size, value in points if constant <= OVERHEAD * value]
    if not _enough(points):
        return f"At too few sizes the constant part is below {OVERHEAD:.0%} of the value."
    x, y = ([math.log(number) for number in side] for side in zip(*points, strict=True))
    fit = stats.linregress(x, y)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(points) - 2) * fit.stderr)
    exponent = float(fit.slope)
    if max(abs(math.expm1(b - fit.intercept - exponent * a)) for a, b in zip(x, y, strict=True)) > STRAIGHT:
        return f"The values do not lie on a line: one is more than {STRAIGHT:.0%} off."
    if 2 * half > WIDEST:
        return f"The 95 % interval of the exponent is wider than {WIDEST:g}."
    if exponent < LOWEST - 1e-9:
        return "The values grow less than in proportion to the size: what grows is not yet what takes the time."
    return Scaling(len(points), exponent, exponent - half, exponent + half, math.exp(fit.intercept), points[0][0])


def _enough(points: Sequence[tuple[float, float]]) -> bool:
    sizes = {size for size, _ in points}
    return len(sizes) >= LEAST_SIZES and max(sizes) >= LEAST_SPAN * min(sizes)


def _constant_part(points: Sequence[tuple[float, float]]) -> float:
    """Where the line through the two smallest of the ordered sizes meets size 0; 0 where that is below it."""
    means = [(size, fmean(value for _, value in same)) for size, same in groupby(points, lambda point: point[0])]
    (near, first), (far, second) = means[:2]
    return max(0.0, first - near * (second - first) / (far - near))
