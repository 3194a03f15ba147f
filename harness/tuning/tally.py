"""What the trials of a study amount to: which count, which were replaced, which is the best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

from optuna.trial import FrozenTrial, TrialState

Word = Literal["complete", "pruned", "failed", "running", "waiting", "replaced"]
WORDS: tuple[Word, ...] = get_args(Word)
"""States of a trial for a person. A trial is replaced when its worker died and another trial goes on with it."""
LIVES = 3
"""Workers that may die over a trial before it counts as failed."""
REPLACES, CONTINUES, SLOT, ORIGIN = "replaces", "continues", "slot", "origin"
RUN, REASON, SECONDS, PARAMETERS, WORKER = "run", "reason", "seconds", "parameters", "worker"
"""Attributes of a trial."""
NAMES: Mapping[TrialState, Word] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


def words(trials: Sequence[FrozenTrial]) -> dict[int, Word]:
    """Number of a trial -> its state."""
    replaced = {trial.user_attrs.get(REPLACES) for trial in trials}
    return {trial.number: "replaced" if trial.number in replaced else NAMES[trial.state] for trial in trials}


def counts(trials: Sequence[FrozenTrial]) -> dict[str, int]:
    """How many trials there are in each state."""
    found = list(words(trials).values())
    return {word: found.count(word) for word in WORDS}


def counted(trials: Sequence[FrozenTrial]) -> int:
    """How many trials ``--trials`` counts: all but those that were replaced."""
    return len(trials) - counts(trials)["replaced"]


def ended(trials: Sequence[FrozenTrial]) -> int:
    """How many of the trials that count have come to an end."""
    found = counts(trials)
    return found["complete"] + found["pruned"] + found["failed"]


def claimable(trials: Sequence[FrozenTrial], limit: int | None = None) -> int:
    """How many of the waiting trials may be begun, where no more than `limit` may be under way or over."""
    found = counts(trials)
    room = found["waiting"] if limit is None else limit - ended(trials) - found["running"]
    return max(0, min(found["waiting"], room))


def lost(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that died with their workers and are to be replaced.

    A trial that failed by itself has a reason. One over which :data:`LIVES` workers died is left as it is.
    """
    by_number = {trial.number: trial for trial in trials}
    state = words(trials)
    dead = [t for t in trials if state[t.number] == "failed" and REASON not in t.user_attrs]
    return [trial for trial in dead if _lives(trial, by_number) < LIVES]


def reason_of(trial: FrozenTrial) -> str | None:
    """Why a trial was pruned or failed."""
    if trial.state == TrialState.FAIL and REASON not in trial.user_attrs:
        return "its worker died"
    return trial.user_attrs.get(REASON)


def best(trials: Iterable[FrozenTrial], higher_is_better: bool) -> FrozenTrial | None:
    """The complete trial with the best value, the first of equals; None where none is complete."""
    sign = -1 if higher_is_better else 1
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    return min(complete, key=lambda trial: (sign * float(trial.value or 0.0), trial.number), default=None)


def best_seen(trial: FrozenTrial, higher_is_better: bool) -> float | None:
    """The best that a pruned trial reached; None for others, and where no epoch has a score."""
    seen = [value for value in trial.intermediate_values.values() if value == value]
    if trial.state != TrialState.PRUNED or not seen:
        return None
    return max(seen) if higher_is_better else min(seen)


def document(trial: FrozenTrial, word: Word, higher_is_better: bool) -> dict[str, Any]:
    """A trial as plain values."""
    attributes = trial.user_attrs
    return {
        "trial": trial.number,
        "state": word,
        "value": trial.value if trial.state == TrialState.COMPLETE else None,
        "best_seen": best_seen(trial, higher_is_better),
        "values": dict(trial.params),
        "epochs": trial.last_step,
        "seconds": attributes.get(SECONDS),
        "parameters": attributes.get(PARAMETERS),
        "run": attributes.get(RUN),
        "origin": attributes.get(ORIGIN),
        "replaces": attributes.get(REPLACES),
        "reason": reason_of(trial),
    }


def _lives(trial: FrozenTrial, by_number: Mapping[int, FrozenTrial]) -> int:
    """How many workers died over this trial and those that it goes on with."""
    count = 1
    while (before := by_number.get(trial.user_attrs.get(REPLACES, -1))) is not None:
        count, trial = count + 1, before
    return count
