"""The linear map of the input, for all steps at once.

Its gradient with respect to the weight is a product over all steps and sequences with few rows and columns, which
libraries for matrices leave to one core, or spread badly: on a CPU it is therefore taken in stretches of time, side by
side, and added up.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from architectures import kernels

WIDEST = 16
"""Input sizes beyond which one product is as fast."""
ROWS = 1024
"""Pairs of a step and a sequence in a stretch, at most; below an eighth of them a product is not worth its call."""


class InputMap(nn.Linear):
    """``nn.Linear`` whose `parts` a recurrence asks for: by a call, so that hooks that make its weight anew run."""

    def forward(self, input: Tensor, *, parts: bool = False) -> Any:
        """The linear map of `input`; with `parts`, its product with the weight (L, N, H) alone, and the bias."""
        return (project(input, self.weight), self.bias) if parts else super().forward(input)


def project(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``F.linear(input, weight, bias)`` with a fast gradient: (L, N, H_in), (H, H_in) and (H) to (L, N, H)."""
    length, batch, size = input.shape
    narrow = size <= WIDEST and (size > 1 or bias is not None)
    if input.device.type != "cpu" or not narrow or kernels.exporting() or length == 0:
        return F.linear(input, weight, bias)
    steps = _steps(length, batch)
    if steps * batch < ROWS // 8:
        return F.linear(input, weight, bias)
    matrix = weight.t()
    if bias is not None:
        input = torch.cat((input, input.new_ones(length, batch, 1)), 2)
        matrix = torch.cat((matrix, bias.unsqueeze(0)))
    stretches = input.reshape(length // steps, steps * batch, -1)
    return torch.bmm(stretches, matrix.expand(len(stretches), *matrix.shape)).view(length, batch, -1)


def _steps(length: int, batch: int) -> int:
    """The largest number of steps that divides the length and whose pairs are at most ROWS; at least one."""
    steps = max(1, min(length, ROWS // max(batch, 1)))
    while length % steps:
        steps -= 1
    return steps
