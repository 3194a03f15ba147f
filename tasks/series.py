"""Time series in the text formats of the UEA archive, ``.ts`` and ``.arff``, read by aeon."""

from __future__ import annotations

from functools import cmp_to_key
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tasks.sources import Wrong, library


class Series(NamedTuple):
    """The n series of one file, C channels each."""

    values: np.ndarray
    """(n, L, C) float32, L the steps of the longest; zero behind the end of shorter ones."""
    lengths: np.ndarray
    """(n,) int64, the steps of each."""
    labels: np.ndarray
    """(n,) text in lower case, as aeon reads a ``.ts``: a class, or a number where the file has targets."""


def read(file: Path) -> Series:
    """The series of a ``.ts`` or ``.arff`` file, in its order.

    Raises:
        Wrong: the file cannot be read or holds something else.
        OSError: aeon cannot be imported.
    """
    datasets = library("aeon.datasets", "aeon")
    reader = datasets.load_from_arff_file if file.suffix == ".arff" else datasets.load_from_ts_file
    try:
        cases, labels = reader(str(file))
    except (OSError, ValueError, IndexError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise Wrong(f"{file} cannot be read as time series ({reason})") from error
    lengths = np.array([case.shape[-1] for case in cases], dtype=np.int64)
    values = np.zeros((len(cases), lengths.max(initial=0), cases[0].shape[0] if len(cases) else 0), dtype=np.float32)
    for row, case in zip(values, cases, strict=True):
        row[: case.shape[-1]] = case.T
    if not all(np.isfinite(row).all() for row in values):
        raise Wrong(f"{file} has values that are missing or no numbers")
    return Series(values, lengths, np.char.lower(labels.astype(str)))


def reader_version() -> str:
    """``"aeon==1.2.3"`` without importing it; ``OSError`` that says what to do where it is not installed."""
    try:
        return f"aeon=={version('aeon')}"
    except PackageNotFoundError as error:
        raise OSError("aeon is not installed: pip install aeon") from error


def coded(labels: np.ndarray) -> np.ndarray:
    """Numbers from 0 in the sorted order of the labels, as scikit-learn's LabelEncoder gives: (n,) int64."""
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def distinct(values: np.ndarray) -> np.ndarray:
    """Indices of the rows of (n, ...) that remain when equal ones are removed, the first of each, ordered by value.

    Equal to ``numpy.unique(values, axis=0, return_index=True)[1]``, with rows compared number by number, but without
    its copies of the data.
    """
    rows = values.reshape(len(values), -1)

    def compare(one: int, other: int) -> int:
        differ = rows[one] != rows[other]
        place = differ.argmax()  # where they differ first
        if not differ[place]:
            return 0
        return -1 if rows[one, place] < rows[other, place] else 1

    order = sorted(range(len(rows)), key=cmp_to_key(compare))  # stable: of equal rows the first stays in front
    kept = [index for place, index in enumerate(order) if place == 0 or compare(order[place - 1], index)]
    return np.array(kept, dtype=np.int64)
