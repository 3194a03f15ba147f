"""Where a run happens and where its things lie: folders, device, threads, backend."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import torch

from harness.errors import UserError, one_line
from harness.home import Home, data_root
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

    def sources(self, plugins: Iterable[str] = ()) -> Any:
        """Where tasks find their data (``tasks.Sources``); `plugins` are the files given with ``--plugin``."""
        options = [f"--plugin {quote(file)}" for file in plugins]
        if not self._finds_data():
            options.append(f"--data-root {quote(str(self.data_root))}")
        return resolve("tasks:Sources")(
            root=self.data_root,
            offline=self.offline,
            cache=self.home.path / "cache",
            report=self.report,
            options=" ".join(options),
        )

    def _finds_data(self) -> bool:
        """Whether a command without options uses the same data folder."""
        try:
            return self.data_root == data_root(None, Home.find())
        except UserError:
            return False

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
        if not named.isdecimal() or len(named) > 4 or not 1 <= int(named) <= 1024:
            raise UserError(f"{named} threads: must be a whole number from 1 to 1024 (--threads or HARNESS_THREADS)")
        return int(named)


def subnormals_flushed() -> AbstractContextManager[str]:
    """A scope in which every computing thread takes subnormal numbers as zero, unless ``HARNESS_SUBNORMALS`` is keep.

    It yields what happens to them: ``flushed``, ``kept`` or ``mixed`` (see ``architectures.kernels.subnormals``).
    """
    flush = wanted_subnormals() == "flush"
    scope: AbstractContextManager[str] = resolve("architectures.kernels.subnormals:flushed")(flush)
    return scope


def wanted_subnormals() -> str:
    """``flush`` or ``keep``, as ``HARNESS_SUBNORMALS`` says."""
    wanted = os.environ.get("HARNESS_SUBNORMALS") or "flush"
    if wanted not in ("flush", "keep"):
        raise UserError(f"HARNESS_SUBNORMALS={wanted}: must be flush or keep")
    return wanted
