"""Text in the database that cannot be read any more, as after a fault of a disk: in which entry it is."""

from __future__ import annotations

import json

from sqlalchemy import Column, Connection, LargeBinary, Text, cast, inspect, select, type_coerce

from harness.errors import UserError
from harness.store.schema import Json, Words, runs, skipped, timings


class Damaged(UserError):
    """An entry of the store has text that cannot be read; the sentence names it."""


NAMES = {runs.name: "run", timings.name: "timing", skipped.name: "skipped pair of suite"}
"""Table -> what one of its rows is."""


def first(connection: Connection, store: str) -> Damaged | None:
    """The error about the first entry with text that is no JSON or no UTF-8; None where there is none.

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
                    other = f", or delete that run ('harness delete {name} --force')" if table is runs else ""
                    return Damaged(
                        f"the {column.name} of {NAMES[table.name]} {name} in the store {store} is damaged: restore the"
                        f" store from a copy or an export{other}"
                    )
    return None


def _readable(column: Column[object], text: bytes | str) -> bool:
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        if isinstance(column.type, Json):
            json.loads(decoded)
    except ValueError:
        return False
    return True
