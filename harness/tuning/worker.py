"""A process that trains trials of a study until none waits. ``python -m harness.tuning.worker`` is started by a pool.

What to do is one line of JSON on the standard input, which then stays open: its end means that the pool has died, and
the worker stops like one that is told to. Exit codes: 0 nothing left to do, 2 a sentence for the person on standard
error, 130 stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from harness.errors import UserError
from harness.execution import Job, Machine, Monitor, attempt
from harness.execution import Trial as TrialOf
from harness.home import Home
from harness.interruption import Interruption, listening
from harness.matching import match_parameters
from harness.recipe import Recipe
from harness.recipes import Named
from harness.registry import Registry
from harness.seeding import derive
from harness.store import Run, Store, open_store
from harness.training import Progress, Pruned
from harness.tuning import tally
from harness.tuning.locks import Life
from harness.tuning.plan import Plan
from harness.tuning.storage import HEARTBEAT, address, open_storage
from harness.tuning.study import Claim, Study, worker_attribute

STOPPED = 130
IDLE = 1.0
"""Seconds between two looks at trials that other workers still train: one of them may die."""


@dataclass(frozen=True)
class Order:
    """What a worker is to do, as JSON values."""

    storage: str
    study: str
    trials: int
    home: str
    data_root: str
    offline: bool = False
    device: str = "auto"
    threads: int | None = None
    checkpoint_every: float = 10.0
    backend: str | None = None
    plugins: tuple[str, ...] = ()

    @classmethod
    def of(cls, machine: Machine, study: Study, trials: int, plugins: tuple[str, ...] = ()) -> Order:
        """The order to train up to so many `trials` of a study on a machine."""
        return cls(
            storage=study.opened.address.text,
            study=study.name,
            trials=trials,
            home=str(machine.home.path),
            data_root=str(machine.data_root),
            offline=machine.offline,
            device=machine.device,
            threads=machine.threads,
            checkpoint_every=machine.checkpoint_every,
            backend=machine.backend,
            plugins=plugins,
        )

    def line(self) -> bytes:
        """The order as a worker reads it."""
        return json.dumps(asdict(self)).encode() + b"\n"

    def machine(self) -> Machine:
        """The machine that the order is for."""
        return Machine(
            Home(Path(self.home)),
            Path(self.data_root),
            self.offline,
            self.device,
            self.threads,
            self.checkpoint_every,
            backend=self.backend,
        )


class Worker:
    """Trains trials in this process."""

    def __init__(
        self, study: Study, registry: Registry, machine: Machine, store: Store, trials: int | None = None
    ) -> None:
        self.study, self.registry, self.store, self.machine = study, registry, store, machine
        self.trials = trials
        self.life = Life(study.opened.lives / f"worker-{uuid.uuid4().hex[:12]}.lock")
        self._job: Job | None = None

    def run(self) -> int:
        """Train until no trial waits and none is under way elsewhere. Returns the exit code."""
        self.life.begin()
        try:
            with listening() as asked, asked.deferred():
                return self._work(asked)
        finally:
            self.life.end()

    def _work(self, asked: Interruption) -> int:
        while not asked.reason():
            claim = self.study.claim(worker_attribute(self.life.file), self.trials)
            if claim is None and not self._more_may_come():
                return 0
            if claim is None:
                time.sleep(IDLE)
                self.study.recover()
            else:
                with _beating(self.study, claim.identity):
                    if not self._train(claim, asked):
                        return STOPPED
        return STOPPED

    def _more_may_come(self) -> bool:
        trials = self.study.trials()
        return tally.counts(trials)["running"] > 0 or tally.claimable(trials, self.trials) > 0

    def _train(self, claim: Claim, asked: Interruption) -> bool:
        """Train a trial and tell how it ended; whether to go on with others."""
        try:
            job = self._job_of(claim)
        except UserError as refused:  # a point that cannot be built is a result about that point
            self.study.tell(claim, TrialState.FAIL, reason=str(refused))
            return True
        trial = TrialOf(self.study.name, claim.trial.number, claim.continues)
        seed = derive(self.study.plan.seed, "trials")  # one for all, and none of those that are tested afterwards
        try:
            if asked.reason():
                raise KeyboardInterrupt
            run = attempt(job, self.store, seed, _Reporter(self.study, claim), trial)
        except (KeyboardInterrupt, UserError):
            self.study.give_back(claim)  # stopped before or after its training, or the disk is full
            raise
        return self._tell(claim, run)

    def _tell(self, claim: Claim, run: Run) -> bool:
        if run.state == "interrupted":
            self.study.give_back(claim)
            return False
        for key, value in {tally.SECONDS: run.seconds, tally.PARAMETERS: run.parameters, tally.RUN: run.id}.items():
            self.study.note(claim, key, value)
        value = run.metrics.get("valid")
        if run.state == "done" and value is not None and value == value:
            self.study.tell(claim, TrialState.COMPLETE, value)
        elif run.state == "pruned":
            self.study.tell(claim, TrialState.PRUNED, reason=run.reason or "pruned")
        else:
            self.study.tell(claim, TrialState.FAIL, reason=run.reason or f"its run is {run.state} without a score")
        return True

    def _job_of(self, claim: Claim) -> Job:
        """The trial's recipe made ready, with a model to see that it can be built; the data are loaded once."""
        plan, number = self.study.plan, claim.trial.number
        recipe = recipe_of(plan, self.registry, claim.values, f"trial {number}")
        named = Named(f"study {self.study.name}, trial {number}", recipe)
        if self._job is None:
            self._job = Job(self.registry, replace(named, recipe=plan.space.base), self.machine)
            _ = self._job.splits
        job = self._job.other(named)
        job.model(0)
        return job


