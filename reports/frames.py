"""What a report is made of: four data frames, checked on arrival and turned into typed records in a fixed order."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

CURVE = ["run", "epoch", "step", "seconds", "train_loss", "valid_loss", "valid", "lr"]
# What is larger has exploded, and its square would be infinite: it counts as not finite. What is smaller counts as 0.
_LARGEST, _SMALLEST = 1e100, 1e-100

# What neither HTML nor a terminal may be given: control characters (an escape sequence begins with one), halves of
# surrogate pairs, which no file in UTF-8 can hold, and code points that are no characters.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True)
class Run:
    """One run: a row of the frame `runs`.

    A number that is not known or not finite is None, never NaN; a text is "" then, and has no control characters.
    """

    run: str
    arch: str
    arch_title: str
    task: str
    task_title: str
    metric: str
    higher_is_better: bool
    recipe: str
    recipe_hash: str
    seed: int
    state: str
    reason: str
    valid: float | None
    test: float | None
    parameters: int | None
    parameters_without_embedding: int | None
    epochs: int | None
    epochs_done: int | None
    train_limit: int | None
    seconds: float | None
    device: str
    threads: int | None
    backends: str
    created: str
    version: str
    task_protocol: str = ""
    """How the task is split and measured, told with its ranking."""
    trial: int | None = None
    """Number of the trial of a study that the run is; a report leaves such runs out."""


@dataclass(frozen=True, eq=False)
class Trace:
    """The evaluations of one run while it was trained, in the order of their steps, those not finite left out."""

    step: np.ndarray
    seconds: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True)
class Entry:
    """An architecture or a task that exists, whether it has runs or not. `metric` is "" for an architecture."""

    name: str
    title: str
    summary: str
    metric: str = ""


@dataclass(frozen=True, eq=False)
class Frames:
    """The four frames that a report is a pure function of.

    `runs` has one row a run, `curves` one row an evaluation, `architectures` and `tasks` one row a registered name.
    Their columns are the fields of :class:`Run`, the names in :data:`CURVE` and the fields of :class:`Entry`; further
    columns are ignored, and the order of rows and columns has no influence. Metrics are fractions (accuracy) or
    in the units of the task (mse, rmse), times are seconds, `created` is ISO 8601. A frame that lacks a
    column is a ValueError.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    architectures: pd.DataFrame = field(default_factory=pd.DataFrame)
    tasks: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        entry = _needed(Entry)
        for name, needed in {"runs": _needed(Run), "curves": CURVE, "architectures": entry, "tasks": entry}.items():
            frame = getattr(self, name)
            missing = [column for column in needed if column not in frame]
            if missing and not frame.empty:
                raise ValueError(f"the frame '{name}' of a report lacks the column '{missing[0]}'")

    def records(self) -> list[Run]:
        """Every run, once, by id; trials of studies are left out: they were chosen among, and never tested."""
        runs = {run.run: run for run in sorted(_read(self.runs, Run), key=repr) if run.trial is None}
        return list(runs.values())

    def traces(self) -> dict[str, Trace]:
        """The evaluations of every run that has any, by run id."""
        if self.curves.empty:
            return {}
        names = ["step", "seconds", "valid"]
        found = self.curves[names].apply(pd.to_numeric, errors="coerce").astype(float)
        found.insert(0, "run", self.curves["run"].map(_text).to_numpy())
        found = found[(found[names].abs() < _LARGEST).all(axis=1)]
        found[names] = found[names].where(found[names].abs() > _SMALLEST, 0.0)
        # Sorted by everything: the order in which the points were stored must not be seen.
        groups = found.sort_values(["run", *names]).groupby("run")
        return {str(run): Trace(*(points[name].to_numpy() for name in names)) for run, points in groups}

    def entries(self, name: str) -> list[Entry]:
        """The rows of `architectures` or `tasks`, once per name, by name."""
        found = {entry.name: entry for entry in sorted(_read(getattr(self, name), Entry), key=repr)}
        return list(found.values())


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
