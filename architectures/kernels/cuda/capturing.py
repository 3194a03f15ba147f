"""CUDA graphs that own all they write to, and captures that leave nothing behind where they fail.

Torch keeps the workspaces of cuBLAS by handle and stream, outside of any graph: a graph that was captured with one goes
on writing there after it was freed, for instance by the ``reset()`` of another graph of the same stream. So the
workspaces are cleared before a capture, which then takes new ones from the memory of its graph, and again after it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import torch

__all__ = ["Pool", "capture"]

Pool = Any
"""What ``torch.cuda.graph_pool_handle`` gives: where graphs have their memory."""
T = TypeVar("T")

_failed: list[torch.cuda.CUDAGraph] = []
"""Kept for the life of the process: torch's allocator of pinned memory goes on asking them what they captured."""


def capture(work: Callable[[], T], stream: torch.cuda.Stream, pool: Pool) -> tuple[torch.cuda.CUDAGraph, T]:
    """Capture `work` on `stream` into a graph with memory of `pool`; returns the graph and what `work` returned.

    Graphs that share a pool must not be replayed at the same time. Where `work` or the capture raises, the stream is no
    longer captured and not the current one, `pool` takes no further memory, and the random numbers of the device go on
    from where they were.
    """
    device, before = stream.device, torch.cuda.current_stream(stream.device)
    random = torch.cuda.get_rng_state(device)
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize(device)
    torch._C._cuda_clearCublasWorkspaces()
    torch.cuda.set_stream(stream)
    try:
        graph.capture_begin(pool=pool, capture_error_mode="thread_local")  # other threads may go on meanwhile
        result = work()
        graph.capture_end()
    except BaseException:
        with suppress(RuntimeError):  # it may have ended, or say once more why it can't
            graph.capture_end()
        torch.cuda.set_stream(before)
        _abandon(graph, device, pool, random)
        raise
    finally:
        torch.cuda.set_stream(before)
        torch._C._cuda_clearCublasWorkspaces()
    return graph, result


def _abandon(graph: torch.cuda.CUDAGraph, device: torch.device, pool: Pool, random: torch.Tensor) -> None:
    """End what a failed ``capture_end`` leaves open: the allocator's use of the pool, and the generator's capture."""
    _failed.append(graph)
    with suppress(RuntimeError):
        torch.cuda.synchronize(device)
    index = device.index
    try:
        torch._C._cuda_endAllocateToPool(index, pool)
    except RuntimeError:
        pass  # it was ended
    else:
        torch._C._cuda_releasePool(index, pool)
    graph.reset()
    fresh = torch.Generator(device)
    fresh.set_state(random)
    torch.cuda.default_generators[index].graphsafe_set_state(fresh)
