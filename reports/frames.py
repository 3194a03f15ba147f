"""What a report is made of: data frames, checked on arrival and turned into typed records in a fixed order."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from reports.records import RECORDS, Entry, Run, Setting, Trace

CURVE = ["run", "epoch", "step", "seconds", "train_loss", "valid_loss", "valid", "lr"]
# What is larger has exploded, and its square would be infinite: it counts as not finite. What is smaller counts as 0.
_LARGEST, _SMALLEST = 1e100, 1e-100

# What neither HTML nor a terminal may be given: control characters (an escape sequence begins with one), halves of
# surrogate pairs, which no file in UTF-8 can hold, and code points that are no characters.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True, eq=False)
class Frames:
    """The frames that a report is a pure function of.

    Their columns are the fields of the records in :data:`RECORDS`, and the names in :data:`CURVE` for `curves`, which
    has one row an evaluation; fields with a default may be missing. Further columns are ignored, and the order of rows
    and columns has no influence, except that an environment is told in the order of its rows. Metrics are fractions
    (accuracy) or in the units of the task (mse, rmse), times are seconds, `created` is ISO 8601. A frame that
    lacks a column is a ValueError.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    architectures: pd.DataFrame = field(default_factory=pd.DataFrame)
    tasks: pd.DataFrame = field(default_factory=pd.DataFrame)
    recipes: pd.DataFrame = field(default_factory=pd.DataFrame)
    environments: pd.DataFrame = field(default_factory=pd.DataFrame)
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)
    importance: pd.DataFrame = field(default_factory=pd.DataFrame)
    timings: pd.DataFrame = field(default_factory=pd.DataFrame)
    skipped: pd.DataFrame = field(default_factory=pd.DataFrame)
    published_recipes: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        for name, needed in {"curves": CURVE, **{name: _needed(record) for name, record in RECORDS.items()}}.items():
            frame = getattr(self, name)
            missing = [column for column in needed if column not in frame]
            if missing and not frame.empty:
                raise ValueError(f"the frame '{name}' of a report lacks the column '{missing[0]}'")

    def records(self) -> list[Run]:
        """Every run, once, by id; trials of studies are left out: they were chosen among, and never tested."""
        runs = {run.run: run for run in self.rows("runs") if run.trial is None}
        return list(runs.values())

    def traces(self) -> dict[str, Trace]:
        """The evaluations of every run that has any, by run id."""
        if self.curves.empty:
            return {}
        needed, more = ["step", "seconds", "valid"], ["epoch", "train_loss", "valid_loss"]
        names = [*needed, *more]
        found = self.curves[names].apply(pd.to_numeric, errors="coerce").astype(float)
        found[names] = found[names].where(found[names].abs() < _LARGEST)
        found[names] = found[names].where(~(found[names].abs() <= _SMALLEST), 0.0)
        found.insert(0, "run", self.curves["run"].map(_text).to_numpy())
        # Sorted by everything: the order in which the points were stored must not be seen.
        found = found.dropna(subset=needed).sort_values(["run", *names])
        runs, columns = found["run"].to_numpy(), [found[name].to_numpy() for name in names]
        ends = [*(np.flatnonzero(runs[1:] != runs[:-1]) + 1), len(runs)] if len(runs) else []
        return {
            str(runs[start]): Trace(*(column[start:end] for column in columns))
            for start, end in zip([0, *ends], ends, strict=False)
        }

    def entries(self, name: str) -> list[Entry]:
        """The rows of `architectures` or `tasks`, once per name, by name."""
        found = {entry.name: entry for entry in self.rows(name)}
        return list(found.values())

    def rows(self, name: str) -> list[Any]:
        """The records of a frame of :data:`RECORDS`, in an order that depends on their content alone."""
        return sorted(_read(getattr(self, name), RECORDS[name]), key=repr)

    def settings(self) -> dict[str, list[Setting]]:
        """The lines of every environment, in their order."""
        found: dict[str, list[Setting]] = {}
        for line in _read(self.environments, Setting):
            found.setdefault(line.environment, []).append(line)
        return found


def _needed(record: type) -> list[str]:
    return [column.name for column in fields(record) if column.default is MISSING]


def _read(frame: pd.DataFrame, record: type) -> list[Any]:
    # The annotations are the schema: each column is read as the type that its field declares.
    readers = [(column.name, _READ[str(column.type)]) for column in fields(record) if column.name in frame]
    rows = frame.astype(object).to_dict("records")
    return [record(**{name: read(row[name]) for name, read in readers}) for row in rows]


def _text(value: Any) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", str(value))


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    if not abs(number) < _LARGEST:  # also true of NaN
        return None
    return number if abs(number) > _SMALLEST else 0.0


def _whole(value: Any) -> int | None:
    if isinstance(value, int):  # a seed may be larger than a float can tell apart
        return int(value)
    number = _number(value)
    return None if number is None else round(number)


_READ = {
    "str": _text,
    "bool": lambda value: _number(value) == 1,
    "int": lambda value: _whole(value) or 0,
    "int | None": _whole,
    "float | None": _number,
}
