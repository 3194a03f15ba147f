"""Memory of this process: how much it holds, the most it held, and how much there still is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # what proc(5) says resets the peak of the resident memory
_CGROUP = Path("/sys/fs/cgroup")


class Peak:
    """The most memory held since :meth:`begin` above what was held at that moment, in bytes.

    On a GPU that is what torch had allocated. On the CPU it is the resident memory of the process: on Linux the peak
    that the system keeps and that can be reset, elsewhere the peak of the whole life of the process, which is honest in
    a process that has done nothing else. Without either it is None.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._before: int | None = None
        self.begin()

    def begin(self) -> None:
        """Count from here."""
        if self.device.type == "cuda":
            self._before = torch.cuda.memory_allocated(self.device)
        self.forget()
        if self.device.type != "cuda":
            self._before = _peak()

    def forget(self) -> None:
        """Forget the most until now, where the system allows it, but not where the counting began."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            return
        with suppress(OSError):
            _CLEAR.write_text(_RESET_PEAK)

    def bytes(self) -> int | None:
        """The most until now."""
        now = torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else _peak()
        return None if now is None or self._before is None else max(0, now - self._before)


def available(device: torch.device) -> int:
    """Bytes that can still be allocated: of the device, or of the machine and the group that this process is in."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return min(int(psutil.virtual_memory().available), _left_to_group())


def _peak() -> int | None:
    """The most resident memory since it was reset, or ever."""
    with suppress(OSError, StopIteration):
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return _peak_of_life()


def _peak_of_life() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _left_to_group(read: Callable[[Path], str] = Path.read_text) -> int:
    """What the limit of a container leaves; a huge number where there is none."""
    with suppress(OSError, ValueError):  # "max" is no number: no limit
        limit, used = (int(read(_CGROUP / name)) for name in ("memory.max", "memory.current"))
        return max(0, limit - used)
    return sys.maxsize
