"""Locks that a killed process cannot hold: the system frees those on files, a server those in its database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from filelock import BaseFileLock, FileLock, Timeout
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from harness import addresses
from harness.errors import UserError
from harness.seeding import derive

ADVISORY = {
    "postgresql": ("pg_advisory_lock(:key)", "pg_try_advisory_lock(:key)", "pg_advisory_unlock(:key)"),
    "mysql": ("GET_LOCK(:key, 31536000)", "GET_LOCK(:key, 0)", "RELEASE_LOCK(:key)"),
    "mariadb": ("GET_LOCK(:key, 31536000)", "GET_LOCK(:key, 0)", "RELEASE_LOCK(:key)"),
}
"""Kind of server -> how a connection waits for a lock, which ends with it; how it tries to have it; how it gives it
back."""
LOOK, PAUSE, ATTEMPTS = 0.25, 0.02, 12
"""Seconds for which a lock is tried, and between two attempts, and how many there are at least, as a process may stand
still: who only asks whether a lock is held has it for a moment."""
BUSY = "is being trained by another process now"
"""By this one knows the sentence of who finds a lock taken: what it was about can be had later."""


def run_lock(recipe_hash: str, seed: int, device: str) -> str:
    """Name of the lock of who trains a recipe from a seed on a kind of device."""
    return f"{recipe_hash}-{seed}-{device}"


class Locks(Protocol):
    """Where locks are that several processes share."""

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """A context that one process at a time can be in; others wait."""

    def alone(self, name: str, what: str, advice: str) -> AbstractContextManager[None]:
        """The same without waiting: a :class:`UserError` says that another process is at `what`, with an advice."""

    def held(self, name: str) -> bool:
        """Whether a process has the lock `name` now."""


class FileLocks:
    """Locks on files in a folder, for what is kept in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold the lock `name`. The folder is made on demand; a :class:`UserError` where that is refused."""
        make(self.folder)
        lock = FileLock(self._file(name))
        with locking(lock):
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def alone(self, name: str, what: str, advice: str) -> AbstractContextManager[None]:
        """Hold the lock `name`, or refuse; see :class:`Locks`."""
        make(self.folder)
        return alone(self._file(name), what, advice)

    def held(self, name: str) -> bool:
        """Whether a process has the lock `name` now. Nothing is created."""
        if not self._file(name).exists():
            return False
        lock = FileLock(self._file(name))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:  # where nothing can be written nobody trains
            return False
        lock.release()
        return False

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.lock"


@contextmanager
def alone(file: Path, what: str, advice: str) -> Iterator[None]:
    """Be at `what` while no other process is; a :class:`UserError` with an advice where one has the lock `file`."""
    lock = FileLock(file)

    def take() -> bool:
        try:
            with locking(lock):
                lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    if not _taken(take):
        raise UserError(_busy(what, advice))
    try:
        yield
    finally:
        lock.release()


@contextmanager
def locking(lock: BaseFileLock) -> Iterator[None]:
    """Turn what the disk refuses while `lock` is taken into a :class:`UserError`."""
    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        raise UserError(f"cannot lock {lock.lock_file} ({error.strerror}): make its folder writable") from error


def _taken(take: Callable[[], bool]) -> bool:
    """Whether a lock could be had, for which `take` tries."""
    until, attempts = time.monotonic() + LOOK, 1
    while not take():
        if attempts >= ATTEMPTS and time.monotonic() > until:
            return False
        attempts += 1
        time.sleep(PAUSE)
    return True


def make(folder: Path) -> None:
    """Make a folder for locks or what they guard; a :class:`UserError` where that is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot create {folder} ({error.strerror}): name another place with --storage or --home"
        ) from error


class ServerLocks:
    """Advisory locks of a database server, for processes on many machines. Each is held by a connection of its own."""

    def __init__(self, url: URL) -> None:
        """A :class:`UserError` where this kind of server has no locks that are known here."""
        if url.get_backend_name() not in ADVISORY:
            raise UserError(
                f"studies cannot be kept in {url.get_backend_name()}: use a journal file, SQLite, PostgreSQL or MySQL"
            )
        self._take, self._try, self._give = (f"SELECT {call}" for call in ADVISORY[url.get_backend_name()])
        self._numeric = url.get_backend_name() == "postgresql"
        self._engine = create_engine(
            url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=addresses.encoding(url)
        )

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold the lock `name`."""
        with self._engine.connect() as connection:
            connection.execute(text(self._take), self._key(name))
            yield from self._holding(connection, name)

    @contextmanager
    def alone(self, name: str, what: str, advice: str) -> Iterator[None]:
        """Hold the lock `name`, or refuse; see :class:`Locks`."""
        with self._engine.connect() as connection:
            if not _taken(lambda: bool(connection.scalar(text(self._try), self._key(name)))):
                raise UserError(_busy(what, advice))
            yield from self._holding(connection, name)

    def held(self, name: str) -> bool:
        """Whether a process has the lock `name` now."""
        with self._engine.connect() as connection:
            if not connection.scalar(text(self._try), self._key(name)):
                return True
            connection.execute(text(self._give), self._key(name))
            return False

    def _holding(self, connection: Connection, name: str) -> Iterator[None]:
        try:
            yield
        finally:
            with suppress(SQLAlchemyError):  # a connection that broke has given its locks back
                connection.execute(text(self._give), self._key(name))

    def _key(self, name: str) -> dict[str, int | str]:
        number = derive(0, "lock", name)
        return {"key": number if self._numeric else f"harness-{number}"}


def _busy(what: str, advice: str) -> str:
    return f"{what} {BUSY}: {advice}"


class Life:
    """The lock of one worker: as long as it is held, the worker lives."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = FileLock(file)

    def begin(self) -> None:
        """Take the lock. Nobody else can have it: its name is this worker's own."""
        make(self.file.parent)
        with locking(self._lock):
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
    except OSError:  # where nothing can be written nobody works
        return True
    lock.release()
    with suppress(OSError):
        file.unlink(missing_ok=True)
    return True
