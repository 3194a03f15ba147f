"""Subnormal numbers taken as zero, in every thread that computes.

Gradients that vanish over a long sequence become subnormal (below 1.2e-38 in float32), and some processors compute with
those 10 to 100 times slower. They are too small to change a weight, so a training loses nothing where they are zero.

The switch is part of each thread's floating-point state. A new thread begins with the state of the one that starts it;
threads that exist already keep theirs. On the CPU, torch differentiates in the thread that calls ``backward``; its
operations, oneDNN and the compiled recurrences share the OpenMP threads of that thread, so these are switched too.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal

import torch

from architectures.kernels import team

__all__ = ["Subnormals", "flushed", "measured"]

Subnormals = Literal["flushed", "kept", "mixed"]
"""What becomes of subnormal numbers: zero in every thread, in none, or in some of them."""

_GRAIN = 32768
"""The fewest elements that torch gives a thread of an elementwise operation (``at::internal::GRAIN_SIZE``)."""
_REGION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@contextmanager
def flushed(flush: bool = True) -> Iterator[Subnormals]:
    """A scope in which this thread, its OpenMP threads, and all threads born in it take subnormals as zero.

    Args:
        flush: False computes with them, also where the caller's thread did not.

    Yields what :func:`measured` found: "mixed" where the OpenMP threads could not be reached, as their runtime is none
    that this module knows and they were born before. At the end the calling thread is as it was, and so are the others.
    """
    _ask_numpy_first()
    before = _is_flushing()
    _switch(flush)
    try:
        yield measured()
    finally:
        _switch(before)


def measured() -> Subnormals:
    """What becomes of subnormals now, found out by multiplying some in all of torch's threads."""
    count = 2 * _GRAIN * torch.get_num_threads()
    subnormal = torch.ones(count, dtype=torch.int32).view(torch.float32)  # 1.4e-45, whatever this thread's state is
    kept = int((subnormal * 1.0).view(torch.int32).count_nonzero())
    return "flushed" if kept == 0 else "kept" if kept == count else "mixed"


def _is_flushing() -> bool:
    return sys.float_info.min / 2 == 0.0


def _switch(flush: bool) -> None:
    """Switch this thread and, where their runtime is known, its OpenMP threads."""
    torch.set_flush_denormal(flush)
    region, threads = team.parallel(), torch.get_num_threads()
    if region is None or threads == 1:
        return
    call = ctypes.CFUNCTYPE(None, _REGION, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)(region)
    call(_REGION(lambda _: torch.set_flush_denormal(flush) and None), None, threads, 0)


@cache
def _ask_numpy_first() -> None:
    """numpy looks for its smallest subnormals once a type, and warns where it finds none."""
    import numpy

    for kind in (numpy.float16, numpy.float32, numpy.float64, numpy.longdouble):
        numpy.finfo(kind)
