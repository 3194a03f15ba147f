"""Small UnICORNNs with the published steps and stiffness, trained for a moment: what training does to the iteration."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from architectures.unicornn import UnICORNN, UnICORNNCell

CLASSES = 4


@dataclass
class Network:
    """A published stack of layers, of its length and of `hidden` units a layer, that is told which tone is in a noise.

    The data are made up: every feature of a sequence holds one of four tones, each at a phase of its own, and noise. It
    is no benchmark, it takes the weights away from where they start.
    """

    title: str
    length: int
    features: int
    hidden: int
    dt: tuple[float, ...]
    alpha: float
    lr: float
    batch: int = 16
    model: nn.ModuleDict = field(init=False)

    def train(self, steps: int, seed: int) -> str:
        """Train anew with Adam; one line on what came of it."""
        torch.manual_seed(seed)
        random = torch.Generator().manual_seed(seed)
        layer = UnICORNN(self.features, self.hidden, len(self.dt), dt=self.dt, alpha=self.alpha)
        self.model = nn.ModuleDict({"layer": layer, "head": nn.Linear(self.hidden, CLASSES)})
        optimiser = torch.optim.Adam(self.model.parameters(), self.lr)
        right = []
        for _ in range(steps):
            input, target = self._batch(random)
            scores = self.model["head"](layer(input)[0][-1])
            optimiser.zero_grad()
            nn.functional.cross_entropy(scores, target).backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimiser.step()
            right.append(float((scores.argmax(1) == target).float().mean()))
        return f"{self.title}: {steps} steps, {100 * _mean(right[-20:]):.0f} % right in the last 20; {self._weights()}"

    @property
    def layer(self) -> UnICORNN:
        """What was trained."""
        return cast("UnICORNN", self.model["layer"])

    def sample(self, seed: int) -> Tensor:
        """Sequences (L, N, features) that it was not trained on."""
        return self._batch(torch.Generator().manual_seed(seed + 1000))[0]

    def _batch(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sequences (L, N, features) and their tones (N); tone k goes 4 * 2^k times around."""
        target = torch.randint(CLASSES, (self.batch,), generator=random)
        phase = torch.arange(self.features)
        time = torch.arange(self.length).view(-1, 1, 1) / self.length
        tone = math.sqrt(2) * torch.sin(2 * math.pi * (4 * 2**target).view(-1, 1) * time + phase)
        return tone + torch.randn(tone.shape, generator=random) / 2, target

    def _weights(self) -> str:
        w, c = (torch.stack([getattr(cell, name).detach() for cell in cells(self.layer)]) for name in "wc")
        return f"w from {w.min():.2f} to {w.max():.2f}, c from {c.min():.2f} to {c.max():.2f}"


def cells(layer: UnICORNN) -> list[UnICORNNCell]:
    """The cells of a stack, the first one first."""
    return cast("list[UnICORNNCell]", list(layer.cells))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def networks() -> list[Network]:
    """The published networks, narrower than published where they are wide."""
    return [
        Network("psMNIST", 784, 1, 64, (0.19,) * 3, 30.65, 1e-2),
        Network("noise-padded CIFAR-10", 1000, 96, 64, (0.126,) * 3, 13.0, 1e-2),
        Network("BIDMC respiratory rate", 4000, 2, 32, (0.011,) * 3, 9.0, 1e-2),
        Network("BIDMC heart rate", 4000, 2, 32, (0.046,) * 3, 10.0, 1e-2),
        Network("EigenWorms", 17984, 6, 32, (2.81e-5, 3.43e-2), 0.0, 1e-2, batch=8),
        Network("IMDB", 400, 100, 64, (6.6e-3, 0.205), 0.0, 1e-2),
    ]
