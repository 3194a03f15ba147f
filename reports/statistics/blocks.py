"""A complete table out of one with gaps: tests over several tasks compare architectures that ran on all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from reports.statistics.summary import settled

Kind = Literal["architecture", "task"]
LEAST_ARCHITECTURES, LEAST_TASKS = 3, 2
"""Of these a block is useful: Friedman's test needs three architectures, and ranks over one task are its ranking."""


@dataclass(frozen=True)
class Table:
    """One score for each task and each architecture, without gaps; names in alphabetical order.

    `scores[i][j]` is that of task i and architecture j, in the task's own unit; `higher_is_better[i]` and
    `metrics[i]` ("" where it isn't known) belong to task i.
    """

    archs: tuple[str, ...]
    tasks: tuple[str, ...]
    scores: tuple[tuple[float, ...], ...]
    higher_is_better: tuple[bool, ...]
    metrics: tuple[str, ...]

    @property
    def goodness(self) -> np.ndarray:
        """Scores (tasks, architectures), turned so that higher is better for every task; equal ones are exactly so."""
        signs = np.where(self.higher_is_better, 1.0, -1.0)
        return np.reshape(settled(np.array(self.scores)), (len(self.tasks), len(self.archs))) * signs[:, None]

    @property
    def mixed(self) -> bool:
        """Whether the tasks are known to be measured in more than one way."""
        return len(set(zip(self.higher_is_better, self.metrics, strict=True))) > 1


@dataclass(frozen=True)
class LeftOut:
    """An architecture or a task that a block does without: `missing` of its `of` scores were not there just then."""

    kind: Kind
    name: str
    missing: int
    of: int

    @property
    def reason(self) -> str:
        """Why it was left out, in one sentence that names nobody."""
        others = "tasks" if self.kind == "architecture" else "architectures"
        if self.missing == self.of:
            return f"It has no result on any of the {others}."
        return f"It has no result on {self.missing} of {self.of} {others}."


@dataclass(frozen=True)
class Block:
    """A complete table, and what was left out of it, in the order in which it was."""

    table: Table
    left_out: tuple[LeftOut, ...]


def complete_block(
    values: Mapping[tuple[str, str], float | None],
    higher_is_better: Mapping[str, bool],
    metrics: Mapping[str, str] | None = None,
) -> Block:
    """A large complete part of a table with gaps.

    Greedy: as long as there is a gap, the line (architecture or task) goes that has the largest share of gaps, which
    closes each of them at the cost of the fewest scores. Of equal shares the shorter line goes, as it costs least; then
    a task rather than an architecture, as pages are about architectures; then the last name in the alphabet. A block
    of three architectures on two tasks is of use to a test: as long as a line can go without falling below that,
    none does. The larger of the blocks with and without that restraint is taken, a useful one before any other.

    Args:
        values: (architecture, task) to score; None, NaN and infinity are gaps, like a pair that isn't there.
        higher_is_better: task to the direction of its metric; all tasks of `values` must be in it.
        metrics: task to the name of its metric, where it is known.

    Raises:
        ValueError: a task has no direction.
    """
    known = {pair for pair, value in values.items() if value is not None and math.isfinite(value)}
    archs, tasks = sorted({arch for arch, _ in values}), sorted({task for _, task in values})
    if not higher_is_better.keys() >= set(tasks):
        raise ValueError("the direction of the metric must be given for every task")
    tries = [_greedy(archs, tasks, known, restrained) for restrained in (True, False)]
    kept_archs, kept_tasks, left_out = max(tries, key=lambda found: _worth(found[0], found[1]))
    table = Table(
        archs=tuple(kept_archs),
        tasks=tuple(kept_tasks),
        scores=tuple(tuple(float(values[arch, task] or 0.0) for arch in kept_archs) for task in kept_tasks),
        higher_is_better=tuple(bool(higher_is_better[task]) for task in kept_tasks),
        metrics=tuple((metrics or {}).get(task, "") for task in kept_tasks),
    )
    return Block(table, tuple(left_out))


def _worth(archs: Sequence[str], tasks: Sequence[str]) -> tuple[bool, int]:
    return len(archs) >= LEAST_ARCHITECTURES and len(tasks) >= LEAST_TASKS, len(archs) * len(tasks)


def _greedy(
    archs: Sequence[str], tasks: Sequence[str], known: set[tuple[str, str]], restrained: bool
) -> tuple[list[str], list[str], list[LeftOut]]:
    kept: dict[Kind, list[str]] = {"architecture": list(archs), "task": list(tasks)}
    left_out: list[LeftOut] = []
    while True:
        gaps = [(a, t) for a in kept["architecture"] for t in kept["task"] if (a, t) not in known]
        if not gaps:
            return kept["architecture"], kept["task"], left_out
        lines = [_line("architecture", name, [t for a, t in gaps if a == name], kept) for name in kept["architecture"]]
        lines += [_line("task", name, [a for a, t in gaps if t == name], kept) for name in kept["task"]]
        least = {"architecture": LEAST_ARCHITECTURES, "task": LEAST_TASKS}
        spare = [line for line in lines if line.missing == line.of or len(kept[line.kind]) > least[line.kind]]
        chosen = spare if restrained and any(line.missing for line in spare) else lines
        gone = max(chosen, key=lambda line: (Fraction(line.missing, line.of), -line.of, line.kind == "task", line.name))
        kept[gone.kind].remove(gone.name)
        left_out.append(gone)


def _line(kind: Kind, name: str, missing: Sequence[str], kept: Mapping[Kind, Sequence[str]]) -> LeftOut:
    return LeftOut(kind, name, len(missing), len(kept["task" if kind == "architecture" else "architecture"]))
