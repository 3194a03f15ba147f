"""Progress of what is no run: a download, the preparation of data, a copy of a store."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.cli.terminal import duration

LINE_EVERY = 5.0
"""Seconds between two lines where there is no terminal, at first."""
DRAW_EVERY = 0.2
"""Seconds between two pictures in a terminal."""


class DataReport:
    """Tells on standard error how far a download or the preparation of data is: one line that is overwritten in a
    terminal, a line now and then elsewhere. Called with what it is, how much is done, and of how much."""

    def __init__(self) -> None:
        self._what = ""
        self._started_at = self._told_at = 0.0

    def __call__(self, what: str, done: float, total: float) -> None:
        """Tell of it, but not at every call."""
        now = time.monotonic()
        fresh, over = what != self._what, done >= total
        if fresh:
            self._what, self._started_at, self._told_at = what, now, now
        terminal = sys.stderr.isatty()
        if terminal and over:
            print("\x1b[K", end="", file=sys.stderr, flush=True)
        elif (terminal and fresh) or now - self._told_at >= (DRAW_EVERY if terminal else LINE_EVERY):
            self._told_at = now
            left = (now - self._started_at) * (total - done) / max(done, 1)
            state = f": {done / max(total, 1):.0%}, {duration(left)} left" if done else ""
            width = shutil.get_terminal_size().columns - 1 - len(state) if terminal else len(what)
            print(_cut(what, width) + state, end="\x1b[K\r" if terminal else "\n", file=sys.stderr, flush=True)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Tell on standard error every few seconds that `what`, of which nobody knows how long it takes, goes on."""
    over, begun = threading.Event(), time.monotonic()

    def tell() -> None:
        while not over.wait(LINE_EVERY):
            print(f"{what}: {duration(time.monotonic() - begun)} so far", file=sys.stderr, flush=True)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}…"
