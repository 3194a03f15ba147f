"""Data for a script or a spreadsheet: CSV that no spreadsheet runs, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from reports.exports.files import File
from reports.ranking.leaderboard import COLUMNS, plain
from reports.records import Run, Timing
from reports.report import Report

_RUNS_BEGIN = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet takes a cell for a formula


def csv_files(report: Report) -> Iterator[File]:
    """``rankings.csv`` (a row a row of a ranking), ``runs.csv`` and ``timings.csv``."""
    rankings = [plain(ranking, row) for ranking in report.rankings for row in ranking.rows]
    yield File("rankings.csv", _csv(COLUMNS, rankings))
    yield File("runs.csv", _csv([column.name for column in fields(Run)], [vars(run) for run in report.runs]))
    names = [column.name for column in fields(Timing)]
    yield File("timings.csv", _csv(names, [vars(timing) for timing in report.timings]))


def json_files(report: Report) -> Iterator[File]:
    """``leaderboard.json``: an object a ranking's row, raw numbers with accuracy as a fraction, null where unknown."""
    rows = [plain(ranking, row) for ranking in report.rankings for row in ranking.rows]
    yield File("leaderboard.json", json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [[safe(row[column]) for column in columns] for row in rows]
    return str(pd.DataFrame(cells, columns=pd.Index(columns), dtype=object).to_csv(index=False, lineterminator="\r\n"))


def safe(value: Any) -> Any:
    """`value` as a cell that a spreadsheet shows and never runs; lists become lines of one text."""
    if isinstance(value, list | tuple):
        value = "\n".join(map(str, value))
    if isinstance(value, str):
        return f"'{value}" if value.lstrip(" ").startswith(_RUNS_BEGIN) or value.startswith("'") else value
    return value
