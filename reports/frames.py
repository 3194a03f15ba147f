"""What a report is made of: data frames, checked on arrival and turned into typed records in a fixed order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from reports.records import RECORDS, Entry, Run, Setting, Trace

CURVE = ["run", "epoch", "step", "seconds", "train_loss", "valid_loss", "valid", "lr"]
_TRACE = [column.name for column in fields(Trace)]
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
    studies: pd.DataFrame = field(default_factory=pd.DataFrame)
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
        names, runs = _numbered(self.curves["run"])
        columns = [_numbers(self.curves[name]) for name in _TRACE]
        finite = np.isfinite(columns[0]) & np.isfinite(columns[1]) & np.isfinite(columns[2])
        if not finite.all():
            runs, columns = runs[finite], [column[finite] for column in columns]
        if (order := _order(runs, columns)) is not None:
            runs, columns = runs[order], [column[order] for column in columns]
        ends = [*(np.flatnonzero(runs[1:] != runs[:-1]) + 1).tolist(), len(runs)] if len(runs) else []
        return {
            names[runs[start]]: Trace(*[column[start:end] for column in columns])
            for start, end in zip([0, *ends], ends, strict=False)
        }

    def lighter(self) -> Frames:
        """The same frames to be sent to another process: the ids of millions of points become numbers."""
        if self.curves.empty:
            return self
        texts, numbers = _numbered(self.curves["run"])
        return replace(self, curves=self.curves[CURVE].assign(run=pd.Categorical.from_codes(numbers, texts)))

    def entries(self, name: str) -> list[Entry]:
        """The rows of `architectures` or `tasks`, once per name, by name."""
        found = {entry.name: entry for entry in self.rows(name)}
        return list(found.values())

    def rows(self, name: str) -> list[Any]:
        """The records of a frame of :data:`RECORDS`, in an order that depends on their content alone."""
        return _sorted(_read(getattr(self, name), RECORDS[name]))

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
    columns = {column.name: _READ[str(column.type)] for column in fields(record) if column.name in frame}
    found = [list(map(read(), frame[name].astype(object).tolist())) for name, read in columns.items()]
    return [record(**dict(zip(columns, values, strict=True))) for values in zip(*found, strict=True)]


def _sorted(records: list[Any]) -> list[Any]:
    # By repr, of which most of a hundred thousand runs need no more than the id, their first field.
    if not records:
        return []
    first = attrgetter(fields(records[0])[0].name)
    records.sort(key=lambda one: repr(first(one)))
    return [one for _, same in groupby(records, first) for one in _by_repr(list(same))]


def _by_repr(records: list[Any]) -> list[Any]:
    return sorted(records, key=repr) if len(records) > 1 else records


def _numbered(names: pd.Series) -> tuple[list[str], np.ndarray]:
    """The different texts of a column in their order, and the number of its text for every row."""
    # A run's rows stand together, as a rule: only the first of each stretch is read. (A factorization by pandas takes
    # texts for equal that differ but can't be encoded.)
    found = names.astype(object).where(names.notna(), "").to_numpy()
    starts = np.flatnonzero(np.append(True, found[1:] != found[:-1]))
    read = list(map(_texts(), found[starts].tolist()))
    texts = sorted(set(read))
    places = {text: place for place, text in enumerate(texts)}
    return texts, np.repeat([places[text] for text in read], np.diff(np.append(starts, len(found))))


def _numbers(column: pd.Series) -> np.ndarray:
    found = pd.to_numeric(column, errors="coerce").to_numpy(float, copy=True, na_value=np.nan)
    size = np.abs(found)
    found[~(size < _LARGEST)] = np.nan
    found[size <= _SMALLEST] = 0.0
    return found


def _order(runs: np.ndarray, columns: list[np.ndarray]) -> np.ndarray | None:
    """What sorts the points by run and then everything, so that the order of storing is not seen; None: they are."""

    def rising(steps: np.ndarray, runs: np.ndarray) -> bool:
        same = runs[1:] == runs[:-1]
        return bool(((runs[1:] > runs[:-1]) | (same & (steps[1:] > steps[:-1]))).all())

    if rising(columns[0], runs):
        return None
    # Six columns of millions of points are sorted only where a run has two points at a step.
    order = np.lexsort((columns[0], runs))
    return order if rising(columns[0][order], runs[order]) else np.lexsort((*reversed(columns), runs))


def _texts() -> Callable[[Any], str]:
    """Reads a column of texts, of which many are the same: each is looked through once."""
    known: dict[str, str] = {}

    def read(value: Any) -> str:
        if type(value) is not str:
            return _text(value)
        if value not in known:
            known[value] = _text(value)
        return known[value]

    return read


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
    if isinstance(value, (int, np.integer)):  # a seed may be larger than a float can tell apart
        return int(value)
    number = _number(value)
    return None if number is None else round(number)


_READ: dict[str, Callable[[], Callable[[Any], Any]]] = {
    "str": _texts,
    "bool": lambda: lambda value: _number(value) == 1,
    "int": lambda: lambda value: _whole(value) or 0,
    "int | None": lambda: _whole,
    "float | None": lambda: _number,
}
"""Type of a field -> what makes the reader of one column of them."""
