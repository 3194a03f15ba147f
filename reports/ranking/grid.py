"""The overview: every architecture in every ranking, and no cell without a state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.addresses import base
from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import Row
from reports.records import Entry


@dataclass(frozen=True)
class Cell:
    """One architecture in one ranking.

    `state` is done, running, interrupted, pruned, failed, "skipped" or "not run", and `reason` says why, where that is
    known. `row` is the row of the ranking that the cell shows, one of `recipes` with a result; `best` marks the best
    mean of the column. `others` counts the runs of that row which are not done, by state.
    """

    state: str = "not run"
    row: Row | None = None
    recipes: int = 0
    best: bool = False
    others: tuple[tuple[str, int], ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Line:
    """One architecture with a cell per ranking; `mean_rank` is that of the standing, None where it has none."""

    entry: Entry
    mean_rank: float | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Left:
    """A cell that was planned and left out, of a task without a ranking or of an architecture that has no line."""

    arch: str
    task: str
    reason: str


@dataclass(frozen=True)
class Grid:
    """`columns` are rankings by task, `idle` the tasks that nothing was run on, `left` what has no cell to stand in.

    Lines go from the best mean rank to the worst, then those without one by name.
    """

    columns: tuple[Ranking, ...]
    lines: tuple[Line, ...]
    idle: tuple[Entry, ...]
    left: tuple[Left, ...]


def grid(
    rankings: Sequence[Ranking],
    tasks: Sequence[Entry],
    architectures: Sequence[Entry],
    skipped: Mapping[tuple[str, str], str] | None = None,
    mean_ranks: Mapping[str, float] | None = None,
) -> Grid:
    """The overview of these rankings.

    Args:
        skipped: (architecture, label of the task) to the reason why it was left out.
        mean_ranks: architecture to its mean rank over tasks, of those that have one.
    """
    skips, ranks = skipped or {}, mean_ranks or {}
    columns = [_cells(ranking, architectures, skips) for ranking in rankings]
    lines = [
        Line(entry, ranks.get(entry.name), tuple(cells[number] for cells in columns))
        for number, entry in enumerate(architectures)
    ]
    # Stable: what has no rank stays in the order of the names.
    lines.sort(key=lambda line: (line.mean_rank is None, line.mean_rank or 0.0))
    # A variant, as "psmnist[permutation=cornn]", counts as a run of the task before the bracket.
    seen = {name for ranking in rankings for name in (ranking.task, base(ranking.task))}
    held = {(entry.name, ranking.task) for entry in architectures for ranking in rankings}
    return Grid(
        columns=tuple(rankings),
        lines=tuple(lines),
        idle=tuple(task for task in tasks if task.name not in seen),
        left=tuple(Left(*pair, reason) for pair, reason in sorted(skips.items()) if pair not in held),
    )


def _cells(
    ranking: Ranking, architectures: Sequence[Entry], skipped: Mapping[tuple[str, str], str]
) -> tuple[Cell, ...]:
    rows = ranking.shown
    recipes = Counter(row.arch for row in ranking.rows if row.test or row is rows[row.arch])
    leading = min((row.rank for row in rows.values() if row.rank), default=None)
    return tuple(
        _cell(rows[entry.name], recipes[entry.name], leading)
        if entry.name in rows
        else _without_run(skipped.get((entry.name, ranking.task)))
        for entry in architectures
    )


def _cell(row: Row, recipes: int, leading: int | None) -> Cell:
    return Cell(
        state=row.state,
        row=row,
        recipes=recipes,
        best=row.rank is not None and row.rank == leading,
        others=tuple(sorted(Counter(run.state for run in row.runs if run.state != "done").items())),
        reason=row.reason,
    )


def _without_run(reason: str | None) -> Cell:
    return Cell() if reason is None else Cell(state="skipped", reason=reason)
