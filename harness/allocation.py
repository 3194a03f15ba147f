"""Memory for large tensors: kept for the next step of a training when it is freed, and in large pages.

A tensor of more than 128 KiB gets pages of its own from the C library, which returns them when the tensor is freed. A
training frees and makes the same tensors at every step, and the system then clears every page anew when it is first
touched: up to half of the time of a step. The process holds on to about the most that it needed at any time; as freed
pieces don't always fit what is asked for next, that may be up to a third more than without this.

A recurrence jumps through its tensors from step to step; in pages of 4 KiB every jump also looks up where the page is.
On Linux, torch asks the system for pages of 2 MiB if a variable says so before its first tensor.
"""

from __future__ import annotations

import ctypes
import os

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_NEVER = 2**31 - 1  # the largest number that mallopt takes
_LARGEST = 1 << 30  # single tensors above this size still get pages of their own, and return them


def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed, for this process; whether it does. Only glibc has such a setting."""
    try:
        glibc = (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
        mallopt = ctypes.CDLL(None).mallopt if glibc else None
    except (ValueError, OSError, AttributeError):  # another system: it has no such name, library or function
        return False
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))


def use_large_pages() -> None:
    """Tell torch to ask for large pages, unless ``THP_MEM_ALLOC_ENABLE`` says 0; before it makes its first tensor."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
