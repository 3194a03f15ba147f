"""A pair that a suite leaves out as one line of JSON; docs/run-schema.md explains every field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.store import plain
from harness.store.fields import Name
from harness.store.skips import COLUMNS, Skip

VERSION = 1
"""Of the lines of skipped pairs; a field that is added, removed or gets another meaning raises it."""


class SkipLine(BaseModel):
    """The fields of a line, in the order of an export."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1] = Field(alias="schema")
    suite: Name
    arch: Name
    task: Name
    reason: Name


def document(skip: Skip) -> dict[str, Any]:
    """`skip` as JSON values, field by field as the schema has them."""
    content: dict[str, Any] = plain.jsonable({"schema": VERSION, **{name: getattr(skip, name) for name in COLUMNS}})
    return content


def skip_of(line: SkipLine) -> Skip:
    """The skipped pair of a line."""
    return Skip(*(plain.words(getattr(line, name)) for name in COLUMNS))
