"""Runs as a list shows them: of a hundred thousand, none with the recipe and the environment that it has."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Select

from harness.store.schema import runs


class Listed(NamedTuple):
    """What a list says of a run; the fields are those of :class:`~harness.store.Run`."""

    id: str
    study: str | None
    trial: int | None
    arch: str
    task: str
    seed: int
    recipe_name: str
    state: str
    metric: str
    metrics: dict[str, float | None]
    created: str
    reason: str | None


def read(connection: Connection, query: Select[Any]) -> list[Listed]:
    """The runs that `query` selects from the table of runs, in its order."""
    columns = [runs.c[name] for name in Listed._fields]
    return [Listed(*row) for row in connection.execute(query.with_only_columns(*columns, maintain_column_froms=True))]
