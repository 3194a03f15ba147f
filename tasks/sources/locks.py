"""One process at a time, told to those who wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.sources.root import Report


@contextmanager
def locked(file: Path, report: Report, what: str) -> Iterator[None]:
    """Hold the lock `file`, after waiting for the process that does `what` just now.

    The system lets go of the lock of a process that dies. The file stays: deleting it would let two in.
    """
    from filelock import FileLock, Timeout  # here: most who import this package lock nothing

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting = f"waiting for another process that {what}"
        report(waiting, 0, 1)
        lock.acquire()
        report(waiting, 1, 1)
    try:
        yield
    finally:
        lock.release()
