"""What the harness adds to a training step: its time against a hand-written loop over the same model and batches.

The two take turns, step by step, within one run, so that whatever else the machine does hits both alike. Of every
round the ratio of the two medians is taken; the median and the quartiles of these ratios are printed.
``tox -e benchmarks`` runs it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median, quantiles

import pytest
import torch
from torch import nn

from harness.execution import Job
from harness.home import Home
from harness.machine import Machine
from harness.recipes import named
from harness.registry import Registry
from harness.training import Listener

ROUNDS = 10
CASES = {
    "lstm with 16 units, the shortest step": ("lstm", {"hidden_size": 16}),
    "gru": ("gru", {}),
    "cornn": ("cornn", {}),
    "unicornn": ("unicornn", {}),
}


def by_hand(job: Job) -> Iterator[None]:
    """An epoch as one would write it for this pair alone, a step at a time."""
    model, training, data = job.model(0), job.named.recipe.training, job.splits.train
    optimizer = torch.optim.Adam(model.parameters(), lr=training.lr, foreach=True)
    model.train()
    for index in torch.randperm(len(data)).split(training.batch_size):
        batch = job.task.batch(data, index)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch.inputs), batch.targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), training.clip_norm)
        optimizer.step()
        yield


class Turns(Listener):
    """Times each step of the harness, and after each of them one of the loop written by hand."""

    def __init__(self, hand: Iterator[None]) -> None:
        self.hand, self.by_harness, self.by_hand = hand, [], []
        self.since = time.perf_counter()

    def on_step(self, progress, steps, loss) -> None:
        now = time.perf_counter()
        self.by_harness.append(now - self.since)
        next(self.hand)
        self.since = time.perf_counter()
        self.by_hand.append(self.since - now)


@pytest.mark.parametrize("case", CASES)
def test_time_per_step_against_a_hand_written_loop(case, benchmark, tmp_path):
    arch, changes = CASES[case]
    recipe = named(Registry(), arch, "psdigits", changes={"epochs": 1, **changes})
    job = Job(Registry(), recipe, Machine(Home(tmp_path), tmp_path, True, "cpu"))
    rounds: list[tuple[list[float], list[float]]] = []

    def epoch() -> None:
        turns = Turns(by_hand(job))
        job.trainer(0, listener=turns, file=tmp_path / "checkpoint.pt").run()
        rounds.append((turns.by_harness[1:], turns.by_hand[1:]))  # the first step warms up

    benchmark.pedantic(epoch, rounds=ROUNDS, warmup_rounds=1)
    ours, hand = (median(median(one[which]) for one in rounds[1:]) for which in (0, 1))
    low, ratio, high = quantiles([median(one) / median(other) for one, other in rounds[1:]], n=4)
    threads = torch.get_num_threads()
    benchmark.extra_info.update(ratio=ratio, quartiles=[low, high], threads=threads)
    print(
        f"\n{case}: {ours * 1e3:.3f} ms a step by the harness, {hand * 1e3:.3f} ms by hand:"
        f" ratio {ratio:.3f} (quartiles of {ROUNDS} rounds {low:.3f} to {high:.3f}; {threads} threads)"
    )
