"""Runs in this process, one after the other. What is done is found, what was cut off goes on, all of it is kept."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import traceback
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from harness import checkpoint, environment
from harness.allocation import keep_freed_memory
from harness.errors import UserError, debugging, explained, is_out_of_memory, with_place
from harness.evaluation import chance_level
from harness.finite import require_finite
from harness.interruption import Interruption, listening
from harness.locking import alone, run_lock
from harness.machine import Machine, subnormals_flushed
from harness.masking import mask
from harness.model import Model, build, try_backend
from harness.recipe import label
from harness.recipes import Named
from harness.recorder import Elsewhere, Recorder
from harness.registry import BUILT_IN, Registry, resolve
from harness.rehearsal import rehearse
from harness.store import Run, State, Store
from harness.training import Failed, Interrupted, Listener, Outcome, Progress, Pruned, Trainer

OVER: tuple[State, ...] = ("done", "failed", "pruned")
"""States of a run that will not go on."""
BEST = "best"
"""How a run says that it asked for no backend in particular."""


@dataclass(frozen=True)
class Trial:
    """Which trial of which study a run is."""

    study: str
    number: int
    continues: str | None = None
    """Id of the run that a killed trial of the same recipe left unfinished: it goes on as the run of this trial."""


class Monitor(Listener):
    """A listener that also hears of runs beginning and ending. The default shows nothing.

    In a trial of a study :meth:`on_epoch` may raise :class:`~harness.training.Pruned`, which ends the run.
    """

    def on_start(self, run: Run, resumed: Progress | None) -> None:
        """Before the first step; `resumed` says where a run that was cut off goes on."""

    def on_end(self, run: Run, *, known: bool) -> None:
        """After a run ended in any state; `known` when it was in the store already and nothing was trained."""


class Job:
    """A recipe made ready on a machine: task and data loaded once for all its seeds."""

    def __init__(self, registry: Registry, named: Named, machine: Machine) -> None:
        self.registry, self.named, self.machine = registry, named, machine
        recipe = named.recipe
        self.architecture = registry.architecture(recipe.arch)
        task_class = registry.task(recipe.task)
        with explained(f"task {recipe.task}"):
            self.task = task_class(**recipe.variant)
        with explained("backends"):
            asked = {"HARNESS_BACKEND": os.environ.get("HARNESS_BACKEND"), "--backend": machine.backend}
            for name, backend in asked.items():
                resolve("architectures.kernels:known")(name, backend or None)
        self.label = label(task_class, recipe)
        self.device = machine.torch_device()
        self.threads = machine.use_threads()
        keep_freed_memory()
        self.backend = machine.backend or os.environ.get("HARNESS_BACKEND") or BEST
        self._splits: Any = None
        self.check_backend()

    def check_backend(self) -> None:
        """A :class:`UserError` where the backend that was asked for cannot compute this architecture here."""
        if self.machine.backend is not None:
            try_backend(self.named.recipe, self.architecture, self.task, self.device, self.machine.backend)

    @property
    def splits(self) -> Any:
        """The data on the device, loaded when first needed."""
        if self._splits is None:
            with explained(f"task {self.named.recipe.task}"):
                splits = self.task.load(self.machine.sources(self.registry.files))
            require_finite(splits, f"task {self.named.recipe.task}")
            parts = {part: getattr(splits, part).to(self.device) for part in ("train", "valid", "test")}
            self._splits = replace(splits, **parts)
        return self._splits

    def model(self, seed: int) -> Model:
        """The model as it stands before the first step. The data are loaded first: an encoder may need them."""
        _ = self.splits
        return build(self.named.recipe, self.architecture, self.task, seed, self.device, self.machine.backend)

    def rehearse(self, seed: int) -> Model:
        """A model that took a few samples; a :class:`UserError` where layer and task do not do what they should."""
        model = self.model(seed)
        rehearse(self.named.recipe, self.task, model, self.splits)
        return model

    def trainer(self, seed: int, **options: Any) -> Trainer:
        """A trainer from scratch; a `file` among the options makes it continue."""
        return Trainer(self.named.recipe, self.task, self.model(seed), self.splits, seed=seed, **options)

    def other(self, named: Named) -> Job:
        """The job of another recipe for the same task on the same machine; the data are shared, and loaded now."""
        task, variant = self.named.recipe.task, self.named.recipe.variant
        if (named.recipe.task, named.recipe.variant) != (task, variant):
            raise ValueError(f"a job on {self.label} shares no data with one on {named.recipe.task}")
        _ = self.splits
        job = copy(self)
        job.named, job.architecture = named, self.registry.architecture(named.recipe.arch)
        return job

    def find(self, store: Store, seed: int, takeover: bool = False) -> Run | None:
        """The run of this recipe, seed and kind of device to show or to continue: an unfinished one first, then a done.
        Trials of a study are left to their study.

        An unfinished run of another machine is left to that machine, unless it is to be taken over; then what is done
        comes first, as nothing is to be trained twice. The data must be the same too. Those of built-in tasks whose
        checksums come with the project are, and need not be loaded here.
        """
        runs = store.find(self.named.recipe.hash, seed, self.device.type)
        runs = [run for run in runs if takeover or run.state == "done" or self._is_from_here(run)]
        built_in = self.registry.tasks[self.named.recipe.task].origin == BUILT_IN
        if runs and not (built_in and self.task.pinned):
            runs = [run for run in runs if run.data_checksum in ("", self.splits.checksum)]
        if takeover:
            return min(runs, key=self._to_go, default=None)  # of equals the newest, which comes first
        if runs and runs[0].state == "failed":
            return next((run for run in runs if run.state == "done"), runs[0])
        return runs[0] if runs else None

    def _to_go(self, run: Run) -> int:
        """In what order runs are gone on with: what is done, what has a checkpoint here, what hasn't, what failed."""
        if run.state in OVER:
            return 0 if run.state == "done" else 3
        return 1 if (self.machine.home.run(run.id) / "checkpoint.pt").exists() else 2

    def _is_from_here(self, run: Run) -> bool:
        return self.machine.home.run(run.id).exists() or run.environment.get("hostname") == platform.node()


