"""UnICORNN's recurrence as the published CUDA kernel computes it: what ours is timed against on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from architectures.kernels.cuda.launch import current_stream

SOURCE = Path(__file__).with_name("published.cu")
THREADS = {"published_forward": 512, "published_backward": 256}
Launch = Callable[[str, int, int, list[Any]], None]


def on_gpu() -> Launch:
    """Launches the kernels on torch's current stream; CuPy compiles them at the first call."""
    import cupy

    module = cupy.RawModule(code=SOURCE.read_text(encoding="utf-8"), options=("--std=c++17",))

    def launch(name: str, grid: int, block: int, arguments: list[Any]) -> None:
        with current_stream():
            module.get_function(name)((grid,), (block,), tuple(arguments))

    return launch


class Published:
    """Forward and backward on tensors in float32: `x` (L, N, H), `w` and `c` (H), states (N, H)."""

    def __init__(self, launch: Launch, dt: float, alpha: float) -> None:
        self.launch, self.constants = launch, [np.float64(dt), np.float64(alpha)]

    def forward(self, x: Tensor, w: Tensor, c: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The output (L, N, H) and the last y and z."""
        left = torch.empty_like(x), torch.empty_like(y), torch.empty_like(z)
        self._run("published_forward", (x, w, c, y, z, *left), x)
        return left

    def backward(self, x: Tensor, w: Tensor, c: Tensor, y: Tensor, z: Tensor, outside: Tensor) -> tuple[Tensor, ...]:
        """Gradients of x, w, c and the first y and z; `y` and `z` are the last ones, `outside` is (L, N, H)."""
        given = torch.empty_like(x), torch.zeros_like(w), torch.zeros_like(c), torch.empty_like(y), torch.empty_like(z)
        self._run("published_backward", (x, w, c, y, z, outside, *given), x)
        return given

    def _run(self, name: str, tensors: tuple[Tensor, ...], x: Tensor) -> None:
        assert all(tensor.is_contiguous() and tensor.dtype == torch.float32 for tensor in tensors)
        arguments = [np.int64(tensor.data_ptr()) for tensor in tensors] + self.constants
        arguments += [np.int32(size) for size in x.shape]
        self.launch(name, -(-x[0].numel() // THREADS[name]), THREADS[name], arguments)
