"""Where studies are kept: a journal file each, or a database for many; its address, and what it complains of."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from sqlalchemy import create_engine, event, inspect
from sqlalchemy.engine import URL
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from harness import addresses
from harness.errors import UserError, one_line
from harness.home import JOURNAL, Home, expanded
from harness.locking import FileLocks, Locks, ServerLocks, make
from harness.masking import is_address
from harness.store import complaints
from harness.tuning.journal import JournalFile, damaged

HEARTBEAT = 30
"""Seconds between two signs of life of a trial whose study is on a server."""
LONGEST = 200
"""Letters of a study's name in the name of its journal; file systems take 255, with what is appended."""
GRACE = 120
"""Seconds without such a sign after which its worker, on another machine, counts as dead."""

optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass(frozen=True)
class Address:
    """The place of studies: the journal file at `path`, or the database at `url`."""

    path: Path | None = None
    url: URL | None = None

    @property
    def name(self) -> str:
        """For a person to read: without password and options."""
        return str(self.path) if self.url is None else addresses.shown(self.url)

    @property
    def text(self) -> str:
        """As ``--storage`` takes it, with the password: for the standard input of a worker, not to be shown."""
        if self.url is None:
            return str(self.path)
        return addresses.rendered(self.url)

    @property
    def file(self) -> Path | None:
        """The file that holds the studies; None where that is a server."""
        if self.url is None or self.url.get_backend_name() != "sqlite":
            return self.path
        return Path(self.url.database or "")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the database or the disk refuses inside into one sentence without a password."""
        try:
            yield
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError, UnicodeError) as error:
            cause = error if isinstance(error, SQLAlchemyError) else (error.__cause__ or error)
            complaint = one_line(getattr(cause, "orig", None) or cause)
            if self.url is None or self.url.get_backend_name() == "sqlite":
                said = complaints.sentence(self.file, complaint)
            else:
                said = complaints.of_server(complaint, self.url.username)
            raise UserError(f"the storage of studies {self.name} {said}") from None  # the cause may hold the password


@dataclass(frozen=True)
class Opened:
    """An open storage, with the locks that its workers share and the folder of the workers' own locks."""

    address: Address
    storage: BaseStorage
    locks: Locks
    lives: Path

    @property
    def local(self) -> bool:
        """Whether all who use it see one folder of locks; else some may be on other machines."""
        return self.address.file is not None


def journal(home: Home, study: str) -> Path:
    """The journal file of a study in the home; of a name that is too long for a file, its beginning and a digest."""
    name = quote(study, safe="")
    if len(name) > LONGEST:
        name = f"{name[: LONGEST - 17]}-{sha256(study.encode(errors='surrogatepass')).hexdigest()[:16]}"
    return home.studies / f"{name}{JOURNAL}"


def journals(home: Home) -> list[Path]:
    """The journal files in the home, by name."""
    return home.journals()


def address(given: str, what: str = "the storage of studies") -> Address:
    """The place that a URL of SQLAlchemy or the path of a journal file names; `what` begins the sentence of a refusal.

    A path that looks like an address (``host:a@b``) is written as ``./host:a@b``.
    """
    if not is_address(given):
        return Address(expanded(given, what))
    url = addresses.parse(given, what, "studies.sqlite")
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:") or not addresses.is_file(url):
            raise UserError(f"{what} must name a file for studies, as in sqlite:////folder/studies.sqlite")
        url = url.set(database=str(Path(url.database or "").absolute()))
    return Address(url=url)


def open_storage(where: Address, home: Home, create: bool = True) -> Opened:
    """The storage at an address.

    Raises :class:`UserError` where it cannot be used, and where there is none and `create` doesn't ask for one.
    """
    file = where.file
    if file is not None and not create and not file.is_file():
        raise UserError(f"there are no studies in {where.name}: 'tune' makes one")
    if file is None:
        return _on_server(where, home)
    locks = FileLocks(file.parent / f"{file.name}.locks")
    if where.url is not None:
        with locks.exclusive("opening"):
            storage = _database(where, {"connect_args": {"timeout": 60}})
    else:
        storage = _journal(file, locks.folder / "journal.lock")
    return Opened(where, storage, locks, locks.folder)


def _journal(file: Path, lock: Path) -> BaseStorage:
    try:
        make(file.parent)
        return JournalStorage(JournalFile(file, lock))
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"the journal {file} cannot be opened ({error.strerror}): name another --storage") from error
    except Exception as error:  # of Optuna, over lines that make no sense together
        raise UserError(damaged(file, f" ({type(error).__name__} in Optuna)")) from error


def _on_server(where: Address, home: Home) -> Opened:
    assert where.url is not None
    with where.explained():
        try:
            locks = ServerLocks(where.url)
        except NoSuchModuleError as error:
            raise UserError(f"--storage {where.name} names an unknown database, {where.url.drivername}") from error
        except ImportError as error:
            raise UserError(f"--storage {where.name} needs a driver that isn't installed: {one_line(error)}") from error
        with locks.exclusive("opening"):  # two that create the tables at once would hinder each other
            engine = {"pool_pre_ping": True, "connect_args": addresses.encoding(where.url)}
            _check_encoding(where, engine)
            storage = _database(where, engine, heartbeat_interval=HEARTBEAT, grace_period=GRACE)
        return Opened(where, storage, locks, home.locks())


def _check_encoding(where: Address, engine: dict[str, Any]) -> None:
    """Refuse to make the tables where not every text could be kept."""
    assert where.url is not None
    with create_engine(where.url, poolclass=NullPool, connect_args=engine["connect_args"]).connect() as connection:
        if not inspect(connection).has_table("studies") and (said := complaints.of_encoding(connection)):
            raise UserError(f"the storage of studies {where.name} cannot be made: {said}")


def _database(where: Address, engine: dict[str, Any], **options: Any) -> BaseStorage:
    with where.explained(), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            backend = RDBStorage(where.text, engine, **options)
        except RuntimeError as error:  # tables of another version of Optuna
            raise UserError(f"the storage of studies {where.name} cannot be used: {one_line(error)}") from error
    if where.file is not None:
        event.listen(backend.engine, "connect", _prepare)
        event.listen(backend.engine, "begin", _begin)
        backend.engine.dispose()
    return optuna.storages.get_storage(backend)  # with the cache that a study would put around it


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else Python's module begins transactions by rules of its own


def _begin(connection: Any) -> None:
    """Take SQLite's lock at once: one that reads first and then writes would fail without waiting."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
