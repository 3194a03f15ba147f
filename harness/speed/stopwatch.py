"""Wall time and CPU time of work that may run on a device of its own."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


class Stopwatch:
    """Seconds between two moments at which `device` has nothing left to do.

    Args:
        wall: the time of day, or any other clock that never goes back.
        cpu: the time that all threads of this process have computed.
    """

    def __init__(
        self,
        device: torch.device,
        wall: Callable[[], float] = time.perf_counter,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self.device, self._wall, self._cpu = device, wall, cpu
        self.start()

    def start(self) -> None:
        """Begin anew."""
        self._wait()
        self._at = self._wall(), self._cpu()

    def lap(self) -> tuple[float, float]:
        """Wall and CPU seconds since the last start or lap, and begin anew."""
        self._wait()
        now = self._wall(), self._cpu()
        before, self._at = self._at, now
        return now[0] - before[0], now[1] - before[1]

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