def execute(
    job: Job,
    store: Store,
    seeds: Sequence[int],
    monitor: Monitor,
    *,
    again: bool = False,
    redo: bool = True,
    takeover: bool = False,
) -> Generator[Run, None, None]:
    """Bring every seed of a job to its end, one after the other, and yield the runs.

    What is done stays done (`again` trains it once more, as a new run), what was cut off goes on, what failed starts
    anew, or stays as it is without `redo`. With `takeover` an unfinished run of another machine goes on here, from its
    checkpoint where that is at hand: for those who know that nobody else is at it. An interruption ends the iteration
    after its run.
    """
    with listening() as asked:
        for seed in seeds:
            with _alone_on_seed(job, store, seed):
                found = job.find(store, seed, takeover)
                done = found is not None and (found.state == "done" or (found.state == "failed" and not redo))
                if found is None or not done or again:
                    new = found is None or done
                    run = _new_run(job, seed) if found is None or done else found
                    run, known = _train(job, store, run, monitor, asked, new=new), False
                else:
                    run, known = found, True
            monitor.on_end(run, known=known)
            yield run
            if run.state == "interrupted":
                return
            asked.raise_if_asked()


def attempt(job: Job, store: Store, seed: int, monitor: Monitor, trial: Trial) -> Run:
    """Train a trial of a study and return its run: done, failed, pruned, or interrupted by a signal.

    The test split is not looked at and no weights are kept: trials are there to be compared on validation. Where
    ``trial.continues`` names a run of this recipe and seed in the store, that run goes on from its checkpoint (or from
    the start where the checkpoint is gone), and is returned as it is where it had ended after all.

    Raises:
        UserError: the disk is full, or the like; the run stays unfinished.
        KeyboardInterrupt: a signal came too late to interrupt the run, whose end is stored.
    """
    with listening() as asked:
        found = _left_behind(job, store, seed, trial)
        known = found is not None and found.state in OVER
        run = found or _new_run(job, seed, trial)
        folder = job.machine.home.folder("runs", run.id)
        with alone(folder / "lock", f"trial {trial.number} of study {trial.study}", "wait for it"):
            if known:
                store.update(run.id, trial=trial.number)
                run = store.get(run.id)
            else:
                run = _train(job, store, run, monitor, asked, new=found is None)
            if run.state in OVER:
                shutil.rmtree(folder, ignore_errors=True)
        monitor.on_end(run, known=known)
        if run.state != "interrupted":
            asked.raise_if_asked()
    return run


