"""What a timing depends on and the code doesn't say: load, clock, versions, precision of products."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness import environment
from harness.errors import one_line
from harness.registry import resolve

_CPUINFO = Path("/proc/cpuinfo")


def before(threads: int) -> dict[str, Any]:
    """The surroundings at the start of a sitting; the library of compiled recurrences is loaded here, and timed."""
    library = _load_library()  # first, as to build it would be a load of its own
    import torch

    return {
        **environment.collect(threads),
        "subnormals": resolve("architectures.kernels.subnormals:measured")(),
        "clock_mhz": clock_mhz(),
        "library": library,
        "precision": {
            "float32_matmul": torch.get_float32_matmul_precision(),
            "cuda_matmul_tf32": torch.backends.cuda.matmul.allow_tf32,
            "cudnn_tf32": torch.backends.cudnn.allow_tf32,
        },
    }


def after() -> dict[str, Any]:
    """What may have changed meanwhile."""
    load = [round(one, 2) for one in os.getloadavg()] if hasattr(os, "getloadavg") else None
    return {"load_average_after": load, "clock_mhz_after": clock_mhz()}


def clock_mhz() -> float | None:
    """The highest clock of any core at this moment, where the system tells."""
    if sys.platform != "linux":
        return None
    with suppress(OSError, ValueError):
        lines = _CPUINFO.read_text(errors="replace").splitlines()
        found = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
        return round(max(found), 1) if found else None
    return None


def _load_library() -> dict[str, Any] | None:
    """Load the compiled recurrences before anything is timed: whether they can be used, and the seconds it took."""
    start = time.perf_counter()
    try:
        resolve("architectures.kernels.library:load")()
        usable, sentence = resolve("architectures.kernels.library:state")()
    except Exception as error:  # without it other backends run, and their names are stored
        return {"usable": False, "state": one_line(error), "seconds": time.perf_counter() - start}
    return {"usable": bool(usable), "state": str(sentence), "seconds": time.perf_counter() - start}
