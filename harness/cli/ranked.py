"""The rankings of a task, for verbs that name what stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.registry import Registry
    from harness.store import Run, Store
    from reports.ranking.leaderboard import Ranking


def rankings_of(store: Store, task: str, registry: Registry) -> list[Ranking]:
    """The rankings of a task as it is labelled, the whole training set first; :class:`UserError` where it has none.

    `registry` knows titles, and what the task states of chance.
    """
    from harness.cli.frames import of_task
    from harness.errors import UserError, did_you_mean
    from reports import rankings

    frames = of_task(store, task, registry)
    if found := rankings(frames.records(), frames.entries("tasks")):
        return found
    known = sorted({label for _, label in store.pairs()})
    raise UserError(f"--task {task}: there are no runs of it{did_you_mean(task, known)}")


def standing(store: Store, task: str, registry: Registry) -> list[Run]:
    """A run of the row that stands for each architecture in the first ranking of a task with a result, best first."""
    from harness.errors import UserError

    for ranking in rankings_of(store, task, registry):
        if ranking.ranked:
            rows = sorted(
                (row for row in ranking.shown.values() if row.rank is not None), key=lambda row: row.rank or 0
            )
            return [store.get(row.runs[0].run) for row in rows]
    raise UserError(f"--task {task}: no run of it has a result yet")
