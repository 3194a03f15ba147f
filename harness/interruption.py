"""Ctrl-C and the like: heeded between two steps of a training, so that nothing is lost, and at once everywhere else."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

EXIT_CODES = {"stopped by SIGHUP": 129, "stopped by SIGINT": 130, "stopped by SIGTERM": 143}
"""What :meth:`Interruption.reason` says -> the exit code of a command that ends for it."""


class Interruption:
    """Whether a signal asked for an end. While a run is trained that is heeded at its next step; else at once."""

    def __init__(self) -> None:
        self.signal: str | None = None
        self._deferred = False

    def reason(self) -> str | None:
        """Why to stop; None where nobody asked."""
        return f"stopped by {self.signal}" if self.signal else None

    def hear(self, number: int, frame: Any) -> None:
        """The signal handler. A second signal ends at once."""
        again, self.signal = self.signal is not None, signal.Signals(number).name
        if again or not self._deferred:
            raise KeyboardInterrupt(self.reason())

    def raise_if_asked(self) -> None:
        """Heed a signal that came too late for the run that has just ended."""
        if self.signal:
            raise KeyboardInterrupt(self.reason())

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """A scope that looks at :meth:`reason` by itself."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False


@contextmanager
def listening() -> Iterator[Interruption]:
    """Hear SIGINT, SIGTERM and the closing of the terminal, but for those that the process was told to ignore.

    Of two such contexts, one inside the other, each knows what the other heard: the inner one from its beginning on,
    the outer one after its end.
    """
    asked = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    outer = next((one for number in heard if (one := _hearing(number)) is not None), None)
    before = {number: signal.signal(number, asked.hear) for number in heard}
    if outer is not None:
        asked.signal = asked.signal or outer.signal
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if outer is not None:
            outer.signal = outer.signal or asked.signal


def _hearing(number: int) -> Interruption | None:
    """Who hears a signal now."""
    owner = getattr(signal.getsignal(number), "__self__", None)
    return owner if isinstance(owner, Interruption) else None
