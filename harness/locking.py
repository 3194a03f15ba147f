"""One process at a time, by locks on files: that of a process that died is free."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import UserError


@contextmanager
def alone(file: Path, what: str, advice: str) -> Iterator[None]:
    """Train `what` while no other process does; a :class:`UserError` with an advice where one has the lock `file`."""
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"{what} is being trained by another process now: {advice}") from None
    except OSError as error:
        raise UserError(f"cannot lock {lock.lock_file} ({error.strerror}): make its folder writable") from error
    try:
        yield
    finally:
        lock.release()
