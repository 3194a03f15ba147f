"""How far the compiled recurrences are off in float32, beside how far plain PyTorch is off there.

    python -m architectures.kernels.accuracy

prints, for every setting below, the largest error of the output and of each gradient against plain PyTorch in float64,
relative to the largest value there: once of plain PyTorch in float32, once of the compiled form.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from architectures import cornn, indrnn, sru, unicornn
from architectures.kernels import cornn as compiled_cornn
from architectures.kernels import elementwise, library


@dataclass(frozen=True)
class Setting:
    """A recurrence at a size: (L, N, H), with the constants of the operation."""

    title: str
    operation: str
    sizes: tuple[int, int, int]
    constants: tuple[Any, ...]


SETTINGS = (
    Setting("UnICORNN psMNIST", "unicornn", (784, 32, 256), (0.19, 30.65)),
    Setting("UnICORNN noise-padded CIFAR-10", "unicornn", (1000, 30, 128), (0.126, 13.0)),
    Setting("UnICORNN BIDMC respiratory rate", "unicornn", (4000, 32, 128), (0.011, 9.0)),
    Setting("UnICORNN BIDMC heart rate", "unicornn", (4000, 32, 128), (0.046, 10.0)),
    Setting("UnICORNN EigenWorms, layer 1", "unicornn", (17984, 8, 32), (2.81e-5, 0.0)),
    Setting("UnICORNN EigenWorms, layer 2", "unicornn", (17984, 8, 32), (3.43e-2, 0.0)),
    Setting("UnICORNN IMDB, layer 1", "unicornn", (400, 32, 128), (6.6e-3, 0.0)),
    Setting("UnICORNN IMDB, layer 2", "unicornn", (400, 32, 128), (0.205, 0.0)),
    Setting("IndRNN, ReLU, 784 steps", "indrnn", (784, 32, 128), ("relu",)),
    Setting("SRU, 784 steps", "sru", (784, 32, 128), ("identity",)),
    Setting("coRNN sMNIST", "cornn", (784, 120, 256), (0.042, 2.7, 4.7, "explicit")),
    Setting("coRNN psMNIST", "cornn", (784, 120, 256), (0.076, 0.4, 8.0, "explicit")),
    Setting("coRNN noise-padded CIFAR-10", "cornn", (1000, 100, 128), (0.034, 1.3, 12.7, "explicit")),
    Setting("coRNN HAR-2", "cornn", (128, 64, 64), (0.1, 0.2, 6.4, "explicit")),
)
"""The published settings of UnICORNN and coRNN (constants dt, alpha, and dt, gamma, epsilon, damping), and two more."""

Forms = dict[str, Callable[..., Any]]
"""By operation, what computes it."""

ORACLES: Forms = {
    "unicornn": unicornn.unicornn_eager,
    "indrnn": indrnn.indrnn_eager,
    "sru": sru.sru_eager,
    "cornn": cornn.cornn_eager,
}
COMPILED: Forms = {
    "unicornn": elementwise.unicornn,
    "indrnn": elementwise.indrnn,
    "sru": elementwise.sru,
    "cornn": compiled_cornn.cornn,
}


def errors(setting: Setting, seed: int = 0) -> tuple[dict[str, float], dict[str, float]]:
    """Errors of the output and of every gradient: of plain PyTorch in float32, and of the compiled form."""
    eager, compiled = compare(setting, inputs(setting, seed), (ORACLES, COMPILED))
    return eager, compiled


def compare(setting: Setting, given: dict[str, Tensor], forms: Sequence[Forms]) -> list[dict[str, float]]:
    """For each of the `forms`, the errors in float32 of the output and of every gradient, on :func:`inputs`."""
    single = {name: value.float() for name, value in given.items()}
    # The oracle sees the very numbers that float32 can hold, so that only the arithmetic is compared.
    exact = results(ORACLES, setting, {name: value.double() for name, value in single.items()})
    found = (results(form, setting, single) for form in forms)
    return [{name: _off(value, exact[name]) for name, value in form.items()} for form in found]


def inputs(setting: Setting, seed: int) -> dict[str, Tensor]:
    """Unit-variance input, weights as the architectures start them, a zero state, and the gradient of the output."""
    length, batch, width = setting.sizes
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=random, dtype=torch.float64)

    zero, state = torch.zeros(width, dtype=torch.float64), torch.zeros(batch, width, dtype=torch.float64)
    drive, outside = normal(length, batch, width), normal(length, batch, width)
    if setting.operation == "unicornn":
        s = setting.constants[0] * torch.sigmoid(uniform(-0.1, 0.1, width))
        own = {"drive": drive, "w": uniform(0, 1, width), "s": s, "bias": zero, "y": state, "z": state}
    elif setting.operation == "indrnn":
        own = {"drive": drive, "u": uniform(0, 1, width), "bias": zero, "h": state}
    elif setting.operation == "sru":
        gates, v = normal(length, batch, 3 * width), uniform(-1.2, 1.2, 2, width)
        own = {"gates": gates, "skip": drive, "v": v, "bias": zero.expand(2, width), "c": state}
    else:
        bound = (2 * width + 1) ** -0.5
        own = {"drive": drive, "weight": uniform(-bound, bound, width, 2 * width), "y": state, "z": state}
    return {**own, "outside": outside}


def results(forms: Forms, setting: Setting, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The output and the gradient of each of the given :func:`inputs`, in their dtype, by one of the forms."""
    own = {name: value.clone().requires_grad_() for name, value in given.items() if name != "outside"}
    tensors, constants = list(own.values()), setting.constants
    if setting.operation in ("unicornn", "cornn"):
        tensors = [*tensors[:-2], (tensors[-2], tensors[-1])]  # type: ignore[list-item]
    if setting.operation == "unicornn":
        constants = constants[1:]  # dt is in s
    output, _ = forms[setting.operation](*tensors, *constants)
    output.backward(given["outside"])
    return {"output": output.detach(), **{name: value.grad for name, value in own.items() if value.grad is not None}}


