"""A study in one file: every change is a line of JSON, appended under a lock that a killed process cannot leave behind.

The lines are those of Optuna's own journal file, so that its tools open it. Optuna's writer isn't used: its lock is a
file that a killed process leaves behind for half a minute, and a line cut off by a kill or a full disk would damage the
line after it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock
from optuna.storages.journal import BaseJournalBackend

from harness.errors import UserError
from harness.locking import locking, make

KEYS = {"op_code", "worker_id"}
"""What every line of a journal has."""


class JournalFile(BaseJournalBackend):
    """The journal at `path`; `lock` is the file that writers lock. Raises ``OSError`` where it cannot be created."""

    def __init__(self, path: Path, lock: Path) -> None:
        self.path, self._lock = path, FileLock(lock)
        if not path.exists():
            path.open("ab").close()
        self._offsets = [0]
        """Where the lines begin that were read, and where the next one will."""

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The lines from this number on; one that is still being written, or was never finished, is left out.

        Raises :class:`UserError` for a line that is no line of a journal.
        """
        start = min(log_number_from, len(self._offsets) - 1)
        with self.path.open("rb") as file:
            file.seek(self._offsets[start])
            for number, line in enumerate(file, start):
                if not line.endswith(b"\n"):
                    return
                if number + 1 == len(self._offsets):
                    self._offsets.append(self._offsets[number] + len(line))
                if number >= log_number_from:
                    yield self._content(line, number + 1)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append whole lines or none; a :class:`UserError` where the disk has no room for them."""
        text = b"".join(json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs)
        make(Path(self._lock.lock_file).parent)
        with locking(self._lock):
            self._lock.acquire()
        try:
            self._append(text)
        finally:
            self._lock.release()

    def _append(self, text: bytes) -> None:
        with self._writable() as file:
            end = _end_of_last_line(file.fileno())
            os.ftruncate(file.fileno(), end)  # what a killed process began to write was never acted upon
            try:
                os.lseek(file.fileno(), end, os.SEEK_SET)
                _write(file.fileno(), text)
                os.fsync(file.fileno())
            except OSError as error:
                os.ftruncate(file.fileno(), end)
                raise UserError(
                    f"the journal {self.path} cannot be written ({error.strerror}): make room, and give the same"
                    " command again; all earlier trials are kept"
                ) from error

    def _writable(self) -> BinaryIO:
        try:
            return self.path.open("r+b")
        except OSError as error:
            raise UserError(
                f"the journal {self.path} cannot be written ({error.strerror}): make it and its folder writable"
            ) from error

    def _content(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            content = json.loads(line)
        except ValueError:  # JSON or its encoding
            content = None
        if isinstance(content, dict) and content.keys() >= KEYS:
            return content
        raise UserError(damaged(self.path, f" in line {number}, which is no line of a journal", number - 1))


def damaged(path: Path, where: str, whole: int | None = None) -> str:
    """The sentence about a damaged journal of which the first `whole` lines can be read."""
    cut = f", cut it to its first {whole} lines (head -n {whole})" if whole else ""
    return f"the journal {path} is damaged{where}: restore it from a copy{cut}, or name another --study"


def _end_of_last_line(file: int) -> int:
    """Size of an open file up to the end of its last whole line."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - 4096)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _write(file: int, text: bytes) -> None:
    while text:
        text = text[os.write(file, text) :]