def _left_behind(job: Job, store: Store, seed: int, trial: Trial) -> Run | None:
    """The run that a trial goes on with, as that trial's; None where there is none that fits."""
    if trial.continues is None:
        return None
    same = (job.named.recipe.hash, seed, job.device.type)
    for run in store.of_study(trial.study):
        if run.id == trial.continues and (run.recipe_hash, run.seed, run.device) == same:
            return replace(run, trial=trial.number) if run.data_checksum in ("", job.splits.checksum) else None
    return None


def _train(job: Job, store: Store, run: Run, monitor: Monitor, asked: Interruption, *, new: bool) -> Run:
    folder = job.machine.home.run(run.id)
    if run.state == "failed":
        shutil.rmtree(folder, ignore_errors=True)
    trainer = job.trainer(
        run.seed,
        test=run.trial is None,
        file=folder / "checkpoint.pt",
        listener=Recorder(store, run, monitor),
        stop=asked.reason,
        checkpoint_every=job.machine.checkpoint_every,
    )
    resumed = trainer.resume()
    with subnormals_flushed() as subnormals:
        here = {**environment.collect(job.threads), "subnormals": subnormals}
        here |= {"device": str(job.device), "backend": job.backend}
        if plugins := job.registry.plugins(run.arch, job.named.recipe.task):
            here["plugins"] = plugins
        if resumed is not None:
            resumed.warnings += _moves(run.environment, here)
        run.environment, run.data_checksum = here, job.splits.checksum
        with asked.deferred():
            monitor.on_start(run, resumed)  # first: a study that doesn't know of a stored run could never go on with it
            if new:
                store.add(run)
            else:
                known = {"trial": run.trial, "environment": here, "data_checksum": run.data_checksum}
                store.update(run.id, state="running", reason=None, **known)
            _finish(job, store, run, trainer, *_attempt(trainer))
    return store.get(run.id)


