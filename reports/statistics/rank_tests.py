"""Ranks over several tasks: whether architectures differ at all, and which pairs of them do.

The tests that Demsar recommends: "Statistical Comparisons of Classifiers over Multiple Data Sets", Journal of Machine
Learning Research 7 (2006). One task is one observation; seeds only enter through the score of a task.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from reports.statistics.blocks import LEAST_ARCHITECTURES, LEAST_TASKS, Table
from reports.statistics.pairwise import holm, wilcoxon

FEW_TASKS = 6
"""With fewer tasks no pair differs at 5 %: the least p of a two-sided Wilcoxon test over n tasks is 2 / 2^n."""
LEVEL = 0.05
"""The p value from which on a difference is not told from chance."""


@dataclass(frozen=True)
class Friedman:
    """Whether the ranks of k architectures over n tasks differ more than by chance.

    `chi2` is Friedman's statistic, corrected for ties, with k - 1 degrees of freedom; `f` is the one of Iman and
    Davenport, less conservative, with k - 1 and (k - 1)(n - 1) degrees of freedom. Where all tasks rank the
    architectures alike it is infinite: `f` is None then and `f_p` is 0.
    """

    chi2: float
    p: float
    f: float | None
    f_p: float


@dataclass(frozen=True)
class Pair:
    """Two architectures over all tasks, by a two-sided Wilcoxon signed-rank test.

    `wins` is on how many tasks `one` is better than `other`, `losses` worse, `ties` equal. `rank_sum` is Wilcoxon's T,
    the smaller sum of ranks, without the tasks where both are equal. `adjusted` is `p` after Holm's correction for all
    pairs. Where there is no test, these are None and `reason` says why.
    """

    one: str
    other: str
    wins: int
    losses: int
    ties: int
    rank_sum: float | None
    p: float | None
    adjusted: float | None
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """All that ranks over several tasks say. `mean_ranks` has one value for each of `archs`, 1 the best.

    `friedman` is None where there is no test, and `reason` says why. `warnings` are sentences that belong beside any of
    these numbers. `pairs` holds every pair once, in the order of `archs`.
    """

    archs: tuple[str, ...]
    tasks: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    friedman: Friedman | None
    reason: str
    pairs: tuple[Pair, ...]
    warnings: tuple[str, ...]


def task_ranks(goodness: np.ndarray) -> np.ndarray:
    """Ranks (..., architectures) of scores of that shape, higher is better: 1 the best, equal ones share the mean."""
    return np.asarray(stats.rankdata(-goodness, axis=-1), dtype=float)


def compare(table: Table) -> Comparison:
    """The tests over the tasks of a complete table; an empty one has no ranks."""
    goodness = table.goodness
    found = friedman(goodness)
    mean_ranks = task_ranks(goodness).mean(axis=0) if goodness.size else np.full(len(table.archs), math.nan)
    return Comparison(
        archs=table.archs,
        tasks=table.tasks,
        mean_ranks=tuple(float(rank) for rank in mean_ranks) if goodness.size else (),
        friedman=found if isinstance(found, Friedman) else None,
        reason="" if isinstance(found, Friedman) else found,
        pairs=_pairs(table.archs, goodness),
        warnings=tuple(_warnings(table)),
    )


def friedman(goodness: np.ndarray) -> Friedman | str:
    """Friedman's test on scores (tasks, architectures), or a sentence that says why there is none."""
    tasks, archs = goodness.shape
    if tasks < LEAST_TASKS:
        return "Friedman's test needs at least two tasks."
    if archs < LEAST_ARCHITECTURES:
        return "Friedman's test needs at least three architectures."
    if (goodness == goodness[:, :1]).all():
        return "Friedman's test has no value: all architectures are equal on every task."
    chi2, p = (float(number) for number in stats.friedmanchisquare(*goodness.T))
    f = iman_davenport(chi2, tasks, archs)
    f_p = float(stats.f.sf(f, archs - 1, (archs - 1) * (tasks - 1))) if f is not None else 0.0
    return Friedman(chi2, p, f, f_p)


def iman_davenport(chi2: float, tasks: int, archs: int) -> float | None:
    """``F = (n - 1) chi2 / (n (k - 1) - chi2)`` for n tasks and k architectures; None where it is infinite.

    Iman and Davenport, "Approximations of the critical region of the Friedman statistic", Communications in
    Statistics 9 (1980).
    """
    rest = tasks * (archs - 1) - chi2
    return (tasks - 1) * chi2 / rest if rest > 1e-9 * tasks * archs else None


def _pairs(archs: Sequence[str], goodness: np.ndarray) -> tuple[Pair, ...]:
    places = list(combinations(range(len(archs)), 2))
    differences = [goodness[:, i] - goodness[:, j] for i, j in places]
    tests = [wilcoxon(difference) for difference in differences]
    adjusted = holm([None if isinstance(test, str) else test.p for test in tests])
    return tuple(
        Pair(
            one=archs[i],
            other=archs[j],
            wins=int((difference > 0).sum()),
            losses=int((difference < 0).sum()),
            ties=int((difference == 0).sum()),
            rank_sum=None if isinstance(test, str) else test.statistic,
            p=None if isinstance(test, str) else test.p,
            adjusted=corrected,
            reason=test if isinstance(test, str) else "",
        )
        for (i, j), difference, test, corrected in zip(places, differences, tests, adjusted, strict=True)
    )


def _warnings(table: Table) -> list[str]:
    tasks, pairs = len(table.tasks), math.comb(len(table.archs), 2)
    found = []
    if tasks < FEW_TASKS:
        found.append(
            f"Only {tasks} {'task' if tasks == 1 else 'tasks'}: with fewer than {FEW_TASKS} no test of a pair can tell "
            "a difference from chance at 5 %, however large it is."
        )
    elif pairs * 2.0 ** (1 - tasks) > LEVEL:
        found.append(
            f"With {tasks} tasks and {pairs} pairs of architectures no pair can be told from chance at 5 % after the "
            "correction for their number."
        )
    if table.mixed:
        found.append(
            "The tasks do not share one metric: the test of a pair weighs the sizes of its differences against each "
            "other, although they have different units. The ranks do not."
        )
    return found
