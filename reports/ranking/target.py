"""Time to target: how long the rows of a ranking train until the validation metric first reaches round values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import Row
from reports.records import Trace
from reports.statistics import over_decades

SHARES = (0.5, 0.75, 0.9, 0.95)
"""How far along the way from the first value to the best the targets lie, before they are rounded."""
ENDED = ("done", "failed", "pruned")
"""States of a run that has ended: others may still reach a target."""


@dataclass(frozen=True)
class Reached:
    """How the `n` ended runs of a row did at one target: `count` of them reached it.

    `seconds` is the median over all n of the training time until they did, where one that never did counts as
    later than any other; None where that median isn't finite.
    """

    n: int
    count: int
    seconds: float | None


@dataclass(frozen=True)
class Targets:
    """The table of a ranking: a line a row, a column a target. `left_out` runs have ended without a curve."""

    values: tuple[float, ...]
    lines: tuple[tuple[Row, tuple[Reached, ...]], ...]
    left_out: int

    def best(self, column: int) -> float | None:
        """The shortest time of a column, of the rows with a result."""
        times = (line[column].seconds for row, line in self.lines if row.test)
        return min((time for time in times if time is not None), default=None)


def targets(ranking: Ranking, traces: Mapping[str, Trace]) -> Targets | None:
    """The table of `ranking`, or None where its curves lead to no target.

    The way goes from where rows begin, the median over rows of the median first value of their seeds, to the best
    mean over the seeds of a row of the best value of each. It is measured in logarithms where errors fall more than
    tenfold. Only rows with a result decide on the targets; all rows with a curve are told.
    """
    deciding = [found for row in ranking.ranked if (found := _curves(row, traces, ("done",)))]
    if not deciding:
        return None
    pick, choose = (np.maximum, max) if ranking.higher_is_better else (np.minimum, min)
    start = median(median(row.valid[row.starts].tolist()) for row in deciding)
    best = choose(fmean(pick.reduceat(row.valid, row.starts).tolist()) for row in deciding)
    values = ladder(start, best, ranking.metric) if (best > start) == ranking.higher_is_better else ()
    if not values:
        return None
    lines = [
        (row, tuple(_reached(found, value, ranking.higher_is_better) for value in values))
        for row in ranking.rows
        if (found := _curves(row, traces, ENDED))
    ]
    ended = [run for row in ranking.rows for run in row.runs if run.state in ENDED]
    return Targets(values, tuple(lines), sum(run.run not in traces for run in ended))


def ladder(start: float, best: float, metric: str) -> tuple[float, ...]:
    """The targets between two values: at each of :data:`SHARES` the roundest value that lies near enough.

    Near enough is half of what is left of the way on both sides, so that a target is always easier than `best`.
    """
    log = metric != "accuracy" and over_decades(best, start)
    found = []
    for share in SHARES:
        ends = [_along(start, best, share + side * (1 - share) / 2, log) for side in (-1, 1)]
        wanted = _along(start, best, share, log)
        target = _roundest_power(wanted, *sorted(ends)) if log else _roundest(wanted, *sorted(ends))
        if target is not None:
            found.append(target)
    return tuple(dict.fromkeys(found))


def _along(start: float, best: float, share: float, log: bool) -> float:
    if log:
        return math.exp((1 - share) * math.log(start) + share * math.log(best))
    return (1 - share) * start + share * best


def _roundest(wanted: float, low: float, high: float) -> float | None:
    """The multiple of the largest 1, 2 or 5 times a power of ten between `low` and `high`, of several the nearest."""
    if not low < high:
        return None
    first = math.ceil(math.log10(max(abs(low), abs(high))))
    for power in range(first, first - 12, -1):
        for digit in (5, 2, 1):
            step = float(f"{digit}e{power}")
            # Through text, so that 9 times 0.1 is 0.9.
            value = float(f"{round(wanted / step) * step:.12g}")
            if low < value < high:
                return value
    return None


def _roundest_power(wanted: float, low: float, high: float) -> float | None:
    """A power of ten, else 1, 2 or 5 times one, else any digit times one; of several the nearest by its ratio."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1,), (1, 2, 5), range(1, 10), range(10, 100)):
        scaled = (float(f"{digit}e{power - (digit > 9)}") for power in powers for digit in digits)
        inside = [value for value in scaled if low < value < high]
        if inside:
            return min(inside, key=lambda value: abs(math.log(value / wanted)))
    return None


@dataclass(frozen=True, eq=False)
class _Curves:
    """The curves of the runs of a row behind each other, of which there may be hundreds; each begins at a start."""

    valid: np.ndarray
    seconds: np.ndarray
    starts: np.ndarray


def _curves(row: Row, traces: Mapping[str, Trace], states: Sequence[str]) -> _Curves | None:
    found = [traces[run.run] for run in row.runs if run.state in states and run.run in traces]
    if not found:
        return None
    starts = np.cumsum([0, *(len(trace.valid) for trace in found[:-1])])
    valid, seconds = (np.concatenate([getattr(trace, name) for trace in found]) for name in ("valid", "seconds"))
    return _Curves(valid, seconds, starts)


def _reached(found: _Curves, target: float, higher_is_better: bool) -> Reached:
    times = _first(found, target, higher_is_better)
    middle = median(times)
    count = sum(time < math.inf for time in times)
    return Reached(len(times), count, middle if middle < math.inf else None)


def _first(found: _Curves, target: float, higher_is_better: bool) -> list[float]:
    """Of each curve the seconds until the first evaluation that reaches `target`; infinite where none does."""
    reached = found.valid >= target if higher_is_better else found.valid <= target
    never = len(reached)
    at = np.minimum.reduceat(np.where(reached, np.arange(never), never), found.starts)
    return [float(found.seconds[place]) if place < never else math.inf for place in at.tolist()]
