"""Kernels are compiled at their first use on a device, by NVRTC through CuPy, and launched on torch's current stream.

CuPy keeps what it compiled on disk (``~/.cupy/kernel_cache`` or ``CUPY_CACHE_DIR``), apart for every kind of device,
version of NVRTC and text of the source. A launch allocates nothing and waits for nothing, so a CUDA graph can capture
it once the kernel has been compiled. None of this has run on a GPU yet.
"""

from __future__ import annotations

import warnings
from functools import cache
from threading import Lock
from typing import Any

import torch

from architectures.kernels.cuda.geometry import blocks
from architectures.kernels.cuda.variants import Variant

__all__ = ["current_stream", "launch", "multiprocessors", "usable"]

_PROBE = 'extern "C" __global__ void probe() {}'

_launched: set[tuple[Variant, str, int]] = set()
_lock = Lock()
_told: set[str] = set()


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


def usable(device: int) -> bool:
    """Whether kernels can be compiled and loaded for a device; where they can't, one warning says why."""
    reason = _hindrance(device)
    with _lock:
        if reason is not None and reason not in _told:
            _told.add(reason)
            warnings.warn(f"{reason}; recurrences on the GPU run as plain PyTorch", RuntimeWarning, stacklevel=2)
    return reason is None


@cache
def _hindrance(device: int) -> str | None:
    """Why no kernel can be had on a device, in one sentence."""
    try:
        import cupy
    except Exception as error:  # besides ImportError, what its shared libraries raise
        return (
            f"CuPy cannot be loaded ({_one_line(error)}): install the extra 'cuda12' or 'cuda13' of this package, "
            "by the version of CUDA that torch was built for"
        )
    try:
        with torch.cuda.device(device):
            cupy.RawModule(code=_PROBE).get_function("probe").compile()
    except Exception as error:  # of the driver, of NVRTC, of CuPy's cache on disk
        return f"CuPy cannot compile for GPU {device}: {_one_line(error)}"
    return None


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


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
