"""Learning curves of several seeds as one: mean, lowest and highest on a common axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reports.ranking.rows import Row
from reports.records import Trace

Axis = Literal["step", "seconds"]
MOST_POINTS = 48  # of a line: more cannot be seen at the width of a figure, and would only make the page heavy


@dataclass(frozen=True)
class Curve:
    """The validation metric of one row of a ranking, over its n seeds, at the places `x` (steps, or seconds)."""

    row: Row
    n: int
    x: tuple[float, ...]
    mean: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]

    def sampled(self, most: int) -> list[tuple[float, float, float, float]]:
        """At most `most` points (but two where there are two), both ends among them: place, mean, lowest, highest."""
        points = list(zip(self.x, self.mean, self.lowest, self.highest, strict=True))
        count = min(len(points), max(2, most))
        return [points[place] for place in np.linspace(0, len(points) - 1, count).round().astype(int)]


def curve(row: Row, traces: Mapping[str, Trace], axis: Axis) -> Curve | None:
    """The mean curve of the done runs of `row`, or None where none of them has a finite point.

    Every seed is interpolated linearly on a common axis that starts where all of them have begun. A seed that stopped
    early keeps its last value: dropping it there would let the mean jump, and only the long-lived seeds would be left.
    """
    seeds = [_line(traces.get(run.run), axis) for run in row.runs if run.state == "done"]
    seeds = [seed for seed in seeds if len(seed[0])]
    if not seeds:
        return None
    x = _axis([line for line, _ in seeds])
    values = np.array([np.interp(x, *seed) for seed in seeds])
    mean, low, high = values.mean(axis=0), values.min(axis=0), values.max(axis=0)
    return Curve(row, len(seeds), tuple(x.tolist()), tuple(mean.tolist()), tuple(low.tolist()), tuple(high.tolist()))


def _line(trace: Trace | None, axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    if trace is None:
        return np.empty(0), np.empty(0)
    places = getattr(trace, axis)
    if (places[1:] > places[:-1]).all():
        return places, trace.valid
    # Two evaluations at one place, as of a run that was resumed: the last of them stays.
    places, last = np.unique(places[::-1], return_index=True)
    return places, trace.valid[::-1][last]


def _axis(lines: Sequence[np.ndarray]) -> np.ndarray:
    start, end = max(line[0] for line in lines), max(line[-1] for line in lines)
    # Where seeds are evaluated at the same steps, these are the places and nothing is interpolated.
    same = all(np.array_equal(line, lines[0]) for line in lines)
    places = lines[0] if same else np.unique(np.concatenate(lines))
    if len(places) > max(map(len, lines)):
        places = np.linspace(start, end, max(map(len, lines)))
    places = places[places >= start]
    if len(places) > MOST_POINTS:
        places = places[np.linspace(0, len(places) - 1, MOST_POINTS).round().astype(int)]
    return places
