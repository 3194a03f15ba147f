"""What the harness adds to a training step: its time against a hand-written loop over the same model and batches.

Both are timed in turns within one run, epoch by epoch; the ratio of the medians over all steps is printed with its
quartiles over the rounds. ``tox -e benchmarks`` runs it.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median, quantiles

import pytest
import torch
from torch import nn

from harness.execution import Job, Machine
from harness.home import Home
from harness.recipes import named
from harness.registry import Registry
from harness.training import Listener

ROUNDS = 15
CASES = {
    "lstm, 16 units (the shortest step)": ("lstm", {"hidden_size": 16}),
    "gru": ("gru", {}),
    "cornn": ("cornn", {}),
    "unicornn": ("unicornn", {}),
}


class Clock(Listener):
    """Seconds between the ends of neighbouring steps of the harness, the progress of the command line included."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.last: float | None = None

    def on_step(self, progress, steps, loss) -> None:
        now = time.perf_counter()
        if self.last is not None:
            self.times.append(now - self.last)
        self.last = now


def by_hand(job: Job) -> list[float]:
    """One epoch as one would write it for this pair alone; seconds between the ends of neighbouring steps."""
    model, training, data = job.model(0), job.named.recipe.training, job.splits.train
    optimizer = torch.optim.Adam(model.parameters(), lr=training.lr, foreach=True)
    model.train()
    times: list[float] = []
    last: float | None = None
    for index in torch.randperm(len(data)).split(training.batch_size):
        batch = job.task.batch(data, index)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch.inputs), batch.targets)
        loss.backward()
        optimizer.step()
        now = time.perf_counter()
        if last is not None:
            times.append(now - last)
        last = now
    return times


def by_harness(job: Job, folder: Path) -> list[float]:
    """One epoch of the harness, with its checks, its listener and checkpoints as by default."""
    clock = Clock()
    job.trainer(0, listener=clock, file=folder / "checkpoint.pt").run()
    return clock.times


@pytest.mark.parametrize("case", CASES)
def test_time_per_step_against_a_hand_written_loop(case, benchmark, tmp_path):
    arch, changes = CASES[case]
    recipe = named(Registry(), arch, "psdigits", changes={"epochs": 1, **changes})
    job = Job(Registry(), recipe, Machine(Home(tmp_path), tmp_path, True, "cpu"))
    hand: list[list[float]] = []
    ours: list[list[float]] = []

    def both() -> None:
        hand.append(by_hand(job))
        ours.append(by_harness(job, tmp_path))

    benchmark.pedantic(both, rounds=ROUNDS, warmup_rounds=1)
    hand, ours = hand[1:], ours[1:]
    ratio = median(sum(ours, [])) / median(sum(hand, []))
    low, _, high = quantiles([median(a) / median(b) for a, b in zip(ours, hand, strict=True)], n=4)
    benchmark.extra_info.update(ratio=ratio, ratio_quartiles=[low, high], threads=torch.get_num_threads())
    print(
        f"\n{case}: {median(sum(ours, [])) * 1e3:.3f} ms a step by the harness,"
        f" {median(sum(hand, [])) * 1e3:.3f} ms by hand: ratio {ratio:.3f}"
        f" (quartiles of {ROUNDS} rounds {low:.3f} to {high:.3f}; {torch.get_num_threads()} threads)"
    )
