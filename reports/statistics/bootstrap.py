"""How much the ranks over several tasks would move with other tasks and other seeds, by resampling both.

The percentile bootstrap of Efron ("Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979) in
two levels: tasks with replacement, and the seeds of each architecture with replacement within every drawn task.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.statistics.blocks import Table
from reports.statistics.rank_tests import FEW_TASKS, task_ranks
from reports.statistics.summary import CONFIDENCE, settled

RESAMPLES = 2000

Seeds = Mapping[tuple[str, str], Sequence[float]]
"""(architecture, task) to the scores of its seeds, in the unit of the task."""


@dataclass(frozen=True)
class Stability:
    """Ranks over resampled tasks and seeds.

    `mean_ranks`, `low` and `high` have one value for each of `archs`: the mean rank of the scores as they are, and the
    95 % percentile interval of the mean ranks of the resamples. `beats[i][j]` is the share of resamples in which
    architecture i has the better mean rank than j; an equal one counts half, so ``beats[i][j] + beats[j][i] == 1``.
    `single` are the pairs (architecture, task) with one seed only, whose spread is not seen. `warnings` are sentences
    that belong beside these numbers.
    """

    archs: tuple[str, ...]
    tasks: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    beats: tuple[tuple[float, ...], ...]
    single: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def stability(table: Table, seeds: Seeds, resamples: int = RESAMPLES) -> Stability | None:
    """Resamples the tasks of `table` and the `seeds` of its cells; None where it has fewer than two rows or columns.

    `table` says which architectures and tasks take part and in which direction; pairs of `seeds` that are not in it are
    ignored. The draws depend on the content alone: equal scores give equal numbers in whatever order they come.

    Raises:
        ValueError: a pair of the table has no seeds.
    """
    if min(len(table.archs), len(table.tasks)) < 2:
        return None
    signs = [1.0 if higher else -1.0 for higher in table.higher_is_better]
    cells = [
        [np.sort(np.array(seeds.get((arch, task), ()), dtype=float)) * sign for arch in table.archs]
        for task, sign in zip(table.tasks, signs, strict=True)
    ]
    if any(not len(cell) for row in cells for cell in row):
        raise ValueError("every architecture of the table needs at least one seed on every task")
    sums = _resampled(cells, resamples, np.random.default_rng(_seed(table, cells)))
    ranks = task_ranks(np.array([[_means(cell[:, None])[0] for cell in row] for row in cells])).mean(axis=0)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(sums / len(table.tasks), (tail, 1 - tail), axis=0)
    single = tuple(
        (arch, task)
        for task, row in zip(table.tasks, cells, strict=True)
        for arch, cell in zip(table.archs, row, strict=True)
        if len(cell) == 1
    )
    return Stability(
        archs=table.archs,
        tasks=table.tasks,
        mean_ranks=tuple(ranks.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        beats=tuple(tuple(row) for row in _beats(sums).tolist()),
        single=single,
        warnings=tuple(_warnings(table, len(single))),
    )


def _resampled(cells: list[list[np.ndarray]], resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Sums of the ranks over the drawn tasks, (resamples, architectures): whole and half numbers, so ties are exact."""
    tasks, archs = len(cells), len(cells[0])
    drawn = rng.integers(tasks, size=(resamples, tasks))
    means = np.empty((resamples, tasks, archs))
    for task, row in enumerate(cells):
        resample, slot = np.nonzero(drawn == task)  # a task that is drawn twice has its seeds drawn twice
        for arch, cell in enumerate(row):
            means[resample, slot, arch] = _means(cell[rng.integers(len(cell), size=(len(cell), len(slot)))])
    return np.asarray(task_ranks(settled(means)).sum(axis=1))


def _means(draws: np.ndarray) -> np.ndarray:
    """Means of draws (seeds, ...) over the seeds; exactly the value where all are equal, so that ties stay ties."""
    return np.asarray(draws[0] + (draws - draws[0]).sum(axis=0) / len(draws))


def _beats(sums: np.ndarray) -> np.ndarray:
    better = np.array([(one[:, None] < sums).sum(axis=0) for one in sums.T])
    equal = np.array([(one[:, None] == sums).sum(axis=0) for one in sums.T])
    return np.asarray((better + equal / 2) / len(sums))


def _seed(table: Table, cells: list[list[np.ndarray]]) -> int:
    digest = hashlib.sha256(repr((table.archs, table.tasks, table.higher_is_better)).encode("utf-8", "replace"))
    for row in cells:
        for cell in row:
            digest.update(repr(cell.tolist()).encode())
    return int.from_bytes(digest.digest()[:8], "big")


def _warnings(table: Table, single: int) -> list[str]:
    found = []
    if len(table.tasks) < FEW_TASKS:
        found.append(f"Only {len(table.tasks)} tasks were resampled: the intervals are rough, and likely too narrow.")
    if single:
        of = len(table.tasks) * len(table.archs)
        found.append(
            f"{single} of {of} scores {'is' if single == 1 else 'are'} of one seed, which is drawn again and again: "
            "how much it varies with the seed is not seen, and the intervals are too narrow."
        )
    return found
