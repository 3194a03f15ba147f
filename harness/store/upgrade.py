"""Stores of an earlier version: read as they are, and brought up to date by the first who writes.

Version 2 of the tables gave a run ``study`` and ``trial``. To a SQLite store of version 1 they are added in the
transaction of the first write; until then, and where nothing can be written, readers see them empty. Other databases
are brought up to date when they are opened.
"""

from __future__ import annotations

from sqlalchemy import DDL, Connection, update
from sqlalchemy.exc import ProgrammingError

from harness.errors import UserError
from harness.store.database import Database
from harness.store.schema import LOCK, VERSION, meta, runs

OLDER = ("1",)
"""Versions that can be brought up to date."""
ADDED = (runs.c.study, runs.c.trial)
"""Columns that version 1 lacks."""
STUDY_INDEX = "harness_runs_study"


def attach(database: Database) -> None:
    """Let a database of an earlier version be read and written as one of this version."""
    if database.sqlite:
        database.before_reading, database.before_writing = pretend, bring_up
        return
    with database.writing() as connection:
        try:
            bring_up(connection)
        except ProgrammingError as error:
            raise UserError(
                f"the store {database.name} was made by an earlier version of this program, and this user may not"
                " change its tables: open it once as the user who owns them"
            ) from error


def bring_up(connection: Connection) -> None:
    """Bring the tables to this version, in a transaction that may write; nothing where another process was first."""
    found = connection.scalar(LOCK)
    if found not in OLDER:
        return
    for column in ADDED:
        kind = column.type.compile(connection.dialect)
        connection.execute(DDL(f"ALTER TABLE {runs.name} ADD COLUMN {column.name} {kind}"))
    next(index for index in runs.indexes if index.name == STUDY_INDEX).create(connection)
    connection.execute(update(meta).where(meta.c.key == "schema").values(value=str(VERSION)))


def pretend(connection: Connection) -> None:
    """Let one reading transaction of SQLite see the columns that are missing, as NULL; nothing is written to the file.

    A temporary view hides the table of its name, for this connection only.
    """
    there = set(connection.exec_driver_sql(f"SELECT name FROM pragma_table_info('{runs.name}', 'main')").scalars())
    missing = [column.name for column in ADDED if column.name not in there]
    if missing:
        empty = ", ".join(f"NULL AS {name}" for name in missing)
        connection.exec_driver_sql("PRAGMA temp_store=MEMORY")  # there may be no place for a file
        connection.exec_driver_sql(f"CREATE TEMP VIEW {runs.name} AS SELECT *, {empty} FROM main.{runs.name}")
