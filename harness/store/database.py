"""The database under a store: its address, its transactions, and what its complaints mean for a person.

Connections are not pooled: each lives for one transaction. A process that forks (data loaders, worker pools) can
therefore never share one with its child, which on SQLite would corrupt the file.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from harness import addresses
from harness.errors import UserError, one_line
from harness.home import Home
from harness.locking import ADVISORY, FileLocks, Locks, ServerLocks
from harness.store import complaints, damage

PATIENCE = {"connect_timeout": 60, "keepalives_idle": 60, "keepalives_interval": 20, "keepalives_count": 3}
"""Seconds after which a PostgreSQL server that doesn't answer counts as gone, unless the address says otherwise."""
MAKING = 0x6861726E657373
"""Key of the lock of who makes the tables in a PostgreSQL database; any number that others hardly use."""


class Database:
    """A database by its SQLAlchemy URL. Nothing is read or written before the first transaction."""

    def __init__(self, url: URL | str, timeout: float = 60.0) -> None:
        """Raises :class:`UserError` for a URL that is none, lacks its driver, or means a database in memory.

        Args:
            url: a string is what a person wrote.
            timeout: seconds to wait for another process that writes into the same SQLite file.
        """
        address = _address(url) if isinstance(url, str) else url
        self.timeout = timeout
        self.sqlite = address.get_backend_name() == "sqlite"
        self.path = Path(address.database or "") if addresses.is_file(address) else None
        """The SQLite file; None for other databases and for SQLite's own ``file:`` addresses."""
        self.name = addresses.shown(address)
        """Where the database is, for a person to read, without password and options."""
        self.before_reading: Callable[[Connection], None] = _nothing
        """Called at the beginning of every reading transaction."""
        self.before_writing: Callable[[Connection], None] = _nothing
        """Called at the beginning of every writing transaction until one has succeeded."""
        self.postgresql = address.get_backend_name() == "postgresql"
        try:
            self.engine = create_engine(address, poolclass=NullPool, connect_args=_options(address, timeout))
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
        """Turn what the database refuses inside into one sentence; a row that is stored twice stays a mistake."""
        try:
            yield
        except IntegrityError:
            raise
        except (SQLAlchemyError, sqlite3.Error, UnicodeError) as error:
            if self._is_undecodable(error) and (damaged := self._damage()):
                raise damaged from error
            raise UserError(self._sentence(one_line(getattr(error, "orig", None) or error))) from error
        except json.JSONDecodeError as error:
            if damaged := self._damage():
                raise damaged from error
            raise

    def _is_undecodable(self, error: Exception) -> bool:
        return isinstance(error, UnicodeDecodeError) or "decode to UTF-8" in str(error)

    def _damage(self) -> damage.Damaged | None:
        """The error about the entry whose text cannot be read; None where all of them can be."""
        with suppress(SQLAlchemyError), self._readers.connect() as connection, connection.begin():
            self.before_reading(connection)
            return damage.first(connection, self.name)
        return None

    def _connected(self, engine: Engine) -> Connection:
        """A connection; whatever is wrong with the address or the server's answer is a :class:`UserError`."""
        try:
            return engine.connect()
        except SQLAlchemyError as error:
            raise UserError(self._sentence(one_line(getattr(error, "orig", None) or error))) from error

    def _sentence(self, complaint: str) -> str:
        if self.sqlite:
            return f"the store {self.name} {complaints.sentence(self.path, complaint)}"
        return f"the store {self.name} {complaints.of_server(complaint, self.engine.url.username)}"

    def _listen(self, engine: Engine) -> Engine:
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return engine


def _nothing(_connection: Connection) -> None:
    """Where there is nothing to prepare."""


def _address(given: str) -> URL:
    address = addresses.parse(given, "the address of the store")
    sqlite = address.get_backend_name() == "sqlite"
    if sqlite and (":memory:" in (address.database or ":memory:") or "memory" in address.query.get("mode", "")):
        raise UserError("a store in memory would forget its runs: name a file, as in sqlite:////folder/store.sqlite")
    return address


def _options(address: URL, timeout: float) -> dict[str, Any]:
    """Of a connection, in the words of its driver: how long it waits for others, and its encoding."""
    if address.get_backend_name() == "sqlite":
        return {"timeout": timeout}
    if address.drivername == "postgresql+psycopg":
        patience = {name: seconds for name, seconds in PATIENCE.items() if name not in address.query}
        return patience | addresses.encoding(address)
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
