"""How a row stands to chance: to what a constant prediction reaches on the same split."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reports.records import Run
from reports.statistics import Summary

LEARNED = 0.1
"""Of the way from the chance level to no mistake: a row that has gone less is hardly better than chance."""
EQUAL = 0.01
"""Of the chance level: an error within it is at chance, as a constant is learned only about. An accuracy is exact."""
AT, WORSE, HARDLY = "at chance in every seed", "worse than a constant predictor", "hardly better than chance"

Levels = Callable[[Run], float | None]
"""The chance level of the split that a run was tested on; None where it is not known."""


@dataclass(frozen=True)
class Chance:
    """A row beside its chance level.

    `level` is None where it isn't known, or differs between the seeds. `verdict` is :data:`AT`, :data:`WORSE` or
    :data:`HARDLY`, and "" where the row is better than that, or has no result. `seeds` are those at chance.
    """

    level: float | None = None
    verdict: str = ""
    seeds: tuple[int, ...] = ()


UNKNOWN = Chance()


def levels(runs: Iterable[Run], stated: float | None) -> Levels:
    """The chance levels of `runs`, which were trained and tested on the same splits but for their checksums.

    A run of an earlier version, which has none of its own, gets that of a run with the same data, else what the task
    states.
    """
    known = {run.data_checksum: run.chance_test for run in runs if run.chance_test is not None and run.data_checksum}

    def level(run: Run) -> float | None:
        return run.chance_test if run.chance_test is not None else known.get(run.data_checksum, stated)

    return level


def against(runs: Iterable[Run], test: Summary | None, level_of: Levels) -> Chance:
    """How the done `runs` of a row, with the summary `test` of their results, stand to chance."""
    tested = [run for run in runs if run.state == "done" and run.test is not None]
    found = {level_of(run) for run in tested or runs}
    level = found.pop() if len(found) == 1 else None
    if test is None:
        return Chance(level)
    at = tuple(run.seed for run in tested if _equal(run, level_of(run)))
    if len(at) == len(tested):
        return Chance(level, AT, at)
    return Chance(level, "" if level is None else _verdict(test.mean, level, tested[0]), at)


def _equal(run: Run, level: float | None) -> bool:
    if level is None or run.test is None:
        return False
    return abs(run.test - level) <= (1e-9 if run.metric == "accuracy" else EQUAL * level)


def _verdict(mean: float, level: float, run: Run) -> str:
    best = 1.0 if run.metric == "accuracy" else 0.0
    gone = (mean - level) * (1 if run.higher_is_better else -1)
    if gone < 0:
        return WORSE
    return HARDLY if gone < LEARNED * abs(best - level) else ""
