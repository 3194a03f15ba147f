"""Zero mean and unit variance, fitted on one part of the data and used on all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BLOCK = 1 << 20
"""Rows that are turned into double precision at a time, so that a large data set need not fit a second time."""


@dataclass(frozen=True, eq=False)
class Scale:
    """Mean and standard deviation of each channel, (C,) float32.

    They are computed in double precision and then rounded, so that machines which add up in another order come to the
    same numbers, and the data keep their checksum.
    """

    mean: Tensor
    deviation: Tensor

    @classmethod
    def fitted(cls, values: Tensor) -> Scale:
        """Of `values` (..., C) on the CPU, over all dimensions but the last; a constant channel has deviation 1."""
        rows = values.numpy().reshape(-1, values.shape[-1])
        blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
        mean = sum(block.sum(axis=0, dtype=np.float64) for block in blocks) / len(rows)
        variance = sum(np.square(block - mean).sum(axis=0) for block in blocks) / len(rows)
        deviation = np.where(variance > 0, np.sqrt(variance), 1.0)
        return cls(torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(deviation.astype(np.float32)))

    def apply(self, values: Tensor) -> Tensor:
        """`values` (..., C) minus the mean, divided by the deviation."""
        return (values - self.mean.to(values)).div_(self.deviation.to(values))

    def undo(self, values: Tensor) -> Tensor:
        """What :meth:`apply` was given, on whatever device and in whatever precision `values` are."""
        return values * self.deviation.to(values) + self.mean.to(values)