def _off(value: Tensor, exact: Tensor) -> float:
    """The largest error, relative to the largest value; infinite where anything is NaN, which `max` would pass by."""
    error = float((value.double() - exact).abs().max() / exact.abs().max())
    return math.inf if math.isnan(error) else error


def table(settings: tuple[Setting, ...], seeds: int) -> Iterator[str]:
    """The lines of the table: the worst over the seeds."""
    for setting in settings:
        found = [errors(setting, seed) for seed in range(seeds)]
        worst = [{name: max(pair[form][name] for pair in found) for name in found[0][0]} for form in (0, 1)]
        yield f"{setting.title}, L x N x H = {' x '.join(map(str, setting.sizes))}"
        for name in worst[0]:
            what = name if name == "output" else f"gradient of {name}"
            yield f"    {what:22} {worst[0][name]:10.2e} {worst[1][name]:10.2e}"
        yield f"    {'worst':22} {max(worst[0].values()):10.2e} {max(worst[1].values()):10.2e}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m architectures.kernels.accuracy", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many draws of the inputs; the worst error is shown")
    parser.add_argument("--only", default="", help="settings whose title contains this")
    given = parser.parse_args()
    chosen = tuple(setting for setting in SETTINGS if given.only.lower() in setting.title.lower())
    if given.seeds < 1:
        parser.error(f"--seeds must be 1 or more, got {given.seeds}")
    if not chosen:
        parser.error(f"no setting's title contains {given.only!r}: they are {', '.join(s.title for s in SETTINGS)}")
    usable, told = library.state()
    if not usable:
        parser.exit(1, f"{told}\n")
    print("largest error in float32, relative to the largest value of plain PyTorch in float64")
    print(f"    {'':22} {'eager':>10} {'compiled':>10}")
    for line in table(chosen, given.seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
