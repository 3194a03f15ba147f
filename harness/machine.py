"""Where a run happens and where its things lie: folders, device, threads, backend."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.errors import UserError, one_line
from harness.home import Home
from harness.registry import resolve


@dataclass(frozen=True)
class Machine:
    """Where a run happens and where its things lie: nothing here changes what a run means."""

    home: Home
    data_root: Path
    offline: bool = False
    device: str = "auto"
    threads: int | None = None
    checkpoint_every: float = 10.0
    report: Callable[[str, int, int], None] = lambda what, done, total: None
    """Hears of downloads and of data being prepared: what, how much is done, of how much."""
    backend: str | None = None
    """What must compute the recurrence; None leaves it to ``HARNESS_BACKEND``, and that to the layer."""

    def sources(self) -> Any:
        """Where tasks find their data (``tasks.Sources``)."""
        return resolve("tasks:Sources")(
            root=self.data_root, offline=self.offline, cache=self.home.path / "cache", report=self.report
        )

    def torch_device(self) -> torch.device:
        """The device that ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` means on this machine."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
        except RuntimeError as error:
            raise UserError(f"--device {self.device}: {one_line(error)}") from error
        if device.type not in ("cpu", "cuda"):
            raise UserError(f"--device {self.device}: only auto, cpu and cuda are supported")
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            raise UserError(f"--device {self.device}: this machine has {torch.cuda.device_count()} CUDA devices")
        return device

    def use_threads(self) -> int:
        """Set and return the number of threads; see :meth:`wanted_threads`."""
        torch.set_num_threads(self.wanted_threads())
        return torch.get_num_threads()

    def wanted_threads(self) -> int:
        """The number of threads of a run: as asked, else ``HARNESS_THREADS``, else 1.

        The steps of a recurrence are short: more threads rarely pay, on a busy machine they wait for each other (see
        :mod:`harness.waiting`), and the last digits of a result depend on their number.
        """
        named = str(self.threads or os.environ.get("HARNESS_THREADS") or 1)
        if not named.isdecimal() or not 1 <= int(named) <= 1024:
            raise UserError(f"{named} threads: must be a whole number from 1 to 1024 (--threads or HARNESS_THREADS)")
        return int(named)
