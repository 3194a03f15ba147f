"""One run: epochs of batches, validation after each, checkpoints in between, one test at the end.

The numbers depend on recipe, seed, data, machine and thread count only. Where a run was killed in between doesn't
show in them: a checkpoint holds the weights, the optimiser, the state of the random numbers and the place in the epoch,
and the order of the samples is a function of the seed and the epoch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness import checkpoint
from harness.capture import Updates, recorder
from harness.errors import UserError
from harness.evaluation import Score, evaluate, loss_of
from harness.losses import Losses
from harness.precision import calculating, mixed
from harness.recipe import Recipe
from harness.schedule import continue_from, learning_rate, optimizer, use_rate
from harness.seeding import derive
from harness.store import CurvePoint

EXPLODED = 1e3
"""A loss of so many times the first one (or of 1, where that is more) counts as diverged."""


class Interrupted(Exception):
    """The person or the system asked for an end, for the reason given; the checkpoint holds all that was done."""


class Failed(Exception):
    """The run cannot go on, for the reason given."""


class Pruned(Exception):
    """The run is not worth going on with, for the reason given: raised by :meth:`Listener.on_epoch`."""


@dataclass
class Progress:
    """Where a run stands."""

    epoch: int = 0  # finished epochs
    step: int = 0  # finished steps of the epoch under way
    seconds: float = 0.0
    first_loss: float | None = None
    best: float | None = None
    best_epoch: int = 0
    over: bool = False  # nothing left but the test
    curve: list[CurvePoint] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    backends: dict[str, dict[str, int]] = field(default_factory=dict)  # operation -> backend -> how often it ran


@dataclass(frozen=True)
class Outcome:
    """What a finished run leaves: scores of the selected weights, and those weights; no test where none was wanted."""

    valid: Score
    test: Score | None
    weights: dict[str, Tensor]


class Listener:
    """What training tells while it goes on. The default hears nothing."""

    def on_step(self, progress: Progress, steps: int, loss: Callable[[], float]) -> None:
        """After a step; `steps` is the number of steps of the epoch. `loss` is the newest that is known: on a GPU that
        of some steps before."""

    def on_epoch(self, progress: Progress) -> None:
        """After the validation that ends an epoch. It may end the run by raising :class:`Pruned`."""

    def on_pause(self, progress: Progress) -> None:
        """Before a checkpoint, and at the end: the last chance to add to what `progress` holds."""


class Trainer:
    """Trains `model` on `splits` as the recipe says.

    Args:
        file: the checkpoint, where :meth:`resume` finds it and where the training leaves it.
        stop: asked before every step and every batch of an evaluation; a reason ends the run with :class:`Interrupted`
            after a checkpoint.
        test: whether the test split is evaluated at the end. Where it isn't, it is never looked at.
        checkpoint_every: seconds between two checkpoints (they also stand at the end and at an interruption).
    """

    def __init__(
        self,
        recipe: Recipe,
        task: Any,
        model: nn.Module,
        splits: Any,
        *,
        seed: int,
        file: Path | None = None,
        listener: Listener | None = None,
        stop: Callable[[], str | None] = lambda: None,
        checkpoint_every: float = 10.0,
        test: bool = True,
    ) -> None:
        self.recipe, self.task, self.model, self.splits, self.seed = recipe, task, model, splits, seed
        self.training = recipe.training
        self.listener, self.stop, self.file = listener or Listener(), stop, file
        self.identity = [recipe.hash, str(seed), splits.checksum]
        self.checkpoint_every, self.test = checkpoint_every, test
        self.optimizer = optimizer(self.training, model)
        self.progress = Progress()
        self.best_weights: dict[str, Tensor] = {}
        self.device = next(model.parameters()).device
        self.train_data, self.samples = self._training_data()
        self.steps = math.ceil(self.samples / self.training.batch_size)
        self.losses = Losses(self.steps, self.device)
        self._updates = Updates(self._update, self._changing, recorder(self.device, model))
        self._random = _first_random_state(seed, self.device)
        self._saved_at = self._started_at = 0.0

    def run(self) -> Outcome:
        """Train to the end and test. :class:`Interrupted`, :class:`Failed`, :class:`Pruned` leave the curve behind."""
        self._saved_at = self._started_at = time.perf_counter()
        with _current(self.device), _own_random_numbers(self.device):
            _restore_random_state(self._random, self.device)
            self.model.train()
            try:
                while not self.progress.over:
                    self._epoch()
                return self._outcome()
            finally:
                self._pause()

    def resume(self) -> Progress | None:
        """Continue from the checkpoint. Returns where it stands, or None where there is none (or a damaged one)."""
        state = checkpoint.load(self.file) if self.file is not None else None
        if state is None:
            return None
        if state["identity"] != self.identity:
            raise UserError(f"{self.file} is of other data or another recipe: delete the run to start it anew")
        saved = dict(state["progress"])
        curve = [CurvePoint(**point) for point in saved.pop("curve")]
        self.progress = Progress(**saved, curve=curve)
        self.losses.values[: self.progress.step] = state["losses"].to(self.device)
        self.model.load_state_dict(state["model"])
        self.best_weights = {name: value.to(self.device) for name, value in state["best"].items()}
        continue_from(self.optimizer, state["optimizer"])
        self._random = state["random"]
        return self.progress

    def step(self, index: Tensor, generator: torch.Generator) -> Tensor:
        """One update on the samples that `index` names. Returns the loss before it, without waiting for the device."""
        batch = self.task.batch(self.train_data, index, generator)
        return self._updates(batch.inputs, batch.lengths, batch.targets)

    def batches(self, epoch: int) -> tuple[Tensor, ...]:
        """The sample numbers of every batch of an epoch: a permutation drawn from the seed and the epoch.

        With ``bucket``, the samples of so many consecutive batches are sorted by length before they are cut into
        batches, and the full batches are then put into a random order; a last, smaller one stays the last.
        """
        generator = torch.Generator().manual_seed(derive(self.seed, "order", epoch))
        order, size = torch.randperm(self.samples, generator=generator), self.training.batch_size
        if self.training.bucket is None:
            return order.to(self.device).split(size)
        lengths = self.train_data.lengths.cpu()
        pools = order.split(self.training.bucket * size)
        batches = torch.cat([pool[lengths[pool].argsort(stable=True)] for pool in pools]).to(self.device).split(size)
        full = self.samples // size
        return (*(batches[i] for i in torch.randperm(full, generator=generator).tolist()), *batches[full:])

    def generator(self, epoch: int, step: int) -> torch.Generator:
        """Random numbers for what one batch draws anew: fresh samples, or noise around given ones."""
        return torch.Generator().manual_seed(derive(self.seed, "fresh", epoch, step))

    def _training_data(self) -> tuple[Any, int]:
        """What is trained on, and how many samples of it make an epoch."""
        data, training = self.splits.train, self.training
        if training.bucket is not None and data.lengths is None:
            raise UserError(
                f"bucket is for sequences of different lengths; those of {self.recipe.task} have one length"
            )
        if not data.fresh:
            if training.steps_per_epoch is not None:
                raise UserError(f"steps_per_epoch is for tasks that draw fresh data; {self.recipe.task} has epochs")
            data = data if training.train_limit is None else data.head(training.train_limit)
            return data, len(data)
        if training.train_limit is not None:
            raise UserError(f"train_limit means nothing for {self.recipe.task}, whose every batch is new")
        steps = training.steps_per_epoch
        return data, len(data) if steps is None else steps * training.batch_size

    def _epoch(self) -> None:
        progress = self.progress
        rate = self._use_rate()
        batches = self.batches(progress.epoch)
        self.losses.begin(progress.step)
        while progress.step < self.steps and not (progress.step and self._out_of_time()):
            self._heed()
            if time.perf_counter() - self._saved_at > self.checkpoint_every:
                self._save()
            step, rate = progress.step, self._use_rate()
            self.losses.put(step, self.step(batches[step], self.generator(progress.epoch, step)))
            progress.step += 1
            self._check_losses(exactly=progress.step == self.steps)
            self.listener.on_step(progress, self.steps, self._loss)
        self._check_losses(exactly=True)
        self._finish_epoch(rate)

    def _update(self, inputs: Tensor, lengths: Tensor | None, targets: Tensor) -> Tensor:
        """One update on a batch. Returns the loss before it."""
        self.optimizer.zero_grad(set_to_none=True)
        precision = self.training.precision
        with calculating(precision):
            with mixed(precision, self.device):
                loss = loss_of(self.task, self.model(inputs, lengths), targets)
            loss.backward()
        if self.training.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.training.clip_norm)
        self.optimizer.step()
        return loss.detach()

    def _changing(self) -> list[Tensor]:
        """All tensors that an update changes."""
        kept = [value for state in self.optimizer.state.values() for value in state.values()]
        return [*self.model.parameters(), *self.model.buffers(), *(one for one in kept if isinstance(one, Tensor))]

    def _use_rate(self) -> float:
        """Set and return the learning rate of the next step of the epoch, or of its last one where all are done."""
        step = min(self.progress.step, self.steps - 1)
        rate = learning_rate(self.training, self.progress.epoch + step / self.steps)
        use_rate(self.optimizer, rate)
        return rate

    def _loss(self) -> float:
        return self.losses.newest(self.progress.step)

    def _check_losses(self, *, exactly: bool) -> None:
        """End the run where a loss of this epoch is NaN or has exploded; `exactly` waits for those of all steps."""
        progress = self.progress
        largest = self.losses.largest(progress.step, exactly=exactly)
        if largest is None:
            return
        if progress.first_loss is None:
            progress.first_loss = self.losses.first()
        limit = EXPLODED * max(progress.first_loss, 1.0)
        if largest <= limit:  # not so where it is NaN
            return
        at = int((~(self.losses.values[: progress.step] <= limit)).nonzero()[0])
        number = progress.epoch * self.steps + at + 1
        raise Failed(f"diverged at step {number} (loss {float(self.losses.values[at]):.4g})")

    def _finish_epoch(self, rate: float) -> None:
        progress = self.progress
        valid = self._evaluate(self.splits.valid)
        self._clock()
        step = progress.epoch * self.steps + progress.step
        point = CurvePoint(
            progress.epoch + 1, step, progress.seconds, self._train_loss(), valid.loss, valid.metric, rate
        )
        progress.curve.append(point)
        if not math.isfinite(valid.loss):
            raise Failed(f"diverged at step {step} (validation loss {valid.loss:.4g})")
        if progress.step < self.steps or (self._out_of_time() and point.epoch < self.training.epochs):
            progress.warnings.append(f"max_time ended the training at step {step}, in epoch {point.epoch}")
        if self._is_better(valid.metric):
            progress.best, progress.best_epoch = valid.metric, point.epoch
            if self.training.selection == "best":
                self.best_weights = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        progress.epoch, progress.step = point.epoch, 0
        progress.over = progress.epoch >= self.training.epochs or self._out_of_time() or self._out_of_patience()
        self.listener.on_epoch(progress)
        if progress.over:
            self._save()

    def _is_better(self, metric: float) -> bool:
        best = self.progress.best
        return best is None or (metric > best if self.task.higher_is_better else metric < best)

    def _out_of_time(self) -> bool:
        limit = self.training.max_time
        return limit is not None and self._seconds() >= limit

    def _out_of_patience(self) -> bool:
        patience = self.training.patience
        return patience is not None and self.progress.epoch - self.progress.best_epoch >= patience

    def _train_loss(self) -> float:
        """Mean loss over the samples of the epoch so far, each batch weighted by its size."""
        done, size = self.progress.step, self.training.batch_size
        sizes = torch.full((done,), size, dtype=torch.float64)
        if done == self.steps:
            sizes[-1] = self.samples - (done - 1) * size
        return float((self.losses.values[:done].cpu().double() * sizes).sum() / sizes.sum())

    def _outcome(self) -> Outcome:
        """Scores with the selected weights; the test split is seen here, once, and nowhere else."""
        if self.best_weights:
            self.model.load_state_dict(self.best_weights)
        selected = self.progress.curve[self.progress.best_epoch - 1 if self.best_weights else -1]
        test = self._evaluate(self.splits.test) if self.test else None
        weights = {name: value.detach().cpu() for name, value in self.model.state_dict().items()}
        return Outcome(Score(selected.valid_loss, selected.valid), test, weights)

    def _seconds(self) -> float:
        return self.progress.seconds + time.perf_counter() - self._started_at

    def _clock(self) -> None:
        """Book the time since the last call."""
        self.progress.seconds, self._started_at = self._seconds(), time.perf_counter()

    def _evaluate(self, data: Any) -> Score:
        by_length = self.training.bucket is not None and not self.task.reads_padding
        precision = self.training.precision
        with calculating(precision), mixed(precision, self.device):
            return evaluate(self.model, self.task, data, self.training.eval_batch_size, self._heed, by_length=by_length)

    def _heed(self) -> None:
        """End here, with all that was done in a checkpoint, if that was asked for."""
        if reason := self.stop():
            self._save()
            raise Interrupted(reason)

    def _pause(self) -> None:
        self._clock()
        self.listener.on_pause(self.progress)

    def _save(self) -> None:
        if self.file is None:
            return
        self._pause()
        state = {
            "identity": self.identity,
            "progress": asdict(self.progress),
            "losses": self.losses.values[: self.progress.step].cpu(),
            "model": self.model.state_dict(),
            "best": self.best_weights,
            "optimizer": self.optimizer.state_dict(),
            "random": _random_state(self.device),
        }
        checkpoint.save(state, self.file)
        self._saved_at = time.perf_counter()


def _current(device: torch.device) -> AbstractContextManager[object]:
    """A scope in which a GPU is the current one: what names no device, such as an event, is of the current one."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _own_random_numbers(device: torch.device) -> AbstractContextManager[None]:
    """A scope whose random numbers leave the caller's as they were."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def _first_random_state(seed: int, device: torch.device) -> list[Tensor]:
    """What dropout and the like start from, without touching the caller's random numbers."""
    with _own_random_numbers(device):
        torch.manual_seed(derive(seed, "training"))
        return _random_state(device)


def _random_state(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def _restore_random_state(states: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)
