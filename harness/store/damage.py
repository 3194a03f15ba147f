"""Text in the database that cannot be read any more, as after a fault of a disk: in which entry it is."""

from __future__ import annotations

import json

from sqlalchemy import Column, Connection, LargeBinary, Text, cast, inspect, select, type_coerce

from harness.store.schema import Json, Words, runs, skipped, timings

NAMES = {runs.name: "run", timings.name: "timing", skipped.name: "skipped pair of suite"}
"""Table -> what one of its rows is."""


def first(connection: Connection) -> str | None:
    """The first entry with text that is no JSON or no UTF-8, as ``the recipe of run 0123456789ab``; None without one.

    All of them are read, one column at a time.
    """
    binary = connection.dialect.name == "sqlite"  # servers see to the encoding themselves
    for table in (runs, timings, skipped):
        if not inspect(connection).has_table(table.name):
            continue
        key = next(iter(table.primary_key.columns))
        for column in table.columns:
            if not isinstance(column.type, Json | Words):
                continue
            raw = cast(column, LargeBinary) if binary else type_coerce(column, Text())
            for name, text in connection.execute(select(key, raw)):
                if text is not None and not _readable(column, text):
                    return f"the {column.name} of {NAMES[table.name]} {name}"
    return None


def _readable(column: Column[object], text: bytes | str) -> bool:
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        if isinstance(column.type, Json):
            json.loads(decoded)
    except ValueError:
        return False
    return True
