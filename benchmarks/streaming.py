"""Where a few steps at a time are faster in plain PyTorch than compiled, without gradients: one core, in turns.

    python benchmarks/streaming.py

prints, for each layer, width, batch and number of steps, the microseconds of a call of both backends, their ratio, and
the backend that the layer takes by itself. The rule is ``pays`` in ``architectures/kernels/operators.py`` and
``cornn.py``. Times are those of the processor, the least of many rounds, so that other programs disturb little.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch

from architectures import SRU, CoRNN, IndRNN, UnICORNN, kernels

LAYERS: dict[str, Callable[..., Any]] = {
    "cornn": lambda width, backend: CoRNN(3, width, dt=0.1, backend=backend),
    "unicornn": lambda width, backend: UnICORNN(3, width, dt=0.1, alpha=1.0, backend=backend),
    "indrnn": lambda width, backend: IndRNN(3, width, backend=backend),
    "sru": lambda width, backend: SRU(3, width, backend=backend),
}


def in_turns(calls: list[Callable[[], Any]], rounds: int = 25, repeats: int = 40) -> list[float]:
    """Microseconds of each of the `calls`."""
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for number, call in enumerate(calls):
            start = time.thread_time()
            for _ in range(repeats):
                call()
            best[number] = min(best[number], (time.thread_time() - start) / repeats * 1e6)
    return best


def call_of(name: str, width: int, backend: str | None, input: torch.Tensor) -> Callable[[], Any]:
    """A call of a layer that goes on from a state."""
    layer = LAYERS[name](width, backend)
    _, state = layer(input)
    return lambda: layer(input, state)


def taken(name: str, width: int, input: torch.Tensor) -> str:
    """The backend that the layer takes by itself."""
    kernels.reset()
    LAYERS[name](width, None)(input)
    [(_, backend)] = kernels.counts()
    return backend


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", nargs="+", default=list(LAYERS), choices=list(LAYERS))
    parser.add_argument("--widths", nargs="+", type=int, default=[32, 128, 256])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--steps", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32])
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'layer':10} {'H':>4} {'N':>4} {'L':>4} {'cpu':>9} {'eager':>9} {'ratio':>6}  taken")
    with torch.inference_mode():
        for name in given.layers:
            for width in given.widths:
                for batch in given.batches:
                    for steps in given.steps:
                        input = torch.randn(steps, batch, 3)
                        compiled, eager = in_turns([call_of(name, width, how, input) for how in ("cpu", "eager")])
                        sizes = f"{width:4} {batch:4} {steps:4}"
                        times = f"{compiled:9.1f} {eager:9.1f} {compiled / eager:6.2f}"
                        print(f"{name:10} {sizes} {times}  {taken(name, width, input)}", flush=True)


if __name__ == "__main__":
    main()
