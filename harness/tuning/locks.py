"""Locks that all workers of a study share, and that a killed one cannot hold: the system or the server frees them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from harness.errors import UserError
from harness.seeding import derive

ADVISORY = {
    "postgresql": ("SELECT pg_advisory_lock(:key)", "SELECT pg_advisory_unlock(:key)"),
    "mysql": ("SELECT GET_LOCK(:key, 31536000)", "SELECT RELEASE_LOCK(:key)"),
    "mariadb": ("SELECT GET_LOCK(:key, 31536000)", "SELECT RELEASE_LOCK(:key)"),
}
"""Kind of server -> how a connection waits for a lock, which ends with it, and how it gives it back."""


class Locks(Protocol):
    """Where the locks of a study are."""

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """A context that one process at a time can be in; others wait."""


class FileLocks:
    """Locks on files in a folder, for studies in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold the lock `name`. The folder is made on demand; a :class:`UserError` where that is refused."""
        make(self.folder)
        with FileLock(self.folder / f"{name}.lock"):
            yield


def make(folder: Path) -> None:
    """Make a folder for studies or their locks; a :class:`UserError` where that is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot create {folder} ({error.strerror}): name another place with --storage or --home"
        ) from error


class ServerLocks:
    """Advisory locks of the server that the studies are on, for workers on many machines."""

    def __init__(self, url: URL) -> None:
        """A :class:`UserError` where this kind of server has no locks that are known here."""
        if url.get_backend_name() not in ADVISORY:
            raise UserError(
                f"studies cannot be kept in {url.get_backend_name()}: use a journal file, SQLite, PostgreSQL or MySQL"
            )
        self._take, self._give = ADVISORY[url.get_backend_name()]
        self._numeric = url.get_backend_name() == "postgresql"
        self._engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold the lock `name`, by a connection of its own."""
        number = derive(0, "lock", name)
        key = {"key": number if self._numeric else f"harness-{number}"}
        with self._engine.connect() as connection:
            connection.execute(text(self._take), key)
            try:
                yield
            finally:
                connection.execute(text(self._give), key)


class Life:
    """The lock of one worker: as long as it is held, the worker lives."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = FileLock(file)

    def begin(self) -> None:
        """Take the lock. Nobody else can have it: its name is this worker's own."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._lock.acquire(timeout=0)

    def end(self) -> None:
        """Give the lock back and leave nothing."""
        self._lock.release()
        self.file.unlink(missing_ok=True)


def has_ended(file: Path) -> bool:
    """Whether the worker whose lock `file` is lives no longer; the file of one that was killed is cleared away."""
    lock = FileLock(file)
    if not file.exists():
        return True
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    file.unlink(missing_ok=True)
    return True
