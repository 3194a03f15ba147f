"""A run as one line of JSON, for other machines and other programs; docs/run-schema.md explains every field."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from harness.recipe import content_hash
from harness.store import plain
from harness.store.run import CurvePoint, Metric, Run, State

VERSION = 1
"""Of the lines; a field that is added, removed or gets another meaning raises it."""


YEARS = range(1970, 9001)
"""Years of a time. Beyond them the calendars of some systems and time zones end."""


def _real(time: str) -> str:
    if datetime.fromisoformat(time).year not in YEARS:
        raise ValueError(f"the year must be from {YEARS[0]} to {YEARS[-1]}, got {time[:4]}")
    return time


Number = Annotated[float, BeforeValidator(plain.number)]
"""A float, or one of the strings that stand for NaN and the infinities."""
Count = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(min_length=1)]
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"), AfterValidator(_real)]


class Point(BaseModel):
    """One element of the field ``curve``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    epoch: Annotated[int, Field(ge=0, lt=2**31)]
    step: Count
    seconds: Number
    train_loss: Number
    valid_loss: Number
    valid: Number
    lr: Number


class Line(BaseModel):
    """The fields of a line, in the order of an export."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1] = Field(alias="schema")
    run: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    arch: Name
    task: Name
    seed: Count
    state: State
    reason: str | None
    metric: Metric
    metrics: dict[str, Number | None]
    recipe_name: Name
    recipe_hash: Name
    recipe: dict[str, Any]
    parameters: Count
    parameters_without_embedding: Count
    epochs_done: Count
    steps_done: Count
    seconds: Number
    device: Name
    environment: dict[str, Any]
    backends: dict[str, dict[str, Count]]
    data_checksum: str
    warnings: list[str]
    created: Time
    updated: Time
    curve: list[Point]

    @field_validator("metrics")
    @classmethod
    def _both_splits(cls, metrics: dict[str, float | None]) -> dict[str, float | None]:
        if missing := {"valid", "test"} - set(metrics):
            raise ValueError(f"'{max(missing)}' is missing; it is null where there is no score yet")
        return metrics

    @model_validator(mode="after")
    def _scores_are_possible(self) -> Line:
        if self.state == "done" and self.metrics["test"] is None:
            raise ValueError("metrics: 'test' must be a number in a run that is done")
        scores = {f"metrics.{split}": score for split, score in self.metrics.items() if score is not None}
        scores |= {f"curve.{at}.valid": point.valid for at, point in enumerate(self.curve)}
        best = 1.0 if self.metric == "accuracy" else math.inf
        for where, score in scores.items():
            if not (0 <= score <= best or math.isnan(score)):
                kind = "an accuracy must be a fraction from 0 to 1" if best == 1 else f"{self.metric} is never negative"
                raise ValueError(f"{where}: {kind}, got {score}")
        return self

    @model_validator(mode="after")
    def _recipe_has_its_hash(self) -> Line:
        if (content := content_hash(self.recipe)) != self.recipe_hash:
            raise ValueError(
                f"recipe: its content has the hash {content}, but recipe_hash is {_short(self.recipe_hash)}:"
                " one of the two was changed"
            )
        return self

    @model_validator(mode="after")
    def _epochs_rise(self) -> Line:
        epochs = [point.epoch for point in self.curve]
        if epochs != sorted(set(epochs)):
            raise ValueError("curve: the epochs must rise from point to point")
        return self


SHARED = [name for name in Line.model_fields if name not in ("version", "run", "curve")]
"""Fields that a line and a :class:`Run` have under the same name."""


def document(run: Run) -> dict[str, Any]:
    """`run` as JSON values, field by field as the schema has them."""
    points = [{name: getattr(point, name) for name in Point.model_fields} for point in run.curve]
    fields = {name: getattr(run, name) for name in SHARED}
    content: dict[str, Any] = plain.jsonable({"schema": VERSION, "run": run.id, **fields, "curve": points})
    return content


def parse(text: bytes | str) -> Run:
    """The run of one line; a ``ValueError`` with the first reason why it is refused."""
    try:
        line = Line.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(_reason(error)) from error
    points = [CurvePoint(**dict(point)) for point in line.curve]
    return Run(id=line.run, curve=points, **{name: getattr(line, name) for name in SHARED})


def _reason(error: ValidationError) -> str:
    """The first complaint in words; a wrong version comes before the complaints that follow from it."""
    complaints = error.errors(include_url=False)
    first = next((one for one in complaints if one["loc"] == ("schema",)), complaints[0])
    where, kind, value = ".".join(map(str, first["loc"])), first["type"], first["input"]
    if kind == "json_invalid":
        return f"this is not JSON ({first['ctx']['error']})"
    if kind == "missing":
        return f"the field '{where}' is missing"
    if kind == "extra_forbidden":
        return f"the schema has no field '{where}'"
    if where == "schema":
        return f"the schema is {value!r}, and this version reads {VERSION}: use the one that wrote it"
    message = str(first["ctx"]["error"]) if kind == "value_error" else f"{first['msg']}, got {_short(value)}"
    return f"{where}: {message}" if where else message


def _short(value: Any) -> str:
    text = plain.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
