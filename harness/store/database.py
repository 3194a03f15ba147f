"""The database under a store: its address, its transactions, and what its complaints mean for a person.

Connections are not pooled: each lives for one transaction. A process that forks (data loaders, worker pools) can
therefore never share one with its child, which on SQLite would corrupt the file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)
from sqlalchemy.pool import NullPool, StaticPool

from harness.errors import UserError, one_line
from harness.store import complaints


class Database:
    """A database by its SQLAlchemy URL. Nothing is read or written before the first transaction."""

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        """Raises :class:`UserError` for a URL that is none, lacks its driver, or means a database in memory.

        Args:
            timeout: seconds to wait for another process that writes into the same SQLite file.
        """
        address = _address(url)
        self.timeout = timeout
        self.sqlite = address.get_backend_name() == "sqlite"
        self.path = Path(address.database or "") if self.sqlite and "uri" not in address.query else None
        """The SQLite file; None for other databases and for SQLite's own ``file:`` addresses."""
        self.name = str(self.path or address.set(query={}).render_as_string(hide_password=True))
        """Where the database is, for a person to read, without password and options."""
        self.before_reading: Callable[[Connection], None] = _nothing
        """Called at the beginning of every reading transaction."""
        self.before_writing: Callable[[Connection], None] = _nothing
        """Called at the beginning of every writing transaction until one has succeeded."""
        waiting: dict[str, Any] = {"timeout": timeout} if self.sqlite else {}
        try:
            self.engine = create_engine(address, poolclass=NullPool, connect_args=waiting)
        except NoSuchModuleError as error:
            raise UserError(f"the store {self.name} names an unknown database, {address.drivername}") from error
        except ImportError as error:
            raise UserError(f"the store {self.name} needs a driver that isn't installed: {one_line(error)}") from error
        if self.sqlite:
            self._listen(self.engine)
        self._readers = self.engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees the database as it is at one moment."""
        with self.explained(), self._readers.connect() as connection, connection.begin():
            self.before_reading(connection)
            yield connection

    def settle(self) -> None:
        """Find a way to read a SQLite file that lies where nothing can be written; elsewhere it is the usual one.

        SQLite reads a file with a write-ahead log only where it can make files beside it, unless it is told that nobody
        changes the file. That holds where no change waits in a log; a process that has the file open has a log too.
        """
        if self.path is None:
            return
        try:
            with self.engine.connect() as connection, connection.begin():
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
        except DatabaseError as error:
            if not any(sign in str(error.orig) for sign in complaints.BARRED) or not os.access(self.path, os.R_OK):
                return  # the first transaction will tell
            with suppress(OSError):
                if log := complaints.unfinished_log(self.path):
                    raise UserError(
                        f"the store {self.name} has changes in {log.name} that cannot be read where nothing can be"
                        " written: copy both files to one folder that can be written, and use that as the home"
                    ) from error
                self._readers = self._listen(self._unchanging(self.path))

    def read_nothing(self) -> None:
        """From now on read an empty database in memory, whatever lies at the address."""
        self._readers = create_engine("sqlite://", poolclass=StaticPool)

    def _unchanging(self, path: Path) -> Engine:
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        return create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=NullPool)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that alone may write; all of it is stored at its end, or nothing."""
        with self.explained(), self.engine.connect() as plain:
            connection = plain.execution_options(harness_writes=True)
            with connection.begin():
                self.before_writing(connection)
                yield connection
            self.before_writing = _nothing

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the database refuses inside into one sentence; mistakes of this program stay what they are."""
        try:
            yield
        except (IntegrityError, ProgrammingError, DataError):
            raise
        except DatabaseError as error:
            raise UserError(self._sentence(one_line(error.orig or error))) from error
        except sqlite3.DatabaseError as error:
            raise UserError(self._sentence(one_line(error))) from error

    def _sentence(self, complaint: str) -> str:
        said = complaints.sentence(self.path, complaint) if self.sqlite else f"cannot be used: {complaint}"
        return f"the store {self.name} {said}"

    def _listen(self, engine: Engine) -> Engine:
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return engine


def _nothing(_connection: Connection) -> None:
    """Where there is nothing to prepare."""


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):  # nothing of it is quoted or chained, as the text may hold a password
        address = None
    sqlite = address is not None and address.get_backend_name() == "sqlite"
    if address is None or (sqlite and (address.host or address.username)):
        raise UserError(
            "the address of the store is no database URL; it has the form sqlite:////folder/store.sqlite (four"
            " slashes, or three and a relative path) or postgresql+psycopg://user:password@host/database"
        )
    if sqlite and (":memory:" in (address.database or ":memory:") or "memory" in address.query.get("mode", "")):
        raise UserError("a store in memory would forget its runs: name a file, as in sqlite:////folder/store.sqlite")
    return address


def _prepare(connection: Any, _record: Any) -> None:
    """Settings of one SQLite connection.

    ``synchronous=EXTRA``: with NORMAL, a loss of power may take the last commits of a write-ahead log with it. FULL
    and EXTRA flush every commit to the disk, and EXTRA does so even where a file system doesn't allow such a log.
    """
    connection.isolation_level = None  # else Python's module begins transactions by rules of its own
    connection.execute("PRAGMA synchronous=EXTRA")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    """A writer takes the lock at once: one that reads first and then writes would fail without waiting."""
    writes = connection.get_execution_options().get("harness_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
