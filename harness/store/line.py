"""A run as one line of JSON, for other machines and other programs; docs/run-schema.md explains every field."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from harness.recipe import content_hash
from harness.store import plain, skip_line, study_line, timing_line
from harness.store.fields import Count, Id, Name, Number, Time
from harness.store.run import CurvePoint, Metric, Run, State
from harness.store.skip_line import SkipLine
from harness.store.skips import Skip
from harness.store.study_line import StudyLine
from harness.store.timing import Timing
from harness.store.timing_line import TimingLine

VERSION = 2
"""Of the lines; a field that is added, removed or gets another meaning raises it."""
ADDED = ("study", "trial")
"""Fields that lines of version 1 lack."""
Entry = Run | Timing | Skip | StudyLine
"""What a line may hold."""
NAMES = {Run: "runs", Timing: "timings", Skip: "skipped", StudyLine: "studies"}
KINDS = ("timing", "suite", "study")
"""Fields that lines of other kinds have in the place of ``run``."""


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

    version: Literal[1, 2] = Field(alias="schema")
    run: Id
    arch: Name
    task: Name
    seed: Count
    state: State
    reason: str | None
    metric: Metric
    metrics: dict[str, Number | None]
    recipe_name: Name
    recipe_hash: Name
    study: Name | None
    trial: Count | None
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

    @model_validator(mode="before")
    @classmethod
    def _as_of_this_version(cls, content: Any) -> Any:
        """A line of version 1 is of a run that is no trial."""
        if not isinstance(content, dict) or content.get("schema") != 1:
            return content
        if early := [name for name in ADDED if name in content]:
            raise ValueError(f"schema 1 has no field '{early[0]}'")
        return content | dict.fromkeys(ADDED)

    @field_validator("metrics")
    @classmethod
    def _both_splits(cls, metrics: dict[str, float | None]) -> dict[str, float | None]:
        if missing := {"valid", "test"} - set(metrics):
            raise ValueError(f"'{max(missing)}' is missing; it is null where there is no score yet")
        return metrics

    @model_validator(mode="after")
    def _scores_are_possible(self) -> Line:
        if self.trial is not None and self.metrics["test"] is not None:
            raise ValueError("metrics: 'test' must be null in a trial of a study, which is never tested")
        needed = "test" if self.trial is None else "valid"
        if self.state == "done" and self.metrics[needed] is None:
            raise ValueError(f"metrics: '{needed}' must be a number in a run that is done")
        scores = {f"metrics.{split}": score for split, score in self.metrics.items() if score is not None}
        scores |= {f"curve.{at}.valid": point.valid for at, point in enumerate(self.curve)}
        best = 1.0 if self.metric == "accuracy" else math.inf
        for where, score in scores.items():
            if not (0 <= score <= best or math.isnan(score)):
                kind = "an accuracy must be a fraction from 0 to 1" if best == 1 else f"{self.metric} is never negative"
                raise ValueError(f"{where}: {kind}, got {score}")
        return self

    @model_validator(mode="after")
    def _trials_are_of_studies(self) -> Line:
        if (self.study is None) != (self.trial is None):
            raise ValueError("study: 'study' and 'trial' go together")
        if self.state == "pruned" and self.trial is None:
            raise ValueError("state: only a trial of a study is pruned")
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


def kind_of(entry: Entry) -> str:
    """``runs``, ``timings``, ``skipped`` or ``studies``."""
    return NAMES[type(entry)]


def document(entry: Entry) -> dict[str, Any]:
    """A run, a timing, a skipped pair or a study as JSON values, field by field as the schema has them."""
    if isinstance(entry, Timing):
        return timing_line.document(entry)
    if isinstance(entry, Skip):
        return skip_line.document(entry)
    if isinstance(entry, StudyLine):
        return study_line.document(entry)
    points = [{name: getattr(point, name) for name in Point.model_fields} for point in entry.curve]
    fields = {name: getattr(entry, name) for name in SHARED}
    content: dict[str, Any] = plain.jsonable({"schema": VERSION, "run": entry.id, **fields, "curve": points})
    return content


def parse(text: bytes | str) -> Entry:
    """The run, timing, skipped pair or study of one line; a ``ValueError`` with the first reason why it is refused."""
    try:
        kind = _kind(text)
        if kind == "timing":
            return timing_line.timing_of(TimingLine.model_validate_json(text))
        if kind == "suite":
            return skip_line.skip_of(SkipLine.model_validate_json(text))
        if kind == "study":
            return StudyLine.model_validate_json(text)
        line = Line.model_validate_json(text)
    except ValidationError as error:
        newest = {None: VERSION, "timing": timing_line.VERSION}
        raise ValueError(_reason(error, newest.get(kind, 1))) from error
    points = [CurvePoint(**dict(point)) for point in line.curve]
    return Run(id=line.run, curve=points, **{name: getattr(line, name) for name in SHARED})


def _kind(text: bytes | str) -> str | None:
    """The field that other lines have in the place of ``run``; None for the line of a run."""
    if not any((f'"{name}"'.encode() if isinstance(text, bytes) else f'"{name}"') in text for name in KINDS):  # type: ignore[operator]
        return None
    try:
        content = plain.loads(text)
    except (ValueError, RecursionError):
        return None  # it is refused as a run, with the reason
    if not isinstance(content, dict) or "run" in content or "trial" in content:  # a trial is a run of a study
        return None
    return next((name for name in KINDS if name in content), None)


def _reason(error: ValidationError, version: int) -> str:
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
        known = f"1 to {version}" if version > 1 else "1"
        return f"the schema is {value!r}, and this version reads {known}: use the one that wrote it"
    message = str(first["ctx"]["error"]) if kind == "value_error" else f"{first['msg']}, got {_short(value)}"
    return f"{where}: {message}" if where else message


def _short(value: Any) -> str:
    text = plain.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