def recipe_of(plan: Plan, registry: Registry, values: Mapping[str, Any], where: str) -> Recipe:
    """The recipe that sampled values mean in a study; a :class:`UserError` where it cannot be had."""
    recipe = plan.space.recipe(registry, values, where)
    if plan.parameters is None:
        return recipe
    return match_parameters(registry, Named(where, recipe), plan.parameters).recipe


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
    """Reports the validation curve to the study and ends the run where its pruner says so."""

    def __init__(self, study: Study, claim: Claim) -> None:
        self.study, self.claim = study, claim

    def on_start(self, run: Run, resumed: Progress | None) -> None:
        """Name the run, so that another worker can go on with it, and report what it had done before."""
        self.study.note(self.claim, tally.RUN, run.id)
        for point in resumed.curve if resumed is not None else ():
            self._report(point.valid, point.epoch)

    def on_epoch(self, progress: Progress) -> None:
        """Report the validation metric; raises :class:`Pruned`. A run at its end is never pruned."""
        point = progress.curve[-1]
        self._report(point.valid, point.epoch)
        if not progress.over and self.claim.trial.should_prune():
            raise Pruned(f"pruned after epoch {point.epoch}: other trials were better by then ({self._pruner})")

    def _report(self, value: float, epoch: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an epoch that was reported by an earlier worker
            try:
                self.claim.trial.report(value, epoch)
            except UpdateFinishedTrialError:
                raise Pruned("another worker goes on with it, as this one was taken for dead") from None

    @property
    def _pruner(self) -> str:
        return self.study.plan.pruner


@contextmanager
def _beating(study: Study, identity: int) -> Iterator[None]:
    """Give signs of life while a trial is made ready and trained, where its study is on a server."""
    if study.opened.local:
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


def follow(order: Order) -> int:
    """Do what an order says; the exit code."""
    machine = order.machine()
    where = address(order.storage)
    with where.explained():
        registry = Registry(order.plugins)
        study = Study.load(open_storage(where, machine.home, create=False), order.study, registry)
        return Worker(study, registry, machine, open_store(machine.home.path), order.trials).run()


def main() -> int:
    """Follow the order on standard input."""
    for name in ("SIGINT", "SIGHUP"):  # the pool hears these, and asks for an end by SIGTERM
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    order = json.loads(_first_line())
    threading.Thread(target=_stop_with_the_pool, daemon=True).start()
    try:
        return follow(Order(**{**order, "plugins": tuple(order["plugins"])}))
    except KeyboardInterrupt:
        return STOPPED
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _first_line() -> bytes:
    """Read without a buffer: a thread that waits in a buffered read would hinder the end of the process."""
    line = b""
    while not line.endswith(b"\n") and (letter := os.read(0, 1)):
        line += letter
    return line


def _stop_with_the_pool() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
