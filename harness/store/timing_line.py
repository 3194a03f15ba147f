"""A timing as one line of JSON; docs/run-schema.md explains every field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.store import plain
from harness.store.fields import Count, Id, Name, Time
from harness.store.timing import Phase, PhaseName, Timing, Verdict

VERSION = 2
"""Of the lines of timings; a field or a phase that is added, removed or gets another meaning raises it."""
ADDED = ("backward_last_step", "forward_backward_last_step", "optimizer", "streaming")
"""Phases that lines of version 1 lack."""

STRICT = ConfigDict(extra="forbid", strict=True)
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1, lt=2**31)]
Several = Annotated[list[Seconds], Field(min_length=1)]
Positive = Annotated[int, Field(ge=1, lt=2**63)]


class PhaseLine(BaseModel):
    """Times of one phase."""

    model_config = STRICT

    first: Seconds
    wall: Several
    cpu: Several

    @model_validator(mode="after")
    def _as_many(self) -> PhaseLine:
        if len(self.wall) != len(self.cpu):
            raise ValueError(f"'wall' has {len(self.wall)} times and 'cpu' {len(self.cpu)}")
        return self


class WorkLine(BaseModel):
    """The work of one pass."""

    model_config = STRICT

    bytes: Count
    operations: Count


class CopyLine(BaseModel):
    """Copies in turns with the cases."""

    model_config = STRICT

    bytes: Positive
    seconds: Several


class ProductLine(BaseModel):
    """Matrix products in turns with the cases."""

    model_config = STRICT

    operations: Positive
    seconds: Several


class References(BaseModel):
    """Both, or none where the work isn't known."""

    model_config = STRICT

    copied: CopyLine | None = Field(default=None, alias="copy")
    product: ProductLine | None = None

    @model_validator(mode="after")
    def _both(self) -> References:
        if (self.copied is None) != (self.product is None):
            raise ValueError("'copy' and 'product' go together")
        return self


class TimingLine(BaseModel):
    """The fields of a line, in the order of an export."""

    model_config = STRICT

    version: Literal[1, 2] = Field(alias="schema")
    timing: Id
    sitting: Id
    preset: str | None
    arch: Name
    layer: dict[str, Any]
    length: Size
    batch: Size
    input_size: Size
    hidden_size: Size
    num_layers: Size
    dtype: Name
    device: Name
    threads: Size
    backend: Name
    state: Verdict
    reason: str | None
    created: Time
    backends: dict[str, dict[str, Count]]
    phases: dict[PhaseName, PhaseLine]
    memory: dict[Literal["forward", "step"], Count | None]
    work: dict[Literal["forward", "backward"], WorkLine]
    references: References
    environment: dict[str, Any]

    @model_validator(mode="after")
    def _measured_or_not(self) -> TimingLine:
        if self.state == "done" and not self.phases:
            raise ValueError("phases: a timing that is done has at least one")
        if self.state == "skipped" and (self.phases or not self.reason):
            raise ValueError("state: what was skipped has a reason and no phases")
        if self.version == 1 and (early := [name for name in ADDED if name in self.phases]):
            raise ValueError(f"phases: schema 1 has no phase '{early[0]}'")
        return self


SHARED = [name for name in TimingLine.model_fields if name not in ("version", "timing")]
"""Fields that a line and a :class:`Timing` have under the same name."""


def document(timing: Timing) -> dict[str, Any]:
    """`timing` as JSON values, field by field as the schema has them."""
    fields = {name: getattr(timing, name) for name in SHARED}
    fields["phases"] = {
        name: {"first": phase.first, "wall": phase.wall, "cpu": phase.cpu} for name, phase in timing.phases.items()
    }
    content: dict[str, Any] = plain.jsonable({"schema": VERSION, "timing": timing.id, **fields})
    return content


def timing_of(line: TimingLine) -> Timing:
    """The timing of a line."""
    values = {name: getattr(line, name) for name in SHARED}
    plain_values = line.model_dump(by_alias=True, exclude_none=True, include={"work", "references"})
    phases = {name: Phase(phase.first, phase.wall, phase.cpu) for name, phase in line.phases.items()}
    return Timing(id=line.timing, **values | plain_values | {"phases": phases})
