"""A study: a plan, and trials that many workers take one after the other, each of them once.

What must not happen twice happens under one lock that all workers share: making the trials that are still missing,
taking one, and finding those whose worker died. A worker takes trials that wait; it never makes one.
"""

from __future__ import annotations

import platform
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from harness.errors import UserError, did_you_mean
from harness.locking import Life, has_ended
from harness.registry import Registry
from harness.seeding import derive
from harness.training import Pruned
from harness.tuning import tally
from harness.tuning.methods import pruner_of, sampler_of
from harness.tuning.plan import Plan
from harness.tuning.storage import Opened

PLAN = "plan"
"""Attribute of a study with its plan; one that lacks it was not made by this program."""


@dataclass(frozen=True)
class First:
    """A point that is tried before anything is sampled."""

    origin: str
    """Where it comes from: ``published`` or ``standard``."""
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Claim:
    """A trial that a worker has taken: it alone trains it and tells how it ended. Plain values, which can travel."""

    number: int
    """Of the trial in its study."""
    identity: int
    """Number of the trial in the storage, over all studies."""
    values: dict[str, Any]
    continues: str | None
    """Id of the run that an earlier worker left unfinished."""


class Trials(Protocol):
    """What a worker needs of a study: :class:`Study` here, or one that stands for it on another machine."""

    name: str
    plan: Plan

    @property
    def local(self) -> bool:
        """Whether all who use the study see one folder of locks; else a worker gives signs of life by :meth:`beat`."""

    def live(self) -> Mapping[str, Any]:
        """Begin a worker's life, whose end others see; what its claims say of it."""

    def leave(self) -> None:
        """End that life."""

    def claim(self, worker: Mapping[str, Any], limit: int | None = None) -> Claim | None:
        """Take a trial that waits; None where none is to be had."""

    def give_back(self, claim: Claim) -> None:
        """Let a trial wait again."""

    def tell(self, claim: Claim, state: TrialState, value: float | None = None, reason: str | None = None) -> None:
        """Say how a trial ended."""

    def note(self, claim: Claim, key: str, value: Any) -> None:
        """Set an attribute of a trial."""

    def beat(self, identity: int) -> None:
        """Give a sign of life of a trial."""

    def report(self, claim: Claim, value: float, epoch: int) -> None:
        """Report a score; raises :class:`~harness.training.Pruned` where another worker goes on with the trial."""

    def should_prune(self, claim: Claim) -> bool:
        """Whether a trial is not worth going on with."""