def _moves(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """What a run that goes on has changed of its surroundings, as warnings."""
    before = {"backend": BEST, "subnormals": "kept", **before}  # what runs had before these were recorded
    for name in ("hostname", "device", "threads", "backend", "subnormals"):
        if before.get(name) != after.get(name):
            yield f"went on with {name} {after.get(name)} after {before.get(name)}: the last digits may differ"
    old, new = (one.get("software", {}).get("torch") for one in (before, after))
    if old != new:
        yield f"went on with torch {new} after {old}: the last digits may differ"


def _attempt(trainer: Trainer) -> tuple[Outcome | None, State, str | None]:
    """Train and say how it ended: the outcome if it is done, the state, the reason."""
    resolve("architectures.kernels:reset")()
    try:
        return trainer.run(), "done", None
    except Interrupted as interruption:
        return None, "interrupted", str(interruption)
    except Failed as failure:
        return None, "failed", str(failure)
    except Pruned as verdict:
        return None, "pruned", str(verdict)
    except Elsewhere as elsewhere:  # of the monitor: no result about the run, which can go on
        raise elsewhere.error from elsewhere.error.__cause__
    except UserError:
        raise  # the disk is full, or the like: the run stays as it is, and goes on when that is mended
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # of the architecture or the task: a result about them, to be kept
        trainer.optimizer.zero_grad(set_to_none=True)
        if debugging():
            print(mask(traceback.format_exc()), end="", file=sys.stderr)
        return None, "failed", _failure_of(error, trainer)


def _finish(
    job: Job, store: Store, run: Run, trainer: Trainer, outcome: Outcome | None, state: State, reason: str | None
) -> None:
    """Keep what the run left. The state is written last: a kill before it leaves a run that goes on."""
    progress, folder = trainer.progress, job.machine.home.run(run.id)
    if outcome is not None and run.trial is None:
        checkpoint.save({"weights": outcome.weights}, folder / "weights.pt")
    store.restart_curve(run.id, progress.curve)
    last = progress.curve[-1].valid if progress.curve else None
    metrics = {"valid": progress.best if trainer.training.selection == "best" else last, "test": None}
    if outcome is not None:
        metrics = {"valid": outcome.valid.metric, "test": None if outcome.test is None else outcome.test.metric}
        if run.trial is None:
            metrics |= _chance_levels(job, trainer)
    ran = {backend for counts in progress.backends.values() for backend in counts}
    kernels = environment.kernels() if "cpu" in ran else None  # others may have loaded them in this process
    software = {**run.environment["software"], "kernels": kernels}
    store.update(
        run.id,
        state=state,
        reason=reason,
        metrics=metrics,
        epochs_done=progress.epoch,
        steps_done=progress.epoch * trainer.steps + progress.step if not progress.over else progress.curve[-1].step,
        seconds=progress.seconds,
        backends=progress.backends,
        environment={**run.environment, "software": software},
        warnings=list(progress.warnings),
    )
    if state in OVER:
        (folder / "checkpoint.pt").unlink(missing_ok=True)


def _chance_levels(job: Job, trainer: Trainer) -> dict[str, float | None]:
    """The metric of a constant prediction on both splits that give a score, beside which the scores are read."""
    try:
        return {
            f"chance_{part}": chance_level(job.task, trainer.train_data, getattr(trainer.splits, part))
            for part in ("valid", "test")
        }
    except Exception as error:  # of a plugin's task: the result stands without it
        trainer.progress.warnings.append(f"the chance level is not known: {with_place(error)}")
        return {}


def _new_run(job: Job, seed: int, trial: Trial | None = None) -> Run:
    recipe, model = job.named.recipe, job.rehearse(seed)
    return Run(
        arch=recipe.arch,
        task=job.label,
        seed=seed,
        metric=job.task.metric,
        recipe=recipe.to_dict(),
        recipe_name=job.named.name,
        recipe_hash=recipe.hash,
        study=None if trial is None else trial.study,
        trial=None if trial is None else trial.number,
        device=job.device.type,
        parameters=model.count_parameters(),
        parameters_without_embedding=model.count_parameters(embedding=False),
    )


def _failure_of(error: BaseException, trainer: Trainer) -> str:
    """Why a run failed, and what to change where that is known."""
    if not is_out_of_memory(error):
        return with_place(error)
    step = trainer.progress.epoch * trainer.steps + trainer.progress.step + 1
    half = max(1, min(trainer.training.batch_size, trainer.samples) // 2)
    return (
        f"out of memory at step {step}: use a smaller batch (--set batch_size={half}) or a smaller layer"
        " (--set hidden_size=...)"
    )


def _alone_on_seed(job: Job, store: Store, seed: int) -> AbstractContextManager[None]:
    """One process at a time on a recipe and a seed."""
    name = run_lock(job.named.recipe.hash, seed, job.device.type)
    what = f"{job.named.recipe.arch} on {job.label} with seed {seed}"
    return store.alone(name, what, "wait for it, or give another --seed")
