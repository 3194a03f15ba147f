"""The overview: every task against every architecture, and no cell without a state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reports.frames import Entry
from reports.leaderboard import Ranking
from reports.rows import Row


@dataclass(frozen=True)
class Cell:
    """One architecture on one task.

    `state` is done, running, interrupted, pruned, failed or "not run"; `row` is the row of the ranking that the cell
    shows, one of `recipes`; `best` marks the best mean among the cells of the same task. `others` counts the runs of
    that row which are not done, by state.
    """

    state: str = "not run"
    row: Row | None = None
    recipes: int = 0
    best: bool = False
    others: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Line:
    """One task of the overview with a cell per architecture; `ranking` is None for a task that has no run at all."""

    name: str
    title: str
    metric: str
    ranking: Ranking | None
    cells: tuple[Cell, ...]


def grid(rankings: Sequence[Ranking], tasks: Sequence[Entry], architectures: Sequence[Entry]) -> list[Line]:
    """The lines of the overview: the rankings by name, then the registered tasks that nothing was run on."""
    lines = [
        Line(ranking.task, ranking.title, ranking.metric, ranking, _cells(ranking, architectures))
        for ranking in rankings
    ]
    # A variant, as "psmnist[permutation=cornn]", counts as a run of the task before the bracket.
    seen = {name for ranking in rankings for name in (ranking.task, ranking.task.partition("[")[0])}
    idle = tuple(Cell() for _ in architectures)
    lines += [Line(task.name, task.title, task.metric, None, idle) for task in tasks if task.name not in seen]
    return sorted(lines, key=lambda line: (line.ranking is None, line.name.casefold()))


def _cells(ranking: Ranking, architectures: Sequence[Entry]) -> tuple[Cell, ...]:
    rows = [_shown(ranking, entry.name) for entry in architectures]
    leading = min((row.rank for row in rows if row and row.rank), default=None)
    return tuple(
        Cell(
            state=row.state,
            row=row,
            recipes=sum(other.arch == row.arch for other in ranking.rows),
            best=row.rank is not None and row.rank == leading,
            others=tuple(sorted(Counter(run.state for run in row.runs if run.state != "done").items())),
        )
        if row
        else Cell()
        for row in rows
    )


def _shown(ranking: Ranking, arch: str) -> Row | None:
    # Of several recipes the validation set chooses: choosing by the test metric would be selection on the test set.
    rows = [row for row in ranking.rows if row.arch == arch]
    sign = -1 if ranking.higher_is_better else 1
    chosen = [(sign * row.valid.mean, place) for place, row in enumerate(rows) if row.test and row.valid]
    return rows[min(chosen)[1]] if chosen else next(iter(rows), None)
