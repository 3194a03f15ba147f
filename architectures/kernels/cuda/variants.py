"""The CUDA source of a recurrence as one text, and the options that choose its types."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from architectures.kernels import library

HERE = Path(__file__).parent
OSCILLATOR = "UnICORNN<T>"
"""The type of UnICORNN's step, which has a sweep forward of its own that is parallel in time."""
STEPS = {
    ("unicornn", None): OSCILLATOR,
    ("indrnn", 1): "IndRNN<T, Tanh>",
    ("indrnn", 2): "IndRNN<T, Relu>",
    ("sru", 0): "SRU<T, Identity>",
    ("sru", 1): "SRU<T, Tanh>",
    ("sru", 2): "SRU<T, Relu>",
}
"""The type of a step, by operation and number of the activation."""
COUPLED = "CoRNNStep<T>"
"""The type of coRNN's step, whose kernels are others: they do one step at a time."""
TYPES = {torch.float32: "float", torch.float64: "double", torch.bfloat16: "Brain"}

ADDED = ("-ftz=true",)
"""What CuPy adds to the options of every compilation: numbers below 1e-38 become zero in float32."""


_SWEEPS = ("forward", "backward", "backward_low", "add_rows", "segment_maps", "segment_ends", "segment_backward")


@dataclass(frozen=True)
class Variant:
    """One set of kernels: a step, the type it computes in, and those of the inputs and of the outputs in memory.

    `computed` is float32 or float64; `input` and `output` are the same, or bfloat16 beside float32. `fast` takes the
    hardware's approximations of tanh and the sigmoid.
    """

    step: str
    computed: torch.dtype
    input: torch.dtype
    output: torch.dtype
    fast: bool = False

    def kernels(self) -> tuple[str, ...]:
        """The names of all kernels in the source."""
        if self.step == COUPLED:
            return ("forward_step", "backward_step", "states_before")
        return (*_SWEEPS, "forward_newton") if self.step == OSCILLATOR else _SWEEPS

    def __str__(self) -> str:
        name, types = self.step.replace("<T", "<").replace("<, ", "<"), (self.computed, self.input, self.output)
        words = [name.replace("<>", ""), *dict.fromkeys(str(dtype).removeprefix("torch.") for dtype in types)]
        return " ".join([*words, *(["fast_math"] if self.fast else [])])

    def source(self) -> str:
        """All of the source, without files to include, so that a cache of compiled sources sees every change of it."""
        return _source(self.fast, self.step)

    def options(self) -> tuple[str, ...]:
        """What NVRTC is told, besides the architecture.

        Divisions of float32 may be off by two units in the last place (the correctly rounded ones branch and take twice
        as long). CuPy adds :data:`ADDED`; nothing else is relaxed.
        """
        types = {"T": self.computed, "IN": self.input, "OUT": self.output}
        named = tuple(f"-DSWEEP_{name}={TYPES[dtype]}" for name, dtype in types.items())
        return ("--std=c++17", "--prec-div=false", f"-DSWEEP_STEP={self.step}", *named)


def variant(
    operation: str, constant: float, computed: torch.dtype, input: torch.dtype, output: torch.dtype, fast: bool
) -> Variant:
    """The kernels of an operation; `constant` is the number of the activation where there is a choice."""
    step = COUPLED if operation == "cornn" else STEPS[operation, None if operation == "unicornn" else int(constant)]
    return Variant(step, computed, input, output, fast and computed == torch.float32)


@cache
def _source(fast: bool, step: str) -> str:
    steps, kernels = ["indrnn.h", "sru.h", "unicornn.h"], ["sweep.cu", "scan.cu"]
    if step == OSCILLATOR:
        kernels.append("newton.cu")
    elif step == COUPLED:
        steps, kernels = ["cornn_step.h"], ["cornn.cu"]
    files = [
        library.SOURCE / "real.h",
        *([HERE / "approximate.h"] if fast else []),
        *(library.SOURCE / name for name in steps),
        *(HERE / name for name in ("memory.h", *kernels)),
    ]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return "\n".join(line for line in lines if not line.startswith(('#include "', "#pragma once"))) + "\n"
