"""The first look at a store: is it one, does its version fit; and making it where nothing is yet."""

from __future__ import annotations

import sqlite3
import stat
import time
from pathlib import Path

from sqlalchemy import Connection, insert, inspect, select

from harness.errors import UserError
from harness.store import complaints, schema, upgrade
from harness.store.database import Database
from harness.store.run import utc_now


class NoStore(UserError):
    """Nothing has been stored at this place yet, and the store was not to be created."""


def prepare(database: Database, create: bool) -> None:
    """Make sure that the tables of this version are there; without `create` missing ones are a :class:`NoStore`.

    A store that exists is only read, so that one on a read-only disk can be looked at; one of an earlier version is
    brought up to date later, by the first who writes.
    """
    if database.path is None or _is_file(database.path):
        database.settle()
        with database.reading() as connection:
            version = _version(connection, database)
        if version in upgrade.OLDER:
            upgrade.attach(database)
        if version is not None:
            return
    if not create:
        raise NoStore(f"there is no store at {database.name} yet: 'harness run', 'speed' and 'import' make one")
    if database.sqlite:
        _write_ahead(database)
    with database.writing() as connection:
        database.making(connection)
        if _version(connection, database) is None:  # another process may have been first
            if said := complaints.of_encoding(connection):
                raise UserError(f"the store {database.name} cannot be made: {said}")
            _create(connection)


def prepare_nothing(database: Database) -> None:
    """Let a database read as a store without runs, and leave its place alone."""
    database.read_nothing()
    with database.reading() as connection:
        _create(connection)


def _is_file(path: Path) -> bool:
    """Whether there is a file at `path`, instead of nothing."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UserError(f"the store {path} cannot be opened: {error.strerror}") from error
    if stat.S_ISDIR(kind):
        raise UserError(f"the store {path} is a folder: name a file")
    return True


def _version(connection: Connection, database: Database) -> str | None:
    """Version of the tables, None where there are none.

    Raises :class:`UserError` where they are another program's, or of a version that this one can't read.
    """
    inspector = inspect(connection)
    if not inspector.has_table(schema.meta.name):
        if database.sqlite and (tables := inspector.get_table_names()):
            raise UserError(
                f"the store {database.name} is a database of another program (it has a table '{tables[0]}'):"
                " name another home with --home"
            )
        return None
    facts = dict(connection.execute(select(schema.meta.c.key, schema.meta.c.value)).all())
    version = facts.get("schema", "unknown")
    if version in (str(schema.VERSION), *upgrade.OLDER):
        return version
    newer = version.isdigit() and int(version) > schema.VERSION
    raise UserError(
        f"the store {database.name} was made by {'a newer' if newer else 'another'} version of this program (its schema"
        f" is {version}, this version knows {schema.VERSION}): use that version, or export with it and import here"
    )


def _create(connection: Connection) -> None:
    schema.metadata.create_all(connection)
    facts = {"schema": str(schema.VERSION), "created": utc_now()}
    connection.execute(insert(schema.meta), [{"key": key, "value": value} for key, value in facts.items()])


def _write_ahead(database: Database) -> None:
    """Switch a new SQLite file to write-ahead logging: readers and the writer then don't block each other.

    SQLite refuses the switch at once, without waiting, while another process looks at the file.
    """
    deadline = time.monotonic() + database.timeout
    with database.explained():
        while True:
            connection = database.engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
            finally:
                connection.close()
            time.sleep(0.01)
