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

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)
from sqlalchemy.pool import NullPool, StaticPool

from harness.errors import UserError, one_line
from harness.home import Home
from harness.locking import ADVISORY, FileLocks, Locks, ServerLocks
from harness.store import complaints

PATIENCE = {"connect_timeout": 60, "keepalives_idle": 60, "keepalives_interval": 20, "keepalives_count": 3}
"""Seconds after which a PostgreSQL server that doesn't answer counts as gone, unless the address says otherwise."""
NOT_ALLOWED = "42501"
"""What a server answers who lacks a right, in the code of the SQL standard."""
MAKING = 0x6861726E657373
"""Key of the lock of who makes the tables in a PostgreSQL database; any number that others hardly use."""


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
        self.postgresql = address.get_backend_name() == "postgresql"
        try:
            self.engine = create_engine(address, poolclass=NullPool, connect_args=_waiting(address, timeout))
        except NoSuchModuleError as error:
            raise UserError(f"the store {self.name} names an unknown database, {address.drivername}") from error
        except ImportError as error:
            raise UserError(f"the store {self.name} needs a driver that isn't installed: {one_line(error)}") from error
        if self.sqlite:
            self._listen(self.engine)
        self._readers = self.engine
        if self.postgresql:  # by default each of its statements sees what others stored before it
            self._readers = self.engine.execution_options(isolation_level="REPEATABLE READ")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees the database as it is at one moment."""
        with self.explained(), self._connected(self._readers) as connection, connection.begin():
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
        """A transaction that may write; all of it is stored at its end, or nothing. In SQLite it is the only one."""
        with self.explained(), self._connected(self.engine) as plain:
            connection = plain.execution_options(harness_writes=True)
            with connection.begin():
                self.before_writing(connection)
                yield connection
            self.before_writing = _nothing

    def making(self, connection: Connection) -> None:
        """Let one writer at a time make tables, until the end of its transaction; others wait here."""
        if self.postgresql:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MAKING})

    def locks(self) -> Locks:
        """Locks that go with the database: on files beside a SQLite one, else the server's, or those at home."""
        if self.path is not None:
            return FileLocks(self.path.absolute().parent / "locks")
        if self.engine.url.get_backend_name() in ADVISORY:
            return ServerLocks(self.engine.url)
        return FileLocks(Home.find().path / "locks")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the database refuses inside into one sentence; mistakes of this program stay what they are."""
        try:
            yield
        except (IntegrityError, ProgrammingError, DataError) as error:
            if getattr(error.orig, "sqlstate", None) != NOT_ALLOWED:
                raise
            raise UserError(self._sentence(one_line(error.orig or error))) from error
        except DatabaseError as error:
            raise UserError(self._sentence(one_line(error.orig or error))) from error
        except sqlite3.DatabaseError as error:
            raise UserError(self._sentence(one_line(error))) from error

    def _connected(self, engine: Engine) -> Connection:
        """A connection; whatever is wrong with the address or the server's answer is a :class:`UserError`."""
        try:
            return engine.connect()
        except DBAPIError as error:
            raise UserError(self._sentence(one_line(error.orig or error))) from error

    def _sentence(self, complaint: str) -> str:
        said = complaints.sentence(self.path, complaint) if self.sqlite else f"cannot be used: {complaint}"
        password = self.engine.url.password
        return f"the store {self.name} {said.replace(password, '***') if password else said}"

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
    if address.drivername in ("postgres", "postgresql"):
        return address.set(drivername="postgresql+psycopg")
    return address


def _waiting(address: URL, timeout: float) -> dict[str, Any]:
    """How long a connection waits for others, in the words of its driver."""
    if address.get_backend_name() == "sqlite":
        return {"timeout": timeout}
    if address.drivername == "postgresql+psycopg":
        return {name: seconds for name, seconds in PATIENCE.items() if name not in address.query}
    return {}


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
