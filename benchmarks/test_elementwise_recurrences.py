"""The compiled elementwise recurrences, forward and backward, against plain PyTorch, an LSTM and a copy of the bytes.

All take turns within one run, so that whatever else the machine does hits them alike. Of every round the ratios are
taken; their medians and quartiles are printed. The recurrence alone is timed: its input is there already, as it is
after the product with the input weights. The LSTM has the same sizes, its input product included.
``tox -e benchmarks`` runs it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from statistics import median, quantiles

import pytest
import torch
from torch import Tensor

from architectures import LSTM, kernels
from architectures.indrnn import indrnn_eager
from architectures.kernels import elementwise
from architectures.sru import sru_eager
from architectures.unicornn import unicornn_eager

SIZES = {"psmnist": (784, 32, 256, 9), "eigenworms": (17_984, 8, 32, 5)}  # L, N, H, rounds
STREAMS = {"unicornn": 6, "indrnn": 5, "sru": 14}
"""Arrays of (L, N, H) that a forward and a backward sweep must at least read or write: those of the input and its
gradient (SRU: three gates and the highway), what is read again for the backward sweep, the output and its gradient."""


def operands(operation: str, length: int, batch: int, width: int) -> tuple[list[Tensor], Callable, Callable]:
    """What an operation takes, the compiled form and the readable one."""
    torch.manual_seed(0)
    drive, zeros = torch.randn(length, batch, width), torch.zeros(batch, width)
    bias = torch.zeros(width)
    if operation == "unicornn":
        given = [drive, torch.rand(width), torch.full((width,), 0.1), bias, zeros, zeros.clone()]
        compiled, eager = (
            lambda x, w, s, b, y, z, form=form: form(x, w, s, b, (y, z), 30.65)
            for form in (elementwise.unicornn, unicornn_eager)
        )
    elif operation == "indrnn":
        given = [drive, torch.rand(width), bias, zeros]
        compiled, eager = (
            lambda *tensors, form=form: form(*tensors, "relu") for form in (elementwise.indrnn, indrnn_eager)
        )
    else:
        gates = torch.randn(length, batch, 3 * width)
        given = [gates, drive, torch.randn(2, width) / 2, torch.zeros(2, width), zeros]
        compiled, eager = (
            lambda *tensors, form=form: form(*tensors, "identity") for form in (elementwise.sru, sru_eager)
        )
    return [tensor.requires_grad_() for tensor in given], compiled, eager


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("operation", STREAMS)
def test_forward_and_backward(operation, size, benchmark, seconds, two_threads):
    length, batch, width, rounds = SIZES[size]
    given, compiled, eager = operands(operation, length, batch, width)
    outside = torch.randn(length, batch, width)
    lstm, input = LSTM(width, width), torch.randn(length, batch, width)
    moved = length * batch * width * STREAMS[operation] // 2  # half of the bytes of a copy are read, half written
    source, target = torch.ones(moved), torch.ones(moved)

    def both(form: Callable) -> None:
        torch.autograd.grad(form(*given)[0], given, outside)

    contenders: dict[str, Callable[[], object]] = {
        "compiled": lambda: both(compiled),
        "eager": lambda: both(eager),
        "LSTM": lambda: torch.autograd.grad(lstm(input)[0], list(lstm.parameters()), outside),
        "copy": lambda: target.copy_(source),
    }
    for work in contenders.values():
        work()
    kernels.reset()
    found: list[dict[str, float]] = []

    def turn() -> None:
        found.append({name: seconds(work) for name, work in contenders.items()})

    benchmark.pedantic(turn, rounds=rounds)
    print(
        f"\n{operation}, {length} x {batch} x {width}, float32, {two_threads} threads, {rounds} rounds, "
        f"load {' '.join(f'{load:.1f}' for load in os.getloadavg())}, ran {kernels.counts()}"
    )
    for name in contenders:
        low, middle, high = quantiles([one[name] * 1e3 for one in found], n=4)
        print(f"  {name}: {middle:.1f} ms (quartiles {low:.1f} to {high:.1f})")
    for name in ("eager", "LSTM", "copy"):
        over, under = (name, "compiled") if name != "copy" else ("compiled", "copy")
        values = [one[over] / one[under] for one in found]
        low, _, high = quantiles(values, n=4)
        benchmark.extra_info[f"{over} / {under}"] = [low, median(values), high]
        print(f"  {over} / {under}: {median(values):.2f} (quartiles {low:.2f} to {high:.2f})")
