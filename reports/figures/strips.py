"""The drawing in a table's row: a dot a seed, the mean, and its interval, on one scale for the whole ranking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.statistics import Summary, over_decades

MOST_DOTS = 40
"""Of more seeds those share a dot that stand at the same percent of the scale: a dot is wider than that."""


@dataclass(frozen=True)
class Strip:
    """Positions along the scale, in percent from its left end. `open_low` and `open_high`: the interval goes on."""

    seeds: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None
    open_low: bool = False
    open_high: bool = False


@dataclass(frozen=True)
class Scale:
    """The range of a metric that the strips of one ranking show, logarithmic where errors differ more than tenfold."""

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def of(cls, rows: Sequence[Summary], metric: str) -> Scale:
        """A scale with all seeds of `rows` on it and a margin of an eighth on both sides.

        Intervals do not widen it: with two seeds the interval is nearly thirteen times as wide as their distance,
        and would press all other rows into a point. No metric here can be negative, and no accuracy above 1.
        """
        values = [value for row in rows for value in row.values]
        low, high = min(values), max(values)
        if metric != "accuracy" and over_decades(low, high):
            margin = (high / low) ** (1 / 8)
            return cls(low / margin, high * margin, logarithmic=True)
        margin = (high - low) / 8 or abs(high) / 8 or 1.0
        top = max(high, 1.0) if metric == "accuracy" else math.inf
        return cls(max(low - margin, min(low, 0.0)), min(high + margin, top))

    def place(self, value: float) -> float:
        """Where `value` lies, in percent from the left end, at most at an end."""
        if value <= self.low or value >= self.high:
            return 0.0 if value <= self.low else 100.0
        if self.logarithmic:
            return round(100 * math.log(value / self.low) / math.log(self.high / self.low), 2)
        return round(100 * (value - self.low) / (self.high - self.low), 2)

    def strip(self, row: Summary) -> Strip:
        """The drawing of one row; without an interval where there is none."""
        seeds, mean = tuple(self.place(value) for value in row.values), self.place(row.mean)
        if len(seeds) > MOST_DOTS:
            seeds = tuple(sorted({float(round(place)) for place in seeds}))
        if row.low is None or row.high is None:
            return Strip(seeds, mean, None, None)
        return Strip(seeds, mean, self.place(row.low), self.place(row.high), row.low < self.low, row.high > self.high)
