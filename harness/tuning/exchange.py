"""Studies as lines of JSON, and back: for other machines and other programs.

What a trial says of its worker (a machine, a lock) stays here. A trial that is under way is exported as one that waits:
whoever imports it has nobody who trains it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

import optuna
from optuna.trial import FrozenTrial, TrialState

from harness.errors import UserError, one_line
from harness.home import Home
from harness.store import plain
from harness.store.merging import Verdict
from harness.store.study_line import Score, StudyLine, TrialLine, TrialWord, document
from harness.tuning import tally
from harness.tuning.plan import Plan
from harness.tuning.storage import Address, open_storage
from harness.tuning.study import PLAN, Study
from harness.tuning.summary import every, place

FIXED = "fixed_params"
"""Attribute in which Optuna keeps the values that a trial is to be begun with."""
HERE = (tally.WORKER,)
"""Attributes that mean nothing on another machine."""


def lines(home: Home, wanted: Callable[[Study], bool] = lambda study: True) -> Iterator[StudyLine]:
    """The studies of the home, or of ``HARNESS_STUDIES``, by name; one that cannot be read is warned of."""
    yield from sorted((line_of(study) for study in every(None, home) if wanted(study)), key=lambda line: line.study)


def line_of(study: Study) -> StudyLine:
    """A study as it stands."""
    content = plain.jsonable(study.plan.to_dict())
    return StudyLine(study=study.name, plan=content, trials=[_trial_line(trial) for trial in study.trials()])


@dataclass(frozen=True)
class Incoming:
    """A study from elsewhere, checked, and what becomes of it."""

    line: StudyLine
    verdict: Verdict
    where: Address


def judge(found: Iterable[tuple[int, StudyLine]], home: Home, at: Callable[[int], str]) -> list[Incoming]:
    """Check studies, and compare them with those of the same names that are here; nothing is changed.

    A study is *known* where the trials that are over are all here already, and *updated* where those here are all
    among its own.

    Args:
        at: where a line is, for a complaint: ``runs.jsonl, line 3``.

    Raises:
        UserError: a line makes no sense, contradicts what is here, or would take a study from under its workers.
    """
    result: dict[str, Incoming] = {}
    for number, line in found:
        try:
            _trials(line)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"cannot be read, as another version made it ({one_line(error)})"
            raise UserError(f"{at(number)}: study {line.study} {reason}; nothing was imported") from error
        where = place(None, home, line.study)
        verdict = _verdict(line, result[line.study].line) if line.study in result else "updated"
        if verdict == "updated":
            verdict = _against(where, home, line)
        if verdict is None:
            raise UserError(
                f"{at(number)}: study {line.study} is here already with another plan or other trials: delete one of the"
                " two ('study delete'), or leave studies out (--only runs); nothing was imported"
            )
        if line.study in result and verdict == "known":
            continue
        result[line.study] = Incoming(line, verdict, where)
    return list(result.values())


def bring_in(incoming: Sequence[Incoming], home: Home) -> None:
    """Store the studies that are not known."""
    for one in incoming:
        if one.verdict == "known":
            continue
        with one.where.explained():
            opened = open_storage(one.where, home)
            if one.verdict == "updated":
                Study.load(opened, one.line.study).delete()
            ways, plan = optuna.study.StudyDirection, Plan.from_dict(one.line.plan)
            direction = ways.MAXIMIZE if plan.higher_is_better else ways.MINIMIZE
            study = optuna.create_study(study_name=one.line.study, storage=opened.storage, direction=direction)
            study.set_user_attr(PLAN, one.line.plan)
            study.add_trials(_trials(one.line))


def _against(where: Address, home: Home, line: StudyLine) -> Verdict | None:
    """What becomes of `line` beside the study of its name in a storage; None where the two contradict each other."""
    if where.file is not None and not where.file.is_file():
        return "new"
    with where.explained():
        opened = open_storage(where, home, create=False)
        if line.study not in optuna.get_all_study_names(opened.storage):
            return "new"
        study = Study.load(opened, line.study)
        verdict = _verdict(line, line_of(study))
        if verdict == "updated" and study.is_at_work():
            raise UserError(f"study {line.study} is being searched here: import it when that is over")
        return verdict


def _verdict(line: StudyLine, here: StudyLine) -> Verdict | None:
    if Plan.from_dict(here.plan).difference(Plan.from_dict(line.plan)):
        return None
    mine, theirs = _over(here), _over(line)
    if theirs.items() <= mine.items():
        return "known"
    return "updated" if mine.items() <= theirs.items() else None


def _over(line: StudyLine) -> dict[int, str]:
    """Number of a trial that is over -> what it was."""
    told = zip(line.trials, document(line)["trials"], strict=True)
    return {trial.trial: plain.dumps(text) for trial, text in told if trial.state != "waiting"}


def _trial_line(trial: FrozenTrial) -> TrialLine:
    word = tally.NAMES[trial.state]
    waits = word in ("running", "waiting")
    state: TrialWord = "waiting" if word not in get_args(TrialWord) else word  # type: ignore[assignment]
    gone = {*HERE, *({tally.RUN} if waits else ())}
    scores = [] if waits else sorted(trial.intermediate_values.items())
    return TrialLine(
        trial=trial.number,
        state=state,
        value=None if waits else trial.value,
        values=plain.jsonable(trial.system_attrs.get(FIXED, {}) if waits else trial.params),
        begun=None if waits else _time(trial.datetime_start),
        ended=_time(trial.datetime_complete),
        attributes=plain.jsonable({key: value for key, value in trial.user_attrs.items() if key not in gone}),
        scores=[Score(epoch=epoch, valid=float(value)) for epoch, value in scores],
    )


def _trials(line: StudyLine) -> list[FrozenTrial]:
    """The trials of a line as Optuna has them; ValueError, KeyError or TypeError where they fit no plan."""
    plan = Plan.from_dict(line.plan)
    states = {word: state for state, word in tally.NAMES.items()}
    result = []
    for one in line.trials:
        waits = one.state == "waiting"
        values = {} if waits else one.values
        trial = optuna.trial.create_trial(
            state=states[one.state],
            value=one.value,
            params=values,
            distributions={key: plan.space.distributions[key] for key in values},
            user_attrs=one.attributes,
            system_attrs={FIXED: one.values} if waits else {},
            intermediate_values={score.epoch: score.valid for score in one.scores},
        )
        if trial.state != TrialState.WAITING:
            trial.datetime_start, trial.datetime_complete = _naive(one.begun), _naive(one.ended)
        result.append(trial)
    return result


def _time(moment: datetime | None) -> str | None:
    """A time of Optuna, which is local and says no zone, in the form of all lines."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _naive(time: str | None) -> datetime | None:
    return None if time is None else datetime.fromisoformat(time).astimezone().replace(tzinfo=None)
