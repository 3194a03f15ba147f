"""What panels with two logarithmic axes share: limits, ticks that can be read, whiskers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, NullLocator

from reports.figures.style import PLAIN

_MARGIN = 0.06  # of the logarithm's range, on both sides
_MOST = 7


def spanned(values: Iterable[float]) -> tuple[float, float]:
    """Limits around positive `values`, with a margin; a single value gets a factor of two on both sides."""
    found = list(values)
    low, high = min(found), max(found)
    margin = (high / low) ** _MARGIN if high > low else 2.0
    return low / margin, high * margin


def dress(axes: Axes, x: tuple[float, float], y: tuple[float, float], sizes: Sequence[int] = ()) -> None:
    """Both scales logarithmic with these limits; at `sizes`, where they are given, the ticks of the x axis."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    _ticks(axes.xaxis, apart(sizes, x) if sizes else round_values(*x))
    _ticks(axes.yaxis, round_values(*y))
    axes.grid(axis="y")


def apart(sizes: Sequence[int], limits: tuple[float, float]) -> list[float]:
    """Those of `sizes` whose labels don't touch each other, from the largest down."""
    least = math.log(limits[1] / limits[0]) / (_MOST + 2)
    chosen: list[float] = []
    for size in sorted(set(sizes), reverse=True):
        if not chosen or math.log(chosen[-1] / size) >= least:
            chosen.append(float(size))
    return chosen[::-1]


def round_values(low: float, high: float) -> list[float]:
    """Round values from `low` to `high`: 1, 2 and 5 times powers of ten, or fewer of them over many decades."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for digits, every in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 3), ((1,), 5), ((1,), 10)):
        powers = range(first - first % every, last + 1, every)
        found = [float(f"{digit}e{power}") for power in powers for digit in digits]
        inside = [value for value in found if low <= value <= high]
        if len(inside) <= _MOST:
            break
    return inside or [float(f"{math.sqrt(low * high):.2g}")]


def _ticks(axis: Axis, values: Sequence[float]) -> None:
    axis.set_major_locator(FixedLocator(list(values)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(PLAIN)
