"""What the trials of a study amount to: how they ended, the best of them, what they cost."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass

from reports import formats
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
    def settings(self) -> tuple[str, ...]:
        """The hyper-parameters of the best trial, as ``"lr = 0.00412"``; the text itself where it is no JSON object."""
        return settings(self.best.values) if self.best else ()


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
