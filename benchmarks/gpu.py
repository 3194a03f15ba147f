"""Timings of the recurrences on a GPU, as JSON: ``python benchmarks/gpu.py --json FILE``.

UnICORNN against the form of the published kernel (``published.cu``), cuDNN's LSTM of the same size in FP32 and in TF32,
itself in one
sweep over time where it is parallel in time, a copy of the bytes that have to be moved and the serial chain (the
same length for one warp alone, which nothing can slow down).
coRNN against plain PyTorch, cuDNN's LSTM, the products alone that it must wait for one after the other, and itself
without graphs of its own; as CUDA graphs, which have none within them, that is the kernels and no calls. All take
turns; times are those of the device between two events, medians and quartiles over the rounds, after a warm-up. Ends
with code 2 where there is no GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))
from published import Published, on_gpu

from architectures import kernels
from architectures.cornn import cornn_eager
from architectures.kernels import cuda
from architectures.kernels.cuda import graphs as recorded
from architectures.kernels.cuda import sweeps
from architectures.kernels.cuda.capturing import capture

SIZES = {  # L, N, H, dt, alpha, rounds
    "figure, 1000 steps": (1000, 128, 128, 0.1, 10.0, 30),
    "figure, 2000 steps": (2000, 128, 128, 0.1, 10.0, 30),
    "psmnist": (784, 32, 256, 0.19, 30.65, 50),
    "eigenworms": (17_984, 8, 32, 3.43e-2, 0.0, 10),
}
COUPLED = {  # L, N, H, dt, gamma, epsilon, rounds
    "coRNN, psmnist": (784, 120, 256, 0.076, 0.4, 8.0, 10),
    "coRNN, small": (1000, 30, 128, 0.076, 0.4, 8.0, 10),
}
STREAMS = {"forward": 2, "both": 6}
"""Arrays of (L, N, H) that UnICORNN must at least read or write: input and output; again both, and their gradients."""
LSTM = {"cuDNN LSTM, FP32": "ieee", "cuDNN LSTM, TF32": "tf32"}
"""cuDNN takes TF32 unless told otherwise; ours is FP32."""
Work = Callable[[], Any]


def contenders(length: int, batch: int, width: int, dt: float, alpha: float) -> dict[str, dict[str, Work]]:
    """By phase (forward that keeps what gradients need, or forward and backward) and name, what is timed.

    The recurrences alone; the LSTM with its input product.
    """
    torch.manual_seed(0)
    works: dict[str, dict[str, Work]] = {"forward": {}, "both": {}}

    def timed(name: str, forward: Callable[[], Tensor], leaves: list[Tensor]) -> None:
        outside = torch.randn_like(forward())
        works["forward"][name] = forward
        works["both"][name] = lambda: torch.autograd.grad(forward(), leaves, outside)

    def ours(name: str, batch: int, width: int, dtype: torch.dtype = torch.float32, **keywords: Any) -> None:
        x = torch.randn(length, batch, width, device="cuda").to(dtype).requires_grad_()
        vectors = torch.rand(width), dt * torch.sigmoid(0.2 * torch.rand(width) - 0.1), torch.zeros(width)
        small = [vector.to("cuda", dtype).requires_grad_() for vector in vectors]
        state = (torch.zeros(batch, width, device="cuda", dtype=dtype),) * 2
        timed(name, lambda: cuda.unicornn(x, *small, state, alpha, **keywords)[0], [x, *small])

    ours("ours", batch, width)
    ours("ours, memory low", batch, width, memory="low")
    ours("ours, bfloat16 in memory", batch, width, torch.bfloat16)
    ours("ours, fast_math", batch, width, fast_math=True)
    ours("ours, in one sweep", batch, width)
    ours("one warp alone", 1, 32)
    for works_of_phase in works.values():
        for name in ("ours, in one sweep", "one warp alone"):
            works_of_phase[name] = in_one_sweep(works_of_phase[name])

    lstm, through = nn.LSTM(width, width, device="cuda"), torch.randn(length, batch, width, device="cuda")
    for name, precision in LSTM.items():
        timed(name, in_precision(precision, lambda: lstm(through)[0]), [through.requires_grad_(), *lstm.parameters()])
        works["both"][name] = in_precision(precision, works["both"][name])

    published = Published(on_gpu(), dt, alpha)
    x, outside = (torch.randn(length, batch, width, device="cuda") for _ in range(2))
    w, c, zeros = (torch.zeros(*shape, device="cuda") for shape in ((width,), (width,), (batch, width)))
    works["forward"]["published form"] = lambda: published.forward(x, w, c, zeros, zeros)
    works["both"]["published form"] = lambda: published.backward(
        x, w, c, *published.forward(x, w, c, zeros, zeros)[1:], outside
    )

    for phase, streams in STREAMS.items():
        source = torch.ones(length * batch * width * streams // 2, device="cuda")
        target = torch.empty_like(source)
        works[phase]["copy"] = lambda source=source, target=target: target.copy_(source)
    return works


def in_one_sweep(work: Work) -> Work:
    """The work with every chain taken by one thread through all of time, whatever the size."""

    def without() -> object:
        before = sweeps.by_newton, sweeps.by_segments
        sweeps.by_newton = sweeps.by_segments = lambda *sizes: False
        try:
            return work()
        finally:
            sweeps.by_newton, sweeps.by_segments = before

    return without


def in_precision(precision: str, work: Work) -> Work:
    """The work with cuDNN's RNNs in FP32 ("ieee") or TF32 ("tf32")."""

    def within() -> Any:
        settings = torch.backends.cudnn
        before = settings.allow_tf32
        settings.allow_tf32 = precision == "tf32"
        try:
            return work()
        finally:
            settings.allow_tf32 = before

    return within


