"""Which cores, and which GPU, each of several processes on one machine has to itself."""

from __future__ import annotations

import os
from pathlib import Path

TOPOLOGY = Path("/sys/devices/system/cpu")


def available() -> list[int]:
    """The logical cores that this process may use, such that the first ones share as little as possible.

    Of the threads of a physical core, the first ones of all come before the second ones.
    """
    if not hasattr(os, "sched_getaffinity"):
        return list(range(os.cpu_count() or 1))
    mine = sorted(os.sched_getaffinity(0))
    return sorted(mine, key=lambda core: (_place(core, mine), core))


def physical() -> int:
    """How many physical cores this process may use."""
    mine = available()
    return max(1, sum(_place(core, mine) == 0 for core in mine))


def usual_workers(threads: int) -> int:
    """How many processes with so many threads each keep all physical cores of this one busy; one at least."""
    return max(1, physical() // threads)


def shares(processes: int, threads: int) -> list[list[int]] | None:
    """Cores for each of some processes with so many threads; None where they are too few, or none can be chosen."""
    mine = available()
    if not hasattr(os, "sched_setaffinity") or processes * threads > len(mine):
        return None
    return [mine[first : first + threads] for first in range(0, processes * threads, threads)]


def gpus() -> list[str]:
    """What ``CUDA_VISIBLE_DEVICES`` may name for one process each: the GPUs that this one sees."""
    import torch

    count = torch.cuda.device_count()  # by NVML, without claiming memory on any
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return (named or [str(number) for number in range(count)])[:count]


def _place(core: int, among: list[int]) -> int:
    """Which of the threads of its physical core a logical core is, among those given: 0 for the first."""
    try:
        text = (TOPOLOGY / f"cpu{core}" / "topology" / "thread_siblings_list").read_text()
    except OSError:
        return 0
    return [one for one in _numbers(text) if one in among].index(core)


def _numbers(text: str) -> list[int]:
    """``"0,4"`` or ``"0-1"`` as numbers."""
    found: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found
