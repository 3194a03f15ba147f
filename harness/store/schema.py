"""The tables of the store, the same on every database that SQLAlchemy speaks to.

Not-a-number is NULL in a column (SQLite knows no other) and a string in JSON; both come back as they were.
"""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    select,
)

from harness.store import plain

VERSION = 2
"""Of the tables; a higher number in ``harness_meta`` means a later version of this program. Since 2 runs have ``study``
and ``trial``; see :mod:`harness.store.upgrade`."""


class Number(TypeDecorator[float]):
    """A double that is never absent: NaN is stored as NULL."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """To the database."""
        return None if value is None or math.isnan(value) else float(value)

    def process_result_value(self, value: float | None, dialect: Dialect) -> float:
        """From the database."""
        return math.nan if value is None else value


class Json(TypeDecorator[Any]):
    """Mappings, lists and plain values as JSON text, which keeps the order of keys on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """To the database."""
        return plain.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """From the database."""
        return None if value is None else plain.loads(value)


class Scores(Json):
    """Names -> numbers or None, NaN and the infinities among them."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """To the database."""
        return plain.dumps({name: None if score is None else float(score) for name, score in value.items()})

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """From the database."""
        return {name: plain.number(score) for name, score in plain.loads(value or "{}").items()}


class Words(TypeDecorator[str]):
    """Text of any origin, such as the message of an exception, without what a database refuses."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else plain.words(value)


metadata = MetaData()

meta = Table(
    "harness_meta",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)
LOCK = select(meta.c.value).where(meta.c.key == "schema").with_for_update()
"""Read by who must be alone with something: on a server the next one waits here for the end of the transaction."""

runs = Table(
    "harness_runs",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("arch", Words, nullable=False),
    Column("task", Words, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", Words),
    Column("study", Words),
    Column("trial", BigInteger),
    Column("metric", String(20), nullable=False),
    Column("metrics", Scores, nullable=False),
    Column("recipe_name", Words, nullable=False),
    Column("recipe_hash", Words, nullable=False),
    Column("device", Words, nullable=False),
    Column("parameters", BigInteger, nullable=False),
    Column("parameters_without_embedding", BigInteger, nullable=False),
    Column("epochs_done", BigInteger, nullable=False),
    Column("steps_done", BigInteger, nullable=False),
    Column("seconds", Number),
    Column("data_checksum", Words, nullable=False),
    Column("created", String(32), nullable=False),
    Column("updated", String(32), nullable=False),
    Column("warnings", Json, nullable=False),
    Column("backends", Json, nullable=False),
    Column("recipe", Json, nullable=False),
    Column("environment", Json, nullable=False),
    Index("harness_runs_newest", "created", "id"),
    Index("harness_runs_same", "recipe_hash", "seed", "device", "created", "id"),
    Index("harness_runs_pair", "arch", "task", "created", "id"),
    Index("harness_runs_task", "task", "created", "id"),
    Index("harness_runs_state", "state", "created", "id"),
    Index("harness_runs_study", "study", "created", "id"),
)

curves = Table(
    "harness_curves",
    metadata,
    Column("run", String(12), ForeignKey("harness_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("seconds", Number),
    Column("train_loss", Number),
    Column("valid_loss", Number),
    Column("valid", Number),
    Column("lr", Number),
    sqlite_with_rowid=False,  # one B-tree ordered by run and epoch: a curve lies in one piece
)

timings = Table(
    "harness_timings",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("sitting", String(12), nullable=False),
    Column("preset", Words),
    Column("arch", Words, nullable=False),
    Column("layer", Json, nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("batch", BigInteger, nullable=False),
    Column("input_size", BigInteger, nullable=False),
    Column("hidden_size", BigInteger, nullable=False),
    Column("num_layers", BigInteger, nullable=False),
    Column("dtype", Words, nullable=False),
    Column("device", Words, nullable=False),
    Column("threads", BigInteger, nullable=False),
    Column("backend", Words, nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", Words),
    Column("created", String(32), nullable=False),
    Column("backends", Json, nullable=False),
    Column("phases", Json, nullable=False),
    Column("memory", Json, nullable=False),
    Column("work", Json, nullable=False),
    Column("references", Json, nullable=False),
    Column("environment", Json, nullable=False),
    Index("harness_timings_newest", "created", "id"),
)
"""Added after the first stores were made: it is created in an older one when the first timing is stored there, which
programs of before don't notice. Until then such a store has no timings."""

skipped = Table(
    "harness_skipped",
    metadata,
    Column("suite", Words, primary_key=True),
    Column("arch", Words, primary_key=True),
    Column("task", Words, primary_key=True),
    Column("reason", Words, nullable=False),
)
"""Pairs that a suite leaves out, with the reason. Like the timings it is created in an older store when it is first
written to."""
