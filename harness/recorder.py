"""What is kept of a run while it is trained: its curve in the store, and counts of the backends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.errors import UserError
from harness.registry import resolve
from harness.store import Run, Store
from harness.training import Listener, Progress, Pruned

FLUSH_EVERY = 1.0
"""Seconds between two writes of the learning curve to the store."""


class Elsewhere(Exception):
    """An error of who listens: it says nothing about the run."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class Recorder(Listener):
    """Writes the curve to the store as it grows, counts the backends, and passes everything on to another listener.

    What the other one raises becomes :class:`Elsewhere`, but for what is meant for the run or for the person.
    """

    def __init__(self, store: Store, run: Run, listener: Listener) -> None:
        self.store, self.run, self.listener = store, run, listener
        self._logged, self._flushed_at = 0, time.monotonic()

    def on_step(self, progress: Progress, steps: int, loss: Callable[[], float]) -> None:
        """Pass it on. To ask for the loss is to wait for the device, whose errors are the run's."""
        with _elsewhere(OSError):
            self.listener.on_step(progress, steps, loss)

    def on_epoch(self, progress: Progress) -> None:
        """Pass it on, and write the curve now and then."""
        with _elsewhere(Exception):
            self.listener.on_epoch(progress)
        if time.monotonic() - self._flushed_at >= FLUSH_EVERY:
            self.store.log(self.run.id, progress.curve[self._logged :])
            self._logged, self._flushed_at = len(progress.curve), time.monotonic()

    def on_pause(self, progress: Progress) -> None:
        """Move the counts since the last call into the progress, so that a checkpoint holds them."""
        for (operation, backend), count in resolve("architectures.kernels:counts")().items():
            counts = progress.backends.setdefault(operation, {})
            counts[backend] = counts.get(backend, 0) + count
        resolve("architectures.kernels:reset")()
        with _elsewhere(Exception):
            self.listener.on_pause(progress)


@contextmanager
def _elsewhere(kind: type[Exception]) -> Iterator[None]:
    """What is raised within, if it is of `kind` or no :class:`Exception`, is an error of who listens."""
    try:
        yield
    except (Pruned, UserError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, kind):
            raise
        raise Elsewhere(error) from error
