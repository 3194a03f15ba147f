"""Runs and curve points as rows: what is read and written inside one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from harness.errors import UserError
from harness.store.run import CurvePoint, Run, utc_now
from harness.store.schema import curves, runs

PAGE = 500
"""Runs that are read or written at a time; databases limit the number of parameters of a statement."""
_COLUMNS = [column.name for column in runs.columns]
SETTABLE = frozenset(_COLUMNS) - {"id", "created", "updated"}
"""Fields of a stored run that may change."""
_POINT = [field.name for field in fields(CurvePoint)]


def read(connection: Connection, query: Select[Any], with_curves: bool) -> Iterator[Run]:
    """The runs that `query` selects from the table of runs, in its order, a page at a time."""
    for page in connection.execute(query, execution_options={"yield_per": PAGE}).partitions():
        found = [_run(row) for row in page]
        if with_curves:
            points = read_points(connection, [run.id for run in found])
            for run in found:
                run.curve = points.get(run.id, [])
        yield from found


def read_points(connection: Connection, ids: Sequence[str]) -> dict[str, list[CurvePoint]]:
    """The curves of up to a page of runs, each ordered by epoch; runs without a curve are left out."""
    query = select(curves).where(curves.c.run.in_(ids)).order_by(curves.c.run, curves.c.epoch)
    grouped = groupby(connection.execute(query), key=lambda row: row[0])
    return {run_id: [CurvePoint(*row[1:]) for row in rows] for run_id, rows in grouped}


def write(connection: Connection, new: Sequence[Run]) -> None:
    """Insert whole runs with their curves; their ids must be new."""
    if new:
        connection.execute(insert(runs), [{name: getattr(run, name) for name in _COLUMNS} for run in new])
    if points := [_point_row(run.id, point) for run in new for point in run.curve]:
        connection.execute(insert(curves), points)


def change(connection: Connection, run_id: str, **values: Any) -> None:
    """Set columns of one run and the time of its change; a :class:`UserError` where the run is gone."""
    statement = update(runs).where(runs.c.id == run_id).values(**values, updated=utc_now())
    if connection.execute(statement).rowcount == 0:
        raise UserError(f"run {run_id} is not in the store any more: it was deleted while it was under way")


def write_points(connection: Connection, run_id: str, points: Iterable[CurvePoint]) -> None:
    """Insert points of a stored run, replacing those of the same epochs."""
    new = {point.epoch: point for point in points}
    if new:
        connection.execute(delete(curves).where(curves.c.run == run_id, curves.c.epoch.in_(new)))
        connection.execute(insert(curves), [_point_row(run_id, point) for point in new.values()])


def remove(connection: Connection, ids: Sequence[str]) -> int:
    """Delete runs with their curves; how many there were."""
    pages = (ids[start : start + PAGE] for start in range(0, len(ids), PAGE))
    return sum(connection.execute(delete(runs).where(runs.c.id.in_(page))).rowcount for page in pages)


def _run(row: Row[Any]) -> Run:
    return Run(**row._mapping)


def _point_row(run_id: str, point: CurvePoint) -> dict[str, Any]:
    return {"run": run_id, **{name: getattr(point, name) for name in _POINT}}
