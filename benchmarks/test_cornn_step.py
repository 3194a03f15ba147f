"""A training step of coRNN, compiled, against a loop over the reference cell and against the machine's matrix products.

The three take turns within one run, so that whatever else the machine does hits all alike. Of every round two numbers
are taken: how many times as long the loop takes, and at what rate the step does the arithmetic of its recurrent
products, as a share of the rate at which torch multiplies large matrices. Their medians and quartiles are printed.
``tox -e benchmarks`` runs it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from statistics import median, quantiles

import pytest
import torch
from torch import Tensor, nn

from architectures import CoRNN, kernels

ROUNDS = 7
SHAPES = {"psmnist": (784, 120, 256), "the adding problem": (500, 50, 128)}
SIDE = 4096  # of the large matrices
DT, GAMMA, EPSILON = 0.076, 0.4, 8.0


def reference(i2h: nn.Linear, input: Tensor) -> Tensor:
    """The position after the last step, as the cell of the paper's code is used."""
    y = z = input.new_zeros(input.shape[1], i2h.out_features)
    for u in input.unbind(0):
        z = z + DT * (torch.tanh(i2h(torch.cat((u, z, y), 1))) - GAMMA * y - EPSILON * z)
        y = y + DT * z
    return y


@pytest.mark.parametrize("case", SHAPES)
def test_training_step(case, benchmark, seconds, two_threads):
    length, batch, units = SHAPES[case]
    torch.manual_seed(0)
    layer = CoRNN(1, units, dt=DT, gamma=GAMMA, epsilon=EPSILON)
    (parameters,) = (cell.i2h for cell in layer.cells)
    input, large, product = torch.randn(length, batch, 1), torch.randn(SIDE, SIDE), torch.empty(SIDE, SIDE)
    kernels.reset()

    def step(model: Callable[[Tensor], Tensor]) -> None:
        layer.zero_grad()
        model(input).square().mean().backward()

    contenders: tuple[Callable[[], object], ...] = (
        lambda: step(lambda input: layer(input)[1][0][-1]),
        lambda: step(lambda input: reference(parameters, input)),
        lambda: torch.mm(large, large, out=product),
    )
    rounds: list[list[float]] = []
    benchmark.pedantic(lambda: rounds.append([seconds(work) for work in contenders]), rounds=ROUNDS, warmup_rounds=1)
    operations = 3 * 2 * length * batch * units * 2 * units  # forward, gradients of the states, gradient of the weight
    rates = [(operations / ours, 2 * SIDE**3 / multiplied) for ours, _, multiplied in rounds[1:]]
    best = max(rate for _, rate in rates)
    figures = {
        "times as fast as the loop": [looped / ours for ours, looped, _ in rounds[1:]],
        "of the rate of large products, round by round": [rate / peak for rate, peak in rates],
        "of the best rate of large products": [rate / best for rate, _ in rates],
    }
    print(
        f"\ncoRNN, {case}: {length} x {batch} x {units}, float32, {two_threads} threads, {ROUNDS} rounds, "
        f"load {' '.join(f'{load:.1f}' for load in os.getloadavg())}, ran {kernels.counts()}"
    )
    for name, which in (("compiled", 0), ("loop", 1), ("large product", 2)):
        low, middle, high = quantiles([one[which] * 1e3 for one in rounds[1:]], n=4)
        print(f"  {name}: {middle:.0f} ms (quartiles {low:.0f} to {high:.0f})")
    print(f"  {median(rate for rate, _ in rates) / 1e9:.0f} GFLOP/s; large products {best / 1e9:.0f} at best")
    for name, values in figures.items():
        low, middle, high = quantiles(values, n=4)
        benchmark.extra_info[name] = [low, middle, high]
        print(f"  {middle:.2f} {name} (quartiles {low:.2f} to {high:.2f})")
