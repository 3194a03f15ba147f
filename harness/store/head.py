"""The head of a stored run: how far it is, without recipe, curve and environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, func, select

from harness.store.run import State
from harness.store.schema import curves, runs

PAGE = 500
"""Recipes that are asked for at a time; databases limit the number of parameters of a statement."""


@dataclass(frozen=True, slots=True)
class Head:
    """A run that is no trial, as it stands."""

    id: str
    recipe_hash: str
    seed: int
    device: str
    state: State
    reason: str | None
    seconds: float
    """Of training, over all sittings that ended."""
    epochs_done: int
    hostname: str | None
    data_checksum: str
    created: str
    updated: str
    last_epoch: int
    """The last of its curve while it is unfinished, else ``epochs_done``."""


_COLUMNS = [
    runs.c[name]
    for name in (
        "id",
        "recipe_hash",
        "seed",
        "device",
        "state",
        "reason",
        "seconds",
        "epochs_done",
        "data_checksum",
        "created",
        "updated",
        "environment",
    )
]


def read(connection: Connection, hashes: Iterable[str]) -> Iterator[Head]:
    """The heads of all runs of some recipes, newest first among those of a page of recipes; no trials of studies."""
    names = iter(dict.fromkeys(hashes))
    while page := list(islice(names, PAGE)):
        wanted = select(*_COLUMNS).where(runs.c.recipe_hash.in_(page), runs.c.trial.is_(None))
        found = connection.execute(wanted.order_by(runs.c.created.desc(), runs.c.id.desc())).all()
        epochs = _epochs(connection, [row.id for row in found if row.state in ("running", "interrupted")])
        for row in found:
            yield _head(row, epochs)


def _epochs(connection: Connection, ids: list[str]) -> dict[str, int]:
    """The last epoch in the curves of some runs."""
    result: dict[str, int] = {}
    for start in range(0, len(ids), PAGE):
        some = ids[start : start + PAGE]
        last = select(curves.c.run, func.max(curves.c.epoch)).where(curves.c.run.in_(some)).group_by(curves.c.run)
        result |= {str(run): int(epoch) for run, epoch in connection.execute(last)}
    return result


def _head(row: Any, epochs: dict[str, int]) -> Head:
    values = dict(row._mapping)
    environment = values.pop("environment")
    host = environment.get("hostname") if isinstance(environment, dict) else None
    last = max(epochs.get(row.id, 0), row.epochs_done)
    return Head(**values, hostname=host if isinstance(host, str) else None, last_epoch=last)
