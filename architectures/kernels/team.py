"""The threads that torch computes with, for the compiled recurrences to work with as well.

After each of its operations the threads of torch's OpenMP runtime spin for some milliseconds, so that the next one
finds them awake. Threads of our own beside them would share the cores with them: on two cores, two threads would then
be slower than one.
"""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

import torch

__all__ = ["parallel"]


def parallel() -> int | None:
    """The address of ``GOMP_parallel`` of the OpenMP runtime of torch; None where that cannot be told (or has none)."""
    for file in _runtimes():
        try:
            runtime = ctypes.CDLL(file, mode=os.RTLD_NOW | os.RTLD_NOLOAD)  # the one that is loaded, never another
            return ctypes.cast(runtime.GOMP_parallel, ctypes.c_void_p).value
        except (OSError, AttributeError):
            continue
    return None


def _runtimes() -> list[str]:
    """The files of the OpenMP runtime that this process has loaded: torch's own, or the only one that there is."""
    try:
        mapped = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []  # not Linux
    files = sorted({found for found in re.findall(r"/\S.*$", mapped, re.MULTILINE) if _is_openmp(found)})
    folder = Path(torch.__file__).resolve().parent
    own = [file for file in files if Path(file).parent in (folder / "lib", folder.with_name("torch.libs"))]
    return own or (files if len(files) == 1 else [])


def _is_openmp(file: str) -> bool:
    return re.match(r"lib[gi]?omp\d?[-.]", Path(file).name) is not None
