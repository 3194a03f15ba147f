"""What the machine can do at this moment: a copy of as many bytes, and a large matrix product."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from harness.speed.stopwatch import Stopwatch

LARGEST_COPY = 1 << 30
"""Bytes read and written by a copy at most; the time for more is in proportion."""
SIDES = {"cpu": 1024, "cuda": 8192}
"""Of the square matrices whose product is timed."""


class Copy:
    """Copies of `moved` bytes in all, half of them read and half written, within two `buffers` of floats that stay."""

    def __init__(self, buffers: tuple[torch.Tensor, torch.Tensor], moved: int) -> None:
        floats = max(1, min(moved, LARGEST_COPY) // 8)
        self.moved = 8 * floats
        self.seconds: list[float] = []
        self._source, self._target = (buffer[:floats] for buffer in buffers)

    def __call__(self) -> None:
        """Copy once; the time is kept but for that of the first copy."""
        watch = Stopwatch(self._target.device)
        self._target.copy_(self._source)
        self.seconds.append(watch.lap()[0])

    def told(self) -> dict[str, Any]:
        """For a :class:`~harness.store.Timing`."""
        return {"bytes": self.moved, "seconds": self.seconds[1:]}


def buffers(device: torch.device, moved: Iterable[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Two buffers for copies of all these sizes."""
    floats = max(1, min(max(moved, default=0), LARGEST_COPY) // 8)
    return torch.ones(floats, device=device), torch.ones(floats, device=device)


class Product:
    """Products of two large matrices."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        side = SIDES[device.type]
        self.operations = 2 * side**3
        self.seconds: list[float] = []
        self._one, self._other, self._out = (torch.ones(side, side, device=device, dtype=dtype) for _ in range(3))

    def __call__(self) -> None:
        """Multiply once; the time is kept but for that of the first product."""
        watch = Stopwatch(self._out.device)
        torch.mm(self._one, self._other, out=self._out)
        self.seconds.append(watch.lap()[0])

    def told(self) -> dict[str, Any]:
        """For a :class:`~harness.store.Timing`."""
        return {"operations": self.operations, "seconds": self.seconds[1:]}
