"""Carries units out in the process where it is, the same on every engine."""

from __future__ import annotations

import platform
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from harness.engines.engine import Conditions, Ended, Progressed, Said
from harness.engines.unit import RunUnit, TrialUnit, Unit
from harness.errors import UserError
from harness.execution import Job, Monitor, execute
from harness.interruption import Interruption, listening
from harness.machine import Machine
from harness.recipe import TABLES, compose
from harness.recipes import Named
from harness.registry import Registry
from harness.store import Run, Store
from harness.training import Progress

TELL_EVERY = 1.0
"""Seconds between two signs of life of a run."""
PREPARATION_EVERY = 5.0
"""Seconds between two lines about a download or the preparation of data."""

Tell = Callable[[Progressed | Said], str | None]
"""Passes an event on; the answer is why to stop, or None."""


class Hand:
    """Trains one unit after the other.

    What units have in common is kept between them: the registry with its plugins, and the data of the last task.

    Args:
        store: where runs are kept.
        tell: hears of progress and of lines for the person.
        study_of: the study of a unit that is a trial; by default the one that its storage has.
    """

    def __init__(
        self,
        conditions: Conditions,
        store: Store,
        tell: Tell,
        study_of: Callable[[TrialUnit], Any] | None = None,
    ) -> None:
        self.conditions, self.store, self.tell = conditions, store, tell
        self._study_of = study_of or self._stored_study
        self._registry: Registry | None = None
        self._job: Job | None = None
        self._worker: tuple[tuple[str, str, str], Any] | None = None
        self._told_at = 0.0

    def carry_out(self, unit: Unit) -> Ended:
        """Train a unit to its end, or until a signal asks this process to stop. Nothing is raised but mistakes."""
        with listening() as asked:
            try:
                with asked.deferred():
                    return self._carry_out(unit, asked)
            except KeyboardInterrupt:  # before its training, or after it
                reason = asked.reason() or "stopped by SIGINT"
                return Ended(unit.key, "over", "interrupted", reason, where=platform.node())
            except UserError as error:
                return Ended(unit.key, "refused", sentence=str(error), where=platform.node())

    def _carry_out(self, unit: Unit, asked: Interruption) -> Ended:
        if isinstance(unit, RunUnit):
            return self._train(unit, asked)
        return self._try(unit, asked)

    def _train(self, unit: RunUnit, asked: Interruption) -> Ended:
        job = self._job_of(unit)
        asked.raise_if_asked()
        teller = Teller(unit.key, self.tell, job.named.recipe.training.epochs)
        runs = execute(job, self.store, (unit.seed,), teller, redo=unit.redo, takeover=True)
        run = next(runs)
        runs.close()  # not asked for more, which a signal that came after the end of this run would refuse
        return ended(unit.key, run, known=teller.known)

    def _try(self, unit: TrialUnit, asked: Interruption) -> Ended:
        from harness.tuning.worker import Worker

        name = (unit.storage, unit.study, unit.device)
        if self._worker is None or self._worker[0] != name:
            self._job = self._worker = None  # the data of another task need not stay in memory
            study = self._study_of(unit)
            self._worker = name, Worker(study, self.registry, self.machine(unit.device), self.store)
        worker = self._worker[1]
        teller = Teller(unit.key, self.tell, worker.study.plan.epochs)
        state, run = worker.train_one(unit.trials, asked, teller)
        if run is None:
            return Ended(unit.key, "over", state, where=platform.node())
        return replace(ended(unit.key, run, known=teller.known), state=state)

    @property
    def registry(self) -> Registry:
        """Architectures and tasks, with the plugins of the conditions."""
        if self._registry is None:
            self._registry = Registry(self.conditions.plugins)
            _ = self._registry.architectures, self._registry.tasks  # which finds what there is to warn of
            for warning in self._registry.warnings:
                self.tell(Said(None, f"warning: {warning}"))
        return self._registry

    def machine(self, device: str) -> Machine:
        """This machine for units on `device`."""
        return replace(self.conditions.machine(device), report=self._prepared)

    def _job_of(self, unit: RunUnit) -> Job:
        """The recipe made ready; where its task is that of the last unit, with the data that are loaded."""
        self._worker = None
        content = {table: unit.recipe[table] for table in TABLES if table in unit.recipe}
        recipe = compose(self.registry, unit.recipe["arch"], unit.recipe["task"], content, where=unit.name)
        if recipe.hash != unit.recipe_hash:
            raise UserError(
                f"{unit.name}: the recipe comes to {recipe.hash} on {platform.node()} and to {unit.recipe_hash} where"
                " it was planned: this program or a plugin is another version there, install the same one"
            )
        named, before = Named(unit.recipe_name, recipe), self._job
        if before is not None:
            old = before.named.recipe
            if (old.task, old.variant, before.machine.device) == (recipe.task, recipe.variant, unit.device):
                self._job = before.other(named)
                self._job.check_backend()
                return self._job
        self._job = before = None
        self._job = Job(self.registry, named, self.machine(unit.device))
        return self._job

    def _stored_study(self, unit: TrialUnit) -> Any:
        from harness.tuning.storage import address, open_storage
        from harness.tuning.study import Study

        where = address(unit.storage)
        with where.explained():
            opened = open_storage(where, self.conditions.machine().home, create=False)
            return Study.load(opened, unit.study, self.registry)

    def _prepared(self, what: str, done: float, total: float) -> None:
        """Tell of a download or of data being prepared, now and then."""
        now = time.monotonic()
        if now - self._told_at >= PREPARATION_EVERY and done < total:
            self._told_at = now
            self.tell(Said(None, f"{what}: {done / max(total, 1):.0%}"))


