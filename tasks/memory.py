"""Memory for large batches that follow one another."""

from __future__ import annotations

import math
import sys

import numpy as np
import torch
from torch import Tensor

PLACES = 2
"""Blocks that are kept: a loop may still hold one batch while it asks for the next."""


class Reused:
    """Uninitialised float32 tensors in memory that is used again once nobody holds the tensor that was there.

    The system hands out large blocks page by page and takes them back at once: on a CPU, touching fresh memory costs
    several times what filling it costs. A block is free when no tensor and no view of one is left in it, in Python or
    in a graph of autograd. Other devices have allocators of their own that keep their memory.
    """

    def __init__(self) -> None:
        self._blocks: list[np.ndarray] = []

    def empty(self, *shape: int, device: torch.device) -> Tensor:
        """Like ``torch.empty(*shape, device=device)``."""
        if device.type != "cpu":
            return torch.empty(*shape, device=device)
        size = math.prod(shape)
        free = [block for block, held in zip(self._blocks, _references(self._blocks), strict=True) if held <= _UNUSED]
        block = next((block for block in free if len(block) == size), None)
        if block is None:
            kept = [block for block in self._blocks if not any(block is other for other in free)]
            block = np.empty(size, dtype=np.float32)
            self._blocks = [*kept, block][-PLACES:]
        return torch.from_numpy(block).view(*shape)


def _references(blocks: list[np.ndarray]) -> list[int]:
    return [sys.getrefcount(block) for block in blocks]


_UNUSED = max(_references([np.empty(1)]))
"""What is counted for a block that only the list holds."""
