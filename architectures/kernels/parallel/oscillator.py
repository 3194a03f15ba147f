"""UnICORNN's chains side by side, and what a step of them is made of."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Oscillators(NamedTuple):
    """C = N H chains, the units of a sequence side by side; `w`, `s` and `bias` are (C)."""

    w: Tensor
    s: Tensor
    bias: Tensor
    alpha: float

    @classmethod
    def of(cls, weight: Tensor, batch: int, alpha: float) -> Oscillators:
        """From `weight` (3, H), the rows w, s and bias, for `batch` sequences."""
        w, s, bias = weight.repeat(1, batch)
        return cls(w, s, bias, alpha)

    def at(self, chains: Tensor) -> Oscillators:
        """Those of some chains."""
        return Oscillators(self.w[chains], self.s[chains], self.bias[chains], self.alpha)

    def tanh(self, drive: Tensor, y: Tensor) -> Tensor:
        """tanh(w y + x + b) of the positions `y` before the steps and the `drive` x of the steps, each (T, C)."""
        return torch.tanh(torch.addcmul(drive + self.bias, self.w, y))

    def pulled(self, f: Tensor, y: Tensor) -> Tensor:
        """What pulls an oscillator back: f + alpha y."""
        return torch.add(f, y, alpha=self.alpha)