class Teller(Monitor):
    """Tells of a run about once a second; where the answer is to stop, this process is asked to, by a signal."""

    def __init__(self, key: str, tell: Tell, epochs: int) -> None:
        self.key, self.epochs = key, epochs
        self.known = self._stopped = False
        self._tell, self._run = tell, ""
        self._told_at = self._started_at = time.monotonic()
        self._before = 0.0

    def on_start(self, run: Run, resumed: Progress | None) -> None:
        """Tell that it has begun, or goes on."""
        self._run, self._started_at = run.id, time.monotonic()
        self._before = resumed.seconds if resumed is not None else 0.0
        self._told_at = -TELL_EVERY
        self._now(resumed or Progress(), 0.0, None)

    def on_step(self, progress: Progress, steps: int, loss: Callable[[], float]) -> None:
        """Tell of it now and then."""
        if time.monotonic() - self._told_at >= TELL_EVERY:
            self._now(progress, progress.step / steps, loss())

    def on_end(self, run: Run, *, known: bool) -> None:
        """Pass warnings on."""
        self.known = known
        for warning in run.warnings if not known else ():
            self._tell(Said(self.key, f"warning: {warning}"))

    def _now(self, progress: Progress, part: float, loss: float | None) -> None:
        self._told_at = time.monotonic()
        seconds = self._before + self._told_at - self._started_at
        valid = progress.curve[-1].valid if progress.curve else None
        event = Progressed(self.key, self._run, progress.epoch + part, self.epochs, seconds, loss, valid)
        if self._tell(event) is not None and not self._stopped:  # a second signal would end it at once
            self._stopped = True
            signal.raise_signal(signal.SIGTERM)


def ended(key: str, run: Run, *, known: bool) -> Ended:
    """How a unit ended whose run is in the store."""
    return Ended(
        key=key,
        how="over",
        state=run.state,
        sentence=run.reason or "",
        run=run.id,
        where=str(run.environment.get("hostname") or platform.node()) if known else platform.node(),
        known=known,
        valid=run.metrics.get("valid"),
        test=run.metrics.get("test"),
        seconds=run.seconds,
    )
