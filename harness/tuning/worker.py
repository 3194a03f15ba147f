"""Trains trials of a study, one at a time, in the process where it is; engines say which that is."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from optuna.trial import TrialState

from harness.errors import UserError
from harness.execution import Job, Monitor, attempt
from harness.execution import Trial as TrialOf
from harness.home import Home
from harness.interruption import Interruption
from harness.machine import Machine
from harness.matching import match_parameters
from harness.recipe import Recipe
from harness.recipes import Named
from harness.registry import Registry
from harness.seeding import derive
from harness.store import Run, State, Store, open_store
from harness.training import Progress, Pruned
from harness.tuning import tally
from harness.tuning.plan import Plan
from harness.tuning.storage import HEARTBEAT
from harness.tuning.study import Claim, Study, Trials


class Worker:
    """Trains trials in this process. The data of the study's task are loaded once."""

    def __init__(self, study: Trials, registry: Registry, machine: Machine, store: Store) -> None:
        self.study, self.registry, self.store, self.machine = study, registry, store, machine
        self._job: Job | None = None

    def train_one(
        self, limit: int | None, asked: Interruption, begun: Monitor | None = None
    ) -> tuple[State | None, Run | None]:
        """Take a trial that waits and train it.

        Args:
            limit: no trial is begun where so many are under way or over.
            asked: a signal that stops it before its training; during it, a signal stops the run.
            begun: hears of the run.

        Returns:
            How the trial ended and its run: None for both where no trial is to be had, and no run where the values of
            the trial make no recipe. A trial that was interrupted waits for a worker again.

        Raises:
            UserError: it cannot be trained here; it waits again.
            KeyboardInterrupt: a signal came before its training, and it waits again, or after it.
        """
        worker = self.study.live()
        try:
            claim = self.study.claim(worker, limit)
            if claim is None:
                return None, None
            with _beating(self.study, claim.identity):
                return self._train(claim, asked, begun or Monitor())
        finally:
            self.study.leave()

    def _train(self, claim: Claim, asked: Interruption, begun: Monitor) -> tuple[State, Run | None]:
        try:
            self._prepare()
        except UserError:
            self.study.give_back(claim)
            raise
        try:
            job = self._job_of(claim)
        except UserError as refused:  # a point that cannot be built is a result about that point
            self.study.tell(claim, TrialState.FAIL, reason=str(refused))
            return "failed", None
        trial = TrialOf(self.study.name, claim.number, claim.continues)
        seed = derive(self.study.plan.seed, "trials")  # one for all, and none of those that are tested afterwards
        try:
            asked.raise_if_asked()
            run = attempt(job, self.store, seed, _Reporter(self.study, claim, begun), trial)
        except (KeyboardInterrupt, UserError):
            self.study.give_back(claim)  # stopped before or after its training, or the disk is full
            raise
        return self._tell(claim, run), run

    def _prepare(self) -> None:
        """Load the data, which all trials share."""
        if self._job is None:
            plan = self.study.plan
            plan.space.refuse_other_code(self.registry, f"study {self.study.name}")
            self._job = Job(self.registry, Named(f"study {self.study.name}", plan.space.base), self.machine)
            _ = self._job.splits

    def _tell(self, claim: Claim, run: Run) -> State:
        """Tell the study how a run ended, which says how the trial did."""
        if run.state == "interrupted":
            self.study.give_back(claim)
            return run.state
        for key, value in {tally.SECONDS: run.seconds, tally.PARAMETERS: run.parameters, tally.RUN: run.id}.items():
            self.study.note(claim, key, value)
        value = run.metrics.get("valid")
        if run.state == "done" and value is not None and value == value:
            self.study.tell(claim, TrialState.COMPLETE, value)
            return "done"
        if run.state == "pruned":
            self.study.tell(claim, TrialState.PRUNED, reason=run.reason or "pruned")
            return "pruned"
        self.study.tell(claim, TrialState.FAIL, reason=run.reason or f"its run is {run.state} without a score")
        return "failed"

    def _job_of(self, claim: Claim) -> Job:
        """The trial's recipe made ready, with a model to see that it can be built and works."""
        assert self._job is not None
        recipe = recipe_of(self.study.plan, self.registry, claim.values, f"trial {claim.number}")
        job = self._job.other(Named(f"study {self.study.name}, trial {claim.number}", recipe))
        job.rehearse(0)
        return job


def recipe_of(plan: Plan, registry: Registry, values: Mapping[str, Any], where: str) -> Recipe:
    """The recipe that sampled values mean in a study; a :class:`UserError` where it cannot be had."""
    recipe = plan.space.recipe(registry, values, where)
    if plan.parameters is None:
        return recipe
    return match_parameters(registry, Named(where, recipe), plan.parameters, plan.tolerance).recipe


def close_lost(study: Study, home: Home) -> None:
    """End the stored runs of trials that failed as worker after worker died over them: none goes on with them."""
    trials = study.trials()
    state = tally.words(trials)
    lost = [t for t in trials if state[t.number] == "failed" and tally.REASON not in t.user_attrs]
    ids = {t.user_attrs.get(tally.RUN) or t.user_attrs.get(tally.CONTINUES) for t in lost}
    if not lost:
        return
    store = open_store(home.path)
    for run in store.of_study(study.name):
        if run.id in ids and run.state in ("running", "interrupted"):
            store.update(run.id, state="failed", reason=f"{tally.LIVES} workers died over it")
            shutil.rmtree(home.run(run.id), ignore_errors=True)


class _Reporter(Monitor):
    """Reports the validation curve to the study, ends the run where its pruner says so, and passes everything on."""

    def __init__(self, study: Trials, claim: Claim, begun: Monitor) -> None:
        self.study, self.claim, self.begun = study, claim, begun

    def on_start(self, run: Run, resumed: Progress | None) -> None:
        """Name the run, so that another worker can go on with it, and report what it had done before."""
        self.study.note(self.claim, tally.RUN, run.id)
        for point in resumed.curve if resumed is not None else ():
            self.study.report(self.claim, point.valid, point.epoch)
        self.begun.on_start(run, resumed)

    def on_step(self, progress: Progress, steps: int, loss: Callable[[], float]) -> None:
        """Pass it on."""
        self.begun.on_step(progress, steps, loss)

    def on_epoch(self, progress: Progress) -> None:
        """Report the validation metric; raises :class:`Pruned`. A run at its end is never pruned."""
        point = progress.curve[-1]
        self.study.report(self.claim, point.valid, point.epoch)
        self.begun.on_epoch(progress)
        if not progress.over and self.study.should_prune(self.claim):
            raise Pruned(
                f"pruned after epoch {point.epoch}: other trials were better by then ({self.study.plan.pruner})"
            )

    def on_pause(self, progress: Progress) -> None:
        """Pass it on."""
        self.begun.on_pause(progress)

    def on_end(self, run: Run, *, known: bool) -> None:
        """Pass it on."""
        self.begun.on_end(run, known=known)


@contextmanager
def _beating(study: Trials, identity: int) -> Iterator[None]:
    """Give signs of life while a trial is made ready and trained, where its study is on a server."""
    if study.local:
        yield
        return
    over = threading.Event()

    def beat() -> None:
        while not over.is_set():
            try:
                study.beat(identity)
            except Exception:  # the worker itself will meet it, if it lasts
                continue
            finally:
                over.wait(HEARTBEAT)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