def launched(work: Work) -> Work:
    """The work without graphs of our own: every product and kernel is asked for by Python."""

    def without() -> object:
        before = os.environ.get(recorded.SWITCH, "")
        os.environ[recorded.SWITCH] = "0"
        try:
            return work()
        finally:
            os.environ[recorded.SWITCH] = before

    return without


def coupled_contenders(
    length: int, batch: int, width: int, dt: float, gamma: float, epsilon: float
) -> dict[str, dict[str, Work]]:
    """As :func:`contenders`, for coRNN."""
    torch.manual_seed(0)
    drive = torch.randn(length, batch, width, device="cuda").requires_grad_()
    weight = ((2 * torch.rand(width, 2 * width, device="cuda") - 1) * (2 * width) ** -0.5).requires_grad_()
    state = (torch.zeros(batch, width, device="cuda"),) * 2
    outside, lstm = torch.randn(length, batch, width, device="cuda"), nn.LSTM(width, width, device="cuda")

    def ours() -> Tensor:
        return cuda.cornn(drive, weight, state, dt, gamma, epsilon, "explicit")[0]

    def eager() -> Tensor:
        return cornn_eager(drive, weight, state, dt, gamma, epsilon, "explicit")[0]

    def both(forward: Callable[[], Tensor], leaves: list[Tensor]) -> Work:
        return lambda: torch.autograd.grad(forward(), leaves, outside)

    leaves = [drive, weight]
    works: dict[str, dict[str, Work]] = {
        "forward": {"ours": ours, "plain PyTorch": eager},
        "both": {"ours": both(ours, leaves), "plain PyTorch": both(eager, leaves)},
    }
    for name, precision in LSTM.items():
        forward = lambda: lstm(drive)[0]  # noqa: E731
        works["forward"][name] = in_precision(precision, forward)
        works["both"][name] = in_precision(precision, both(forward, [drive, *lstm.parameters()]))
    for phase, directions in (("forward", 1), ("both", 2)):
        works[phase]["ours, launched step by step"] = launched(works[phase]["ours"])
        works[phase]["products alone"] = lambda count=directions: products(weight, batch, length, count)
    return works


@torch.no_grad()
def products(weight: Tensor, batch: int, length: int, directions: int) -> None:
    """The products of coRNN's steps, forward or both ways, with nothing in between."""
    width = len(weight)
    states, sums = (torch.ones(batch, size, device="cuda") for size in (2 * width, width))
    for _ in range(length):
        torch.mm(states, weight.t(), out=sums)
    for _ in range(length * (directions - 1)):
        torch.mm(sums, weight, out=states)


def milliseconds(work: Work) -> float:
    """What the device took for it."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)


def replayed(work: Work) -> Work:
    """The work as a CUDA graph: the kernels without what it takes to call them from Python."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph, _ = capture(work, stream, torch.cuda.graph_pool_handle())
    return graph.replay


def measured(works: dict[str, Work], rounds: int) -> dict[str, Any]:
    """Quartiles of every contender, and of the ratios of all to ours, round by round."""
    for work in works.values():
        for _ in range(3):
            work()
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(milliseconds(work))
    ratios = {name: [a / b for a, b in zip(times, found["ours"], strict=True)] for name, times in found.items()}
    return {
        "milliseconds": {name: quantiles(times, n=4) for name, times in found.items()},
        "over ours": {name: quantiles(values, n=4) for name, values in ratios.items()},
    }


def all_sizes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every size with its phases: called from Python as in a training, and the kernels alone as CUDA graphs."""
    cases = [(title, contenders, *setting) for title, setting in SIZES.items()]
    cases += [(title, coupled_contenders, *setting) for title, setting in COUPLED.items()]
    for title, of_case, length, batch, width, *constants, rounds in cases:
        found: dict[str, Any] = {"L x N x H": [length, batch, width]}
        for phase, works in of_case(length, batch, width, *constants).items():
            called = measured(works, rounds)
            graphs = measured({name: replayed(work) for name, work in works.items()}, rounds)
            found[phase] = {"called": called, "graph": graphs}
            print(title, phase, json.dumps(graphs["over ours"]), flush=True)
        yield title, found


def main() -> None:
    """Measure, and write the file after every size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    file = parser.parse_args().json
    if not torch.cuda.is_available():
        print("there is no GPU that this torch can use", file=sys.stderr)
        raise SystemExit(2)
    kernels.reset()
    versions = {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    found: dict[str, Any] = {"device": torch.cuda.get_device_name(), "versions": versions, "quartiles": {}}
    for title, quartiles in all_sizes():
        found["quartiles"][title] = quartiles
        found["ran"] = {f"{operation} {backend}": count for (operation, backend), count in kernels.counts().items()}
        written = file.with_suffix(".part")
        written.write_text(json.dumps(found, indent=1), encoding="utf-8")
        written.replace(file)


if __name__ == "__main__":
    main()
