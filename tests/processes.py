"""Processes as a test watches them: until something holds, and whether one runs still."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import psutil

PATIENCE = 900.0
"""Seconds after which a test no longer waits for what takes one on an idle machine."""


def until(
    condition: Callable[[], object], process: subprocess.Popen[str] | None = None, seconds: float = PATIENCE
) -> None:
    """Wait until a condition holds; a command that is given must not end before."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it does not hold after {seconds:.0f} s"
        if process is not None and process.poll() is not None and not condition():
            raise AssertionError(process.communicate())
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether a process runs; one that is dead and that nobody has asked for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
