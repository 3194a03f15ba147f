"""LSTM and GRU on the CPU, forward and backward: a long sequence in chunks against torch's layer over all of it.

The two, and the oracle in plain PyTorch, take turns within one run. Of every round the ratio of torch's time to ours is
taken; its median and quartiles are printed, and how the layer was computed. ``tox -e benchmarks`` runs it.
"""

from __future__ import annotations

import time
from statistics import median, quantiles

import pytest
import torch
from torch import nn

from architectures import GRU, LSTM, kernels

ROUNDS = 9
CASES = {  # steps, batch, units
    "digits": (64, 32, 128),
    "pixels, small": (784, 8, 32),
    "pixels": (784, 32, 128),
    "pixels, wide": (784, 32, 256),
    "noise-padded": (1000, 100, 104),
    "eigenworms": (17_984, 8, 32),
}


def seconds(layer: nn.RNNBase, input: torch.Tensor) -> float:
    layer.zero_grad(set_to_none=True)
    start = time.perf_counter()
    output, _ = layer(input)
    output.backward(torch.ones_like(output))
    return time.perf_counter() - start


@pytest.mark.parametrize(("ours", "torchs"), [(LSTM, nn.LSTM), (GRU, nn.GRU)], ids=["lstm", "gru"])
@pytest.mark.parametrize("case", CASES)
def test_time_in_chunks_against_the_whole_sequence(case, ours, torchs, benchmark):
    steps, batch, units = CASES[case]
    layers = {"ours": ours(4, units), "torch": torchs(4, units), "oracle": ours(4, units, backend="eager")}
    input, times = torch.rand(steps, batch, 4), {name: [] for name in layers}
    order = list(layers)
    kernels.reset()

    def turn() -> None:
        for name in order:
            times[name].append(seconds(layers[name], input))
        order.append(order.pop(0))  # what runs after the oracle finds the caches cold, so that falls to each in turn

    benchmark.pedantic(turn, rounds=ROUNDS, warmup_rounds=1)
    ratios = [torch_time / own for torch_time, own in zip(times["torch"][1:], times["ours"][1:], strict=True)]
    low, ratio, high = quantiles(ratios, n=4)
    how = next(operation for operation, backend in kernels.counts() if backend == "torch")
    threads = torch.get_num_threads()
    benchmark.extra_info.update(ratio=ratio, quartiles=[low, high], threads=threads, how=how)
    ms = {name: 1e3 * median(found[1:]) for name, found in times.items()}
    print(
        f"\n{case}, {steps} x {batch} x {units}, {how}: {ms['ours']:.1f} ms, torch's layer {ms['torch']:.1f} ms:"
        f" {ratio:.2f} times as fast ({low:.2f} to {high:.2f}; oracle {ms['oracle']:.0f} ms; {threads} threads)"
    )
