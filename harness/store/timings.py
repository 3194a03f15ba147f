"""Timings as rows: what is read and written inside one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, inspect, select

from harness.store.rows import PAGE
from harness.store.schema import LOCK, timings
from harness.store.timing import Phase, Timing

COLUMNS = [field.name for field in fields(Timing)]
"""Of the table, which are the fields of a :class:`Timing`."""


def read(connection: Connection, query: Select[Any]) -> Iterator[Timing]:
    """The timings that `query` selects, in its order, a page at a time; none from a store older than its table."""
    if not inspect(connection).has_table(timings.name):
        return
    for page in connection.execute(query, execution_options={"yield_per": PAGE}).partitions():
        yield from map(_timing, page)


def write(connection: Connection, new: Sequence[Timing]) -> None:
    """Insert timings; their ids must be new. The table is made where a store is older than it."""
    if not inspect(connection).has_table(timings.name):
        connection.execute(LOCK)
        timings.create(connection, checkfirst=True)
    if new:
        connection.execute(insert(timings), [_row(timing) for timing in new])


def remove(connection: Connection, arch: str | None) -> int:
    """Delete the timings of an architecture, or all; how many there were."""
    if not inspect(connection).has_table(timings.name):
        return 0
    meant = delete(timings) if arch is None else delete(timings).where(timings.c.arch == arch)
    return connection.execute(meant).rowcount


def selection(arch: str | None = None, sitting: str | None = None) -> Select[Any]:
    """The query for timings with these values, oldest first; None matches all."""
    wanted = {"arch": arch, "sitting": sitting}
    query = select(timings).where(*(timings.c[name] == value for name, value in wanted.items() if value is not None))
    return query.order_by(timings.c.created, timings.c.id)


def _timing(row: Row[Any]) -> Timing:
    values = dict(row._mapping)
    return Timing(**values | {"phases": {name: Phase(**phase) for name, phase in values["phases"].items()}})


def _row(timing: Timing) -> dict[str, Any]:
    return {name: getattr(timing, name) for name in COLUMNS} | {
        "phases": {name: asdict(phase) for name, phase in timing.phases.items()}
    }
