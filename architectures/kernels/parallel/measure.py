"""How many iterations UnICORNN takes that is parallel in time, and how far off it is beside the form that is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from architectures.kernels.accuracy import ORACLES, SETTINGS, Setting, compare, inputs
from architectures.kernels.parallel import newton
from architectures.kernels.parallel.operation import unicornn
from architectures.kernels.parallel.training import Network, cells
from architectures.kernels.parallel.weights import load
from architectures.unicornn import UnICORNN

PUBLISHED = tuple(setting for setting in SETTINGS if setting.operation == "unicornn")

HEAD = (
    "| setting | L x N x H | chunk | iterations: most | mean | step by step | output: eager | parallel "
    "| gradients: eager | parallel |\n|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Measured:
    """One row: iterations of a chain in a chunk, and errors relative to the largest value, in float32."""

    setting: Setting
    chunk: int
    most: int
    mean: float
    failed: int
    output: tuple[float, float]
    gradients: tuple[float, float]

    def __str__(self) -> str:
        """The row in Markdown; `failed` counts chunks of a chain that were computed step by step."""
        sizes = " x ".join(map(str, self.setting.sizes))
        errors = " | ".join(f"{error:.1e}" for error in (*self.output, *self.gradients))
        title = self.setting.title.removeprefix("UnICORNN ")
        return f"| {title} | {sizes} | {self.chunk} | {self.most} | {self.mean:.2f} | {self.failed} | {errors} |"


def measure(setting: Setting, given: dict[str, Tensor]) -> Measured:
    """Compare both forms in float32 with plain PyTorch in float64, on what :func:`accuracy.inputs` would give."""
    eager, parallel = compare(setting, given, (ORACLES, {"unicornn": unicornn}))
    weight, initial = (torch.stack([given[name] for name in names]).float() for names in (("w", "s", "bias"), "yz"))
    *_, report = newton.forward(given["drive"].float(), weight, initial, setting.constants[1])
    iterations = torch.stack(report.iterations).double()
    worst = [max(error for name, error in form.items() if name != "output") for form in (eager, parallel)]
    return Measured(
        setting,
        report.chunk,
        int(iterations.max()),
        float(iterations.mean()),
        sum(report.failed),
        (eager["output"], parallel["output"]),
        (worst[0], worst[1]),
    )


def at_initialisation(only: str, seed: int) -> Iterator[Measured]:
    """A row for each published setting whose title contains `only`: unit-variance input and weights as they start."""
    for setting in PUBLISHED:
        if only.lower() in setting.title.lower():
            yield measure(setting, inputs(setting, seed))


def after_training(network: Network, steps: int, seed: int) -> Iterator[Measured | str]:
    """Train a network and measure each of its layers on what it then reads; first a line on how the training went."""
    yield network.train(steps, seed)
    yield from layers(network.title, network.layer, network.sample(seed), seed)


def of_weights(file: Path, dt: list[float], alpha: float, length: int, seed: int) -> Iterator[Measured]:
    """Measure each layer of the UnICORNN whose weights a file holds, on unit-variance noise; see ``weights.load``."""
    layer = load(file, dt, alpha)
    random = torch.Generator().manual_seed(seed)
    yield from layers(file.name, layer, torch.randn(length, 16, layer.input_size, generator=random), seed)


@torch.no_grad()
def layers(title: str, layer: UnICORNN, sequence: Tensor, seed: int) -> Iterator[Measured]:
    """Measure each layer of a stack on what it reads when the first one reads `sequence` (L, N, H_in)."""
    random = torch.Generator().manual_seed(seed + 1)
    for number, cell in enumerate(cells(layer), start=1):
        drive = torch.nn.functional.linear(sequence, cell.i2h.weight)
        zero = drive.new_zeros(drive.shape[1:])
        given = {"drive": drive, "w": cell.w, "s": cell.dt * torch.sigmoid(cell.c), "bias": cell.i2h.bias}
        given |= {"y": zero, "z": zero, "outside": torch.randn(drive.shape, generator=random)}
        length, batch, width = drive.shape
        setting = Setting(f"{title}, layer {number}", "unicornn", (length, batch, width), (cell.dt, cell.alpha))
        with torch.enable_grad():
            row = measure(setting, {name: value.detach() for name, value in given.items()})
        yield row
        sequence, _ = cell.unroll(sequence, (zero, zero))
