"""Images read pixel by pixel, in raster order or in a frozen permutation of it."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from tasks import permutations
from tasks.base import Task


class PixelTask(Task):
    """Grey images of ten classes, stored as uint8 rows (n, L) and fed one pixel a step, scaled to [0, 1]."""

    white: ClassVar[int]
    """The largest pixel value; it becomes 1. There is no other normalisation."""

    input_size = 1
    output_size = 10
    order: str | None = None
    """Name of the frozen permutation of the steps, or None for raster order."""

    def sequences(self, rows: Tensor) -> Tensor:
        """Rows (N, L) of uint8 pixels as (L, N, 1) float32 in [0, 1], permuted on the device they are on."""
        steps = rows.t()
        if self.order is not None:
            steps = steps.index_select(0, permutations.resident(self.order, rows.device))
        return steps.contiguous().to(torch.float32).div_(self.white).unsqueeze(-1)

    def constants(self) -> tuple[Tensor, ...]:
        """What all samples share and the checksum of the splits covers: the permutation, if there is one."""
        return () if self.order is None else (permutations.read(self.order),)
