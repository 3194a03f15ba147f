"""A study with its trials as one line of JSON; docs/run-schema.md explains every field.

Studies are kept by :mod:`harness.tuning`, in Optuna's storages. A line holds plain values only, so that files can be
checked without Optuna.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.store import plain
from harness.store.fields import Count, Name, Number, Time

TrialWord = Literal["complete", "pruned", "failed", "waiting"]


class Score(BaseModel):
    """What a trial reported after an epoch."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    epoch: Annotated[int, Field(ge=0, lt=2**31)]
    valid: Number


class TrialLine(BaseModel):
    """One element of the field ``trials``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    trial: Count
    state: TrialWord
    value: Number | None
    values: dict[str, Any]
    begun: Time | None
    ended: Time | None
    attributes: dict[str, Any]
    scores: list[Score]

    @model_validator(mode="after")
    def _state_fits(self) -> TrialLine:
        if self.state == "complete" and self.value is None:
            raise ValueError("'value' must be a number in a trial that is complete")
        if self.state == "waiting" and (self.value is not None or self.scores):
            raise ValueError("a trial that waits has no value and no scores")
        return self


class StudyLine(BaseModel):
    """The fields of a line, in the order of an export. A field that is added, removed or changed raises the version."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    version: Literal[1] = Field(default=1, alias="schema")
    study: Name
    plan: dict[str, Any]
    trials: list[TrialLine]

    @model_validator(mode="after")
    def _trials_are_numbered(self) -> StudyLine:
        for number, trial in enumerate(self.trials):
            if trial.trial != number:
                raise ValueError(f"trials.{number}.trial: they are numbered from 0 on, got {trial.trial}")
        return self


def document(line: StudyLine) -> dict[str, Any]:
    """`line` as JSON values, field by field as the schema has them."""
    content: dict[str, Any] = plain.jsonable(line.model_dump(by_alias=True))
    return content