class Study:
    """The study `name` in an open storage. Use :meth:`begin` or :meth:`load`."""

    def __init__(self, opened: Opened, name: str, plan: Plan) -> None:
        self.opened, self.storage, self.name, self.plan = opened, opened.storage, name, plan
        self._id = self.storage.get_study_id_from_name(name)
        self._claimed: dict[int, Trial] = {}
        self._life: Life | None = None

    @classmethod
    def begin(cls, opened: Opened, name: str, plan: Plan) -> Study:
        """The study, new or as it was left; a :class:`UserError` where it exists with another plan."""
        with opened.locks.exclusive(name_of_lock(name)):
            ways = optuna.study.StudyDirection
            direction = ways.MAXIMIZE if plan.higher_is_better else ways.MINIMIZE
            study = optuna.create_study(
                study_name=name, storage=opened.storage, direction=direction, load_if_exists=True
            )
            stored = study.user_attrs.get(PLAN)
            if stored is None and not study.get_trials(deepcopy=False):
                study.set_user_attr(PLAN, plan.to_dict())
                return cls(opened, name, plan)
        before = _plan(stored, name, opened)
        if changed := before.difference(plan):
            raise UserError(
                f"study {name} has another plan ({changed}): say the same as before, or name another --study"
            )
        return cls(opened, name, plan)

    @classmethod
    def load(cls, opened: Opened, name: str, registry: Registry | None = None) -> Study:
        """The study as it was stored; a :class:`UserError` where there is none of this name."""
        names = optuna.get_all_study_names(opened.storage)
        if name not in names:
            raise UserError(f"there is no study '{name}' in {opened.address.name}{did_you_mean(name, names)}")
        attributes = opened.storage.get_study_user_attrs(opened.storage.get_study_id_from_name(name))
        return cls(opened, name, _plan(attributes.get(PLAN), name, opened, registry))

    @property
    def optuna(self) -> optuna.Study:
        """The study as Optuna sees it, fresh from the storage."""
        sampler = optuna.samplers.RandomSampler()
        return optuna.load_study(study_name=self.name, storage=self.storage, sampler=sampler)

    def trials(self) -> list[FrozenTrial]:
        """All trials by number. They are not copies: change nothing."""
        return self.storage.get_all_trials(self._id, deepcopy=False)

    def fill(self, target: int, first: Sequence[First] = ()) -> int:
        """Make the trials that are missing to a number of `target`, all waiting; how many those were.

        The first trials of a new study are the points of `first`.
        """
        with self._lock():
            self._recover()
            trials = self.trials()
            have = tally.counted(trials)
            study = self.optuna
            for slot in range(have, target):
                begin = first[slot] if slot < len(first) else None
                origin = {} if begin is None else {tally.ORIGIN: begin.origin}
                values = {} if begin is None else dict(begin.values)
                study.enqueue_trial(values, user_attrs={tally.SLOT: slot, **origin})
            return max(0, target - have)

    @property
    def local(self) -> bool:
        """Whether all who use the study see one folder of locks; else some may be on other machines."""
        return self.opened.local

    def live(self) -> Mapping[str, Any]:
        """Begin the life of a worker in this process: a lock that it holds. What its claims say of it."""
        self._life = Life(self.opened.lives / f"worker-{uuid4().hex[:12]}.lock")
        self._life.begin()
        return worker_attribute(self._life.file)

    def leave(self) -> None:
        """End that life."""
        if self._life is not None:
            self._life.end()
            self._life = None

    def claim(self, worker: Mapping[str, Any], limit: int | None = None) -> Claim | None:
        """Take a trial that waits and sample its values; None where none is to be had.

        `worker` says who takes it; more than `limit` trials are never begun, though more may wait.
        """
        with self._lock():
            trials = self.trials()
            if not tally.claimable(trials, limit):
                return None
            waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
            # What was begun comes first: later trials are sampled in the light of it, as if nothing had happened.
            chosen = min(waiting, key=lambda trial: (tally.REPLACES not in trial.user_attrs, trial.number))
            identity = self._identity(chosen.number)
            self.storage.set_trial_user_attr(identity, tally.WORKER, dict(worker))
            self.beat(identity)  # before it runs: a sign of an earlier worker would be stale
            if not self.storage.set_trial_state_values(identity, TrialState.RUNNING):
                return None
            return self._sampled(chosen, identity)

    def give_back(self, claim: Claim) -> None:
        """Let a trial that was interrupted wait for a worker again, with its values and its run."""
        self._claimed.pop(claim.identity, None)
        with suppress(UpdateFinishedTrialError):  # others thought that this worker was dead
            self.storage.set_trial_state_values(claim.identity, TrialState.WAITING)

    def tell(self, claim: Claim, state: TrialState, value: float | None = None, reason: str | None = None) -> None:
        """Say how a trial ended; a pruned or failed one with its reason."""
        try:
            if reason is not None:
                self.note(claim, tally.REASON, reason)
            trial = self._claimed[claim.identity]
            trial.study.tell(trial, value, state)
        except (UpdateFinishedTrialError, ValueError):
            if self.storage.get_trial(claim.identity).state == TrialState.RUNNING:
                raise  # else others thought that this worker was dead, and have replaced the trial
        self._claimed.pop(claim.identity, None)

    def note(self, claim: Claim, key: str, value: Any) -> None:
        """Set an attribute of a trial that is under way."""
        with suppress(UpdateFinishedTrialError):  # others thought that this worker was dead
            self.storage.set_trial_user_attr(claim.identity, key, value)

    def report(self, claim: Claim, value: float, epoch: int) -> None:
        """Report the score after an epoch; :class:`~harness.training.Pruned` where another worker has the trial."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an epoch that was reported by an earlier worker
            try:
                self._claimed[claim.identity].report(value, epoch)
            except UpdateFinishedTrialError:
                raise Pruned("another worker goes on with it, as this one was taken for dead") from None

    def should_prune(self, claim: Claim) -> bool:
        """Whether the pruner sees no hope for a trial by what was reported."""
        return self._claimed[claim.identity].should_prune()

    def beat(self, identity: int) -> None:
        """Give a sign of life of a trial to a server: workers on other machines see no lock of this one."""
        storage: Any = self.storage
        if not self.opened.local:
            storage.record_heartbeat(identity)

    def recover(self) -> list[int]:
        """Fail the trials whose workers died and let each wait again as a new trial; the numbers of the dead."""
        with self._lock():
            return self._recover()

    def is_at_work(self) -> bool:
        """Whether a worker that lives trains a trial of it."""
        stale = self._without_signs()
        return any(t.state == TrialState.RUNNING and not self._is_dead(t, stale) for t in self.trials())

    def delete(self) -> None:
        """Delete the study with its trials; their runs are not touched."""
        with self._lock():
            optuna.delete_study(study_name=self.name, storage=self.storage)

    def _lock(self) -> AbstractContextManager[None]:
        return self.opened.locks.exclusive(name_of_lock(self.name))

    def _identity(self, number: int) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def _sampled(self, chosen: FrozenTrial, identity: int) -> Claim:
        attributes = chosen.user_attrs
        seed = derive(self.plan.seed, "sampler", attributes.get(tally.SLOT, chosen.number))
        sampler = sampler_of(self.plan.sampler, seed)
        pruner = pruner_of(self.plan.pruner, self.plan.epochs)
        study = optuna.load_study(study_name=self.name, storage=self.storage, sampler=sampler, pruner=pruner)
        trial = Trial(study, identity)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = {key: _suggest(trial, key, one) for key, one in self.plan.space.distributions.items()}
        self._claimed[identity] = trial
        return Claim(chosen.number, identity, values, attributes.get(tally.RUN) or attributes.get(tally.CONTINUES))

    def _recover(self) -> list[int]:
        stale = self._without_signs()
        for trial in self.trials():
            if trial.state == TrialState.RUNNING and self._is_dead(trial, stale):
                self._fail(trial)
        dead = tally.lost(self.trials())
        for trial in dead:
            self._replace(trial)
        return [trial.number for trial in dead]

    def _without_signs(self) -> set[int]:
        """Numbers in the storage of running trials whose workers have given no sign of life for long."""
        storage: Any = self.storage
        return set() if self.opened.local else set(storage._get_stale_trial_ids(self._id))  # as fail_stale_trials

    def _is_dead(self, trial: FrozenTrial, stale: set[int]) -> bool:
        """Whether the worker of a running trial lives no longer: by its lock where that is seen, else by its signs."""
        worker = trial.user_attrs.get(tally.WORKER, {})
        lock = str(worker.get("lock"))
        if self.opened.local:
            return has_ended(self.opened.lives / lock)
        folder = Path(str(worker.get("folder")))
        if worker.get("host") == platform.node() and folder.is_dir():
            return has_ended(folder / lock)  # one that only slept, with its machine, goes on
        return self._identity(trial.number) in stale

    def _fail(self, trial: FrozenTrial) -> None:
        with suppress(UpdateFinishedTrialError):  # its heartbeat ended it a moment ago
            self.storage.set_trial_state_values(self._identity(trial.number), TrialState.FAIL)

    def _replace(self, dead: FrozenTrial) -> None:
        kept = {key: dead.user_attrs[key] for key in (tally.SLOT, tally.ORIGIN) if key in dead.user_attrs}
        run = dead.user_attrs.get(tally.RUN) or dead.user_attrs.get(tally.CONTINUES)
        self.optuna.enqueue_trial(
            dict(dead.system_attrs.get("fixed_params", {})) | dict(dead.params),
            user_attrs={**kept, tally.REPLACES: dead.number, **({tally.CONTINUES: run} if run else {})},
        )


def name_of_lock(study: str) -> str:
    """Name of the lock of a study: fit for a file, and of bounded length."""
    return f"study-{derive(0, study):016x}"


def worker_attribute(lock: Path) -> dict[str, Any]:
    """What a trial says of the worker that trains it: its host, and the lock that it holds while it lives."""
    return {"host": platform.node(), "lock": lock.name, "folder": str(lock.parent)}


def _plan(stored: Any, name: str, opened: Opened, registry: Registry | None = None) -> Plan:
    if stored is None:
        raise UserError(f"study {name} in {opened.address.name} was not made by 'tune': name another --study")
    try:
        return Plan.from_dict(stored, registry)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"study {name} in {opened.address.name} has a plan that cannot be read: it was made by another version"
        ) from error


def _suggest(trial: Trial, key: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, FloatDistribution):
        low, high = distribution.low, distribution.high
        return trial.suggest_float(key, low, high, step=distribution.step, log=distribution.log)
    if isinstance(distribution, IntDistribution):
        low, high = distribution.low, distribution.high
        return trial.suggest_int(key, low, high, step=distribution.step, log=distribution.log)
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(key, distribution.choices)
    raise TypeError(f"{key} has a distribution that cannot be sampled: {distribution}")
