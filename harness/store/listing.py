"""Runs as a list shows them: of a hundred thousand, none with its recipe, and few with their environment."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, String, case, type_coerce

from harness.store.run import version_of
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
    version: str | None


def read(connection: Connection, query: Select[Any]) -> list[Listed]:
    """The runs that `query` selects from the table of runs, in its order."""
    versioned = type_coerce(runs.c.environment, String()).contains('"version":')  # others need not be read
    columns = [runs.c[name] for name in Listed._fields if name != "version"]
    chosen = query.with_only_columns(*columns, case((versioned, runs.c.environment)), maintain_column_froms=True)
    return [Listed(*(*told[:-1], version_of(told[-1]))) for told in connection.execute(chosen)]
