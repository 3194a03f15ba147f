"""What the trials of a study amount to: how they ended, the best of them, what they cost."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports import formats
from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import Row
from reports.records import Trial
from reports.report import Study

STATES = ("complete", "pruned", "failed", "running", "waiting")
_LONGEST = 60


@dataclass(frozen=True)
class Tally:
    """A row of the table of studies.

    `states` counts the trials by state, the usual states first. `best` is the complete trial with the best validation
    value. `seconds` is the training time of all trials that tell one, `untimed` counts the others that have begun.
    """

    study: Study
    states: tuple[tuple[str, int], ...]
    best: Trial | None
    seconds: float | None
    untimed: int

    @property
    def manner(self) -> str:
        """How it searched; "" where that is not known."""
        return manner(self.study)

    @property
    def settings(self) -> tuple[str, ...]:
        """The hyper-parameters of the best trial, as ``"lr = 0.00412"``; the text itself where it is no JSON object."""
        return settings(self.best.values) if self.best else ()


def manner(study: Study) -> str:
    """How a study searched: ``sampler tpe with seed 0, pruner median, 30 epochs a trial``; "" where it is not known."""
    if (search := study.search) is None:
        return ""
    told = [
        f"sampler {_clipped(search.sampler)} with seed {_clipped(search.seed)}",
        f"pruner {_clipped(search.pruner)}",
    ]
    if search.epochs is not None:
        told.append(f"{formats.count(search.epochs)} epoch{'s' if search.epochs != 1 else ''} a trial")
    if search.matched:
        told.append(f"{_clipped(search.matched)} each")
    return ", ".join(told)


def ranges(study: Study) -> dict[str, str]:
    """The keys that a study sampled and their ranges in words; empty where they are not known."""
    try:
        found = json.loads(study.search.ranges) if study.search is not None else {}
    except (ValueError, RecursionError):
        found = {}
    return {key: str(told) for key, told in found.items()} if isinstance(found, dict) else {}


def _clipped(text: str) -> str:
    return formats.clipped(text, _LONGEST)


def tally(study: Study) -> Tally:
    """The row of one study."""
    found = Counter(trial.state for trial in study.trials)
    begun = [trial for trial in study.trials if trial.state != "waiting"]
    times = [trial.seconds for trial in begun if trial.seconds is not None]
    return Tally(
        study=study,
        states=tuple((state, found[state]) for state in (*STATES, *sorted(found.keys() - STATES)) if found[state]),
        best=_best(study),
        seconds=math.fsum(times) if times else None,
        untimed=len(begun) - len(times),
    )


@dataclass(frozen=True)
class Searches:
    """What the studies of a task found, for rows to say so."""

    found: Mapping[tuple[str, str], str]
    """Architecture and hash of the recipe that a study found best -> ``30 trials, 2 failed``."""

    def told(self, row: Row) -> str:
        """The search that found the recipe of a row: ``best of 30 trials``; "" where none did."""
        told = self.found.get((row.arch, row.recipe_hash))
        return "" if told is None else f"best of {told}"

    def passed_over(self, row: Row, ranking: Ranking) -> str:
        """The search whose result validation holds to be worse than `row`, which stands for its architecture.

        "" where `row` is that result, or the result has no validation value in this ranking: it was not compared then.
        """
        if self.told(row):
            return ""
        rows = [other for other in ranking.rows if other.arch == row.arch and other.test and other.valid]
        told = next((told for other in rows if (told := self.told(other))), "")
        return f"chosen over the {told}" if told else ""


def searches(studies: Iterable[Study]) -> Searches:
    """What these studies found; of several of one recipe the one with most trials counts."""
    found: dict[tuple[str, str], str] = {}
    for study in sorted(studies, key=lambda study: len(study.trials)):
        if (best := _best(study)) is not None and best.recipe_hash:
            found[study.arch, best.recipe_hash] = _told_trials(study)
    return Searches(found)


def _told_trials(study: Study) -> str:
    states = Counter(trial.state for trial in study.trials)
    begun = states.total() - states["waiting"]
    failed = f", {formats.count(states['failed'])} failed" if states["failed"] else ""
    return f"{formats.count(begun)} trials{failed}"


def settings(values: str) -> tuple[str, ...]:
    """Hyper-parameters as they are told, from their JSON object; anything else as it stands, without a name."""
    try:
        found = json.loads(values)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return (values,) if values else ()
    return tuple(f"{formats.clipped(name, _LONGEST)} = {_told(value)}" for name, value in found.items())


def _told(value: object) -> str:
    if isinstance(value, float):
        return formats.significant(value, 3)
    return formats.clipped(value if isinstance(value, str) else json.dumps(value), _LONGEST)


def _best(study: Study) -> Trial | None:
    sign = -1 if study.higher_is_better else 1
    known = [(sign * trial.value, trial.trial, trial) for trial in study.trials
             if trial.state == "complete" and trial.value is not None]  # fmt: skip
    return min(known, key=lambda one: one[:2])[2] if known else None
