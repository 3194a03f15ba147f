"""The bars of a critical difference diagram: architectures that the tests do not tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from reports.statistics.blocks import LEAST_ARCHITECTURES, LEAST_TASKS, Table
from reports.statistics.pairwise import wilcoxon
from reports.statistics.rank_tests import LEVEL, Comparison, Friedman, compare, friedman

Bars = tuple[tuple[int, int], ...]
"""Each from the first place to behind the last, in the order of the mean ranks."""


@dataclass(frozen=True)
class Difference:
    """What a critical difference diagram shows.

    `archs` go from the best mean rank to the worst, equal ones by name. `bars` are groups of at least two that no test
    tells apart. `alpha` is what makes aeon draw exactly these bars (see :func:`difference`); it is None where nothing
    does.
    """

    archs: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    bars: tuple[tuple[str, ...], ...]
    alpha: float | None


def difference(table: Table, comparison: Comparison | None = None) -> Difference | None:
    """The bars at 5 %, of the same tests as :func:`compare`; None below three architectures or two tasks.

    Where Friedman's test finds no difference, one bar joins all. Else pairs are told apart by two-sided Wilcoxon
    signed-rank tests with Holm's correction for all of them. As aeon's are, a bar begins at each architecture and ends
    before the first worse one that differs from it; bars within others are left out.

    ``aeon.visualisation.plot_critical_difference`` calls another rule "holm": one-sided tests, each at alpha divided by
    the number of architectures less one, which claims more differences than Holm's procedure allows. That procedure
    comes down to one threshold on the p values of a given table, so the same bars are drawn with ``correction=None``
    and the threshold as ``alpha``. aeon asks Friedman's test at that level as well, and joins all where it isn't
    passed: no level fits then, and ``alpha`` is None.
    """
    comparison = comparison or compare(table)
    if len(table.archs) < LEAST_ARCHITECTURES or len(table.tasks) < LEAST_TASKS:
        return None
    order = sorted(range(len(table.archs)), key=lambda at: (comparison.mean_ranks[at], table.archs[at]))
    archs = tuple(table.archs[at] for at in order)
    differs = np.zeros((len(order), len(order)), dtype=bool)
    if comparison.friedman is not None and comparison.friedman.p < LEVEL:
        adjusted = {frozenset((pair.one, pair.other)): pair.adjusted for pair in comparison.pairs}
        for i, j in combinations(range(len(order)), 2):
            p = adjusted[frozenset((archs[i], archs[j]))]
            differs[i, j] = p is not None and p <= LEVEL
    bars = _bars(differs)
    return Difference(
        archs=archs,
        mean_ranks=tuple(comparison.mean_ranks[at] for at in order),
        bars=tuple(archs[start:end] for start, end in bars),
        alpha=_alpha(table.goodness[:, order], bars),
    )


def _bars(differs: np.ndarray) -> Bars:
    found: list[tuple[int, int]] = []
    for start, row in enumerate(differs):
        after = row[start + 1 :]
        end = start + 1 + (int(after.argmax()) if after.any() else len(after))
        # bars begin later and later: one is within another where it ends no later
        if end - start > 1 and (not found or end > found[-1][1]):
            found.append((start, end))
    return tuple(found)


def _alpha(goodness: np.ndarray, bars: Bars) -> float | None:
    """The highest level below 10 % at which aeon draws these bars for scores in the order of their ranks."""
    archs = goodness.shape[1]
    overall = friedman(goodness)
    if not isinstance(overall, Friedman):  # all are equal, and any level joins them
        return LEVEL
    ps = np.ones((archs, archs))
    for i, j in combinations(range(archs), 2):
        test = wilcoxon(goodness[:, i] - goodness[:, j])
        ps[i, j] = 1.0 if isinstance(test, str) else test.p_greater
    steps = np.unique([0.0, 0.1, *(p for p in (overall.p, *ps.flat) if 0 < p < 0.1)])
    for alpha in ((steps[1:] + steps[:-1]) / 2)[::-1]:  # between two p values, where rounding decides nothing
        drawn = ((0, archs),) if overall.p >= alpha else _bars(ps <= alpha)
        if drawn == bars:
            return float(alpha)
    return None
