"""Progress in bytes, told in steps that can be seen."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, cast

from tasks.sources.root import Report

STEPS = 200
"""At most so many calls of a report: there may be 50,000 files."""
BUFFER = 1 << 17
"""Bytes that are read from a file at once."""


class Progress:
    """Tells a report how much of `total` bytes is done."""

    def __init__(self, report: Report, what: str, total: int) -> None:
        self.report, self.what, self.total = report, what, max(total, 1)
        self.done = self._told = 0
        report(what, 0, self.total)

    def add(self, size: int) -> None:
        """So many bytes more are done; the last is told by :meth:`close` alone."""
        self.done = min(self.done + size, self.total - 1)
        if self.done - self._told >= self.total / STEPS:
            self._told = self.done
            self.report(self.what, self.done, self.total)

    def opened(self, file: Path) -> IO[bytes]:
        """A file to read, which tells by itself how much of it was read."""
        return cast(IO[bytes], io.BufferedReader(_Watched(file, self), BUFFER))

    def close(self) -> None:
        """All is done."""
        self.report(self.what, self.total, self.total)


class _Watched(io.FileIO):
    def __init__(self, file: Path, progress: Progress) -> None:
        super().__init__(file)
        self._progress = progress

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        read = super().readinto(buffer)
        self._progress.add(read or 0)
        return read
