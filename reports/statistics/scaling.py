"""How a time grows with the length of a sequence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from reports.statistics.summary import CONFIDENCE

LEAST_LENGTHS = 3


@dataclass(frozen=True)
class Scaling:
    """``seconds ~ length ** exponent`` over n points, with the 95 % interval of the exponent.

    `factor` is the time that the fitted line gives length 1, in the unit of the times: with it the line can be drawn.
    """

    n: int
    exponent: float
    low: float
    high: float
    factor: float


def scaling(lengths: Sequence[float], seconds: Sequence[float]) -> Scaling | str:
    """The exponent by least squares through the logarithms, or a sentence that says why there is none.

    The interval is Student's with n - 2 degrees of freedom and takes the logarithms to scatter about a line. A time
    with a constant part grows less at small lengths than at large ones: the exponent is that of these lengths alone.

    Raises:
        ValueError: there isn't one time for each length.
    """
    if len(lengths) != len(seconds):
        raise ValueError(f"there must be one time for each length, got {len(seconds)} for {len(lengths)}")
    points = sorted(zip(lengths, seconds, strict=True))  # no digit depends on the order
    if not all(0 < number < math.inf for point in points for number in point):
        return "An exponent needs lengths and times that are positive numbers."
    if len({length for length, _ in points}) < LEAST_LENGTHS:
        return f"An exponent needs {LEAST_LENGTHS} different lengths."
    fit = stats.linregress([math.log(length) for length, _ in points], [math.log(second) for _, second in points])
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(points) - 2) * fit.stderr)
    exponent = float(fit.slope)
    return Scaling(len(points), exponent, exponent - half, exponent + half, math.exp(fit.intercept))
