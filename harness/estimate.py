"""What a run would cost on this machine: a few real steps, timed, and multiplied out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any

import torch

from harness.evaluation import evaluate
from harness.execution import Job
from harness.machine import subnormals_flushed
from harness.training import Trainer

BUDGET = 5.0
"""Seconds after which no further step is timed."""
STEPS = 20


@dataclass(frozen=True)
class Estimate:
    """Measured on the spot; `seconds` is for all epochs of one seed, without loading the data."""

    device: str
    threads: int
    parameters: int
    parameters_without_embedding: int
    samples: int
    steps_per_epoch: int
    epochs: int
    step_seconds: float
    validation_seconds: float
    timed_steps: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def measure(job: Job, seed: int, budget: float = BUDGET) -> Estimate:
    """Time real training steps and one validation batch of a job, on a model that is then thrown away.

    No further step is timed after `budget` seconds.
    """
    model = job.rehearse(seed)
    trainer, training, splits = job.trainer(seed), job.named.recipe.training, job.splits
    part = splits.valid.head(training.eval_batch_size)
    with subnormals_flushed():
        times = _step_times(trainer, job.device, budget)
        evaluation = _timed(job.device, evaluate, trainer.model, job.task, part, training.eval_batch_size) / len(part)
    step = (mean if trainer.train_data.lengths is not None else median)(times)  # steps of unequal length add up
    epoch = trainer.steps * step + evaluation * len(splits.valid)
    return Estimate(
        device=str(job.device),
        threads=job.threads,
        parameters=model.count_parameters(),
        parameters_without_embedding=model.count_parameters(embedding=False),
        samples=trainer.samples,
        steps_per_epoch=trainer.steps,
        epochs=training.epochs,
        step_seconds=step,
        validation_seconds=evaluation * len(splits.valid),
        timed_steps=len(times),
        seconds=min(training.epochs * epoch, training.max_time or math.inf) + evaluation * len(splits.test),
    )


def _step_times(trainer: Trainer, device: torch.device, budget: float) -> list[float]:
    """Seconds of each of the first steps but the very first, which warms up (unless it took all the time there was)."""
    times: list[float] = []
    trainer.model.train()
    for number, index in enumerate(trainer.batches(0)[:STEPS]):
        times.append(_timed(device, trainer.step, index, trainer.generator(0, number)))
        if sum(times) > budget:
            break
    return times[1:] or times


def _timed(device: torch.device, work: Callable[..., Any], *arguments: Any) -> float:
    """Seconds of ``work(*arguments)``, with all that it set going on the device."""
    wait = torch.cuda.synchronize if device.type == "cuda" else _nothing
    wait()
    start = time.perf_counter()
    work(*arguments)
    wait()
    return time.perf_counter() - start


def _nothing() -> None: ...
