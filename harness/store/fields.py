"""The kinds of values that lines of an export hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from harness.store import plain

YEARS = range(1970, 9001)
"""Years of a time. Beyond them the calendars of some systems and time zones end."""


def _real(time: str) -> str:
    if datetime.fromisoformat(time).year not in YEARS:
        raise ValueError(f"the year must be from {YEARS[0]} to {YEARS[-1]}, got {time[:4]}")
    return time


Number = Annotated[float, BeforeValidator(plain.number)]
"""A float, or one of the strings that stand for NaN and the infinities."""
Count = Annotated[int, Field(ge=0, lt=2**63)]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
Name = Annotated[str, Field(min_length=1)]
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"), AfterValidator(_real)]
