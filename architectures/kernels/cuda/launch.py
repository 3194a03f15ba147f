"""Kernels are compiled at their first use on a device, by NVRTC through CuPy, and launched on torch's current stream.

CuPy keeps what it compiled on disk (``~/.cupy/kernel_cache`` or ``CUPY_CACHE_DIR``), apart for every kind of device,
version of NVRTC and text of the source. A launch allocates nothing and waits for nothing, so a CUDA graph can capture
it once the kernel has been compiled. None of this has run on a GPU yet.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from architectures.kernels.cuda.geometry import blocks
from architectures.kernels.cuda.variants import Variant

__all__ = ["current_stream", "launch", "load", "multiprocessors"]

_launched: set[tuple[Variant, str, int]] = set()


def launch(variant: Variant, name: str, threads: int, arguments: list[Any]) -> None:
    """Start the kernel `name` with one thread for each of `threads` chains on the current device and stream.

    `arguments` are numpy's scalars, addresses as int64. Raises ``RuntimeError`` where a CUDA graph is being captured
    and the kernel has not been compiled: to load it then would break the capture.
    """
    device = torch.cuda.current_device()
    if (variant, name, device) not in _launched and torch.cuda.is_current_stream_capturing():
        raise RuntimeError("a recurrence is compiled at its first call: make one before a CUDA graph is captured")
    grid, block = blocks(threads, multiprocessors(device))
    with current_stream():
        _kernel(variant, name)((grid,), (block,), tuple(arguments))
    _launched.add((variant, name, device))


def load(variant: Variant, device: int) -> None:
    """Compile and load all kernels of a variant, so that a CUDA graph may capture their launches from now on.

    Raises what CuPy, its compiler or the driver raise.
    """
    with torch.cuda.device(device):
        for name in variant.kernels():
            kernel = _kernel(variant, name)
            kernel.compile()
            _ = kernel.num_regs  # what a driver that loads lazily has to load the kernel for
            _launched.add((variant, name, device))


def current_stream() -> Any:
    """Torch's current stream as CuPy's: by the protocol that both know, else by its address."""
    import cupy

    current = torch.cuda.current_stream()
    if hasattr(cupy.cuda.Stream, "from_external") and hasattr(current, "__cuda_stream__"):
        return cupy.cuda.Stream.from_external(current)
    return cupy.cuda.ExternalStream(current.cuda_stream, torch.cuda.current_device())


@cache
def _kernel(variant: Variant, name: str) -> Any:
    """The kernel; CuPy compiles it at the first call on each device."""
    return _module(variant).get_function(name)


@cache
def _module(variant: Variant) -> Any:
    import cupy

    return cupy.RawModule(code=variant.source(), options=variant.options())


@cache
def multiprocessors(device: int) -> int:
    """How many multiprocessors a device has."""
    return int(torch.cuda.get_device_properties(device).multi_processor_count)
