"""The store as data frames, with the columns that leaderboards are made from."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import BigInteger, Connection, Double, String, select, type_coerce
from sqlalchemy.types import TypeEngine

from harness.environment import device_label
from harness.store import columns, timings
from harness.store.schema import curves, runs
from harness.store.skips import Skip
from harness.store.timing import Timing

RUNS = {
    "run": "text",
    "arch": "text",
    "task": "text",
    "metric": "text",
    "higher_is_better": "bool",
    "recipe": "text",
    "recipe_hash": "text",
    "study": "text",
    "trial": "float64",
    "seed": "int64",
    "state": "text",
    "reason": "text",
    "valid": "float64",
    "test": "float64",
    "parameters": "int64",
    "parameters_without_embedding": "int64",
    "epochs": "int64",
    "epochs_done": "int64",
    "train_limit": "float64",
    "seconds": "float64",
    "device": "text",
    "threads": "float64",
    "backends": "text",
    "created": "text",
    "version": "text",
    "selection": "text",
    "steps": "int64",
    "data_checksum": "text",
    "operations": "text",
    "warnings": "text",
    "updated": "text",
    "chance_valid": "float64",
    "chance_test": "float64",
    "code": "text",
    "architecture_version": "text",
}
"""Columns of a frame of runs. ``recipe`` is its name, ``epochs`` the planned number, ``version`` that of the harness,
``steps`` those that were done, ``warnings`` one a line; ``code`` is the hash of the source of a plugin's architecture,
``architecture_version`` what that says of itself. ``reason``, ``study``, ``trial``, ``train_limit``, ``threads``,
``version``, ``selection``, ``code``, ``architecture_version`` and the chance levels are missing where there is none.
Recipe and environment may come from elsewhere: what doesn't fit its column counts as missing, and ``epochs`` is then
that of the finished ones."""
CURVES = {"run": "text", "epoch": "int64", "step": "int64"} | dict.fromkeys(
    ("seconds", "train_loss", "valid_loss", "valid", "lr"), "float64"
)
"""Columns of a frame of curves."""
_PAGE = 300
"""Points that are read at a time: so few that they are gone before the garbage collector counts them as lasting."""
_PLAIN: dict[str, TypeEngine[Any]] = {"text": String(), "int64": BigInteger(), "float64": Double()}

TIMINGS = {
    "timing": "text",
    "sitting": "text",
    "preset": "text",
    "arch": "text",
    "length": "int64",
    "batch": "int64",
    "input_size": "int64",
    "hidden_size": "int64",
    "num_layers": "int64",
    "dtype": "text",
    "device": "text",
    "threads": "int64",
    "backend": "text",
    "backends": "text",
    "state": "text",
    "reason": "text",
    "phase": "text",
    "repetitions": "int64",
    "seconds": "float64",
    "lower_quartile": "float64",
    "upper_quartile": "float64",
    "p99": "float64",
    "least": "float64",
    "cpu_seconds": "float64",
    "compile_seconds": "float64",
    "memory": "float64",
    "bytes": "float64",
    "operations": "float64",
    "copy_floor": "float64",
    "product_floor": "float64",
    "floor": "float64",
    "reached": "float64",
    "created": "text",
    "version": "text",
    "warning": "text",
}
"""Columns of a frame of timings. ``seconds`` and ``cpu_seconds`` are medians, ``least`` is the shortest wall time;
``device`` is with the model of the processor, ``backend`` what was asked for, ``backends`` what ran; ``memory`` is in
bytes, ``reached`` the fraction of the floor. A case that was skipped has one row without phase. What isn't known is
missing."""


def runs_frame(
    connection: Connection, recipe_hash: str | None = None, task: str | None = None, trials: bool = True
) -> pd.DataFrame:
    """One row a run (of one recipe, of one task; without `trials`), oldest first, with the columns of :data:`RUNS`."""
    query = select(runs)
    query = query if recipe_hash is None else query.where(runs.c.recipe_hash == recipe_hash)
    query = query if task is None else query.where(runs.c.task == task)
    query = query if trials else query.where(runs.c.study.is_(None))
    found, _ = columns.read(connection, query.order_by(runs.c.created, runs.c.id))
    return _frame(found, RUNS)


def tested_frame(connection: Connection, task: str | None) -> tuple[pd.DataFrame, dict[str, list[Any]]]:
    """The same of the runs that are no trials, and what :func:`harness.store.columns.read` gives beside it."""
    query = select(runs).where(runs.c.study.is_(None))
    query = query if task is None else query.where(runs.c.task == task)
    found, documents = columns.read(connection, query.order_by(runs.c.created, runs.c.id))
    return _frame(found, RUNS), documents


def curves_frame(connection: Connection, trials: bool = True) -> pd.DataFrame:
    """One row a run and epoch, ordered by both, with the columns of :data:`CURVES`; those of `trials` too, or not."""
    # Read as the database keeps them: NULL becomes NaN for a whole column at once, not for each of a million numbers.
    query = select(*(type_coerce(curves.c[name], _PLAIN[kind]) for name, kind in CURVES.items()))
    if not trials:
        query = query.where(curves.c.run.in_(select(runs.c.id).where(runs.c.trial.is_(None))))
    # Into arrays page by page: a million rows at once would keep the garbage collector busier than the database.
    pages = connection.execution_options(yield_per=_PAGE).execute(query.order_by(curves.c.run, curves.c.epoch))
    found: dict[str, list[Any]] = {name: [] for name in CURVES}
    for page in pages.partitions():
        for (name, kind), values in zip(CURVES.items(), zip(*page, strict=True), strict=True):
            found[name].append(np.array(values, object if kind == "text" else kind))
    return _frame({name: np.concatenate(parts) if parts else [] for name, parts in found.items()}, CURVES)


def of_skipped(found: Iterable[Skip]) -> pd.DataFrame:
    """One row a pair: ``arch``, ``task``, ``reason``; where several suites leave it out, of the first by name."""
    by_pair = {(one.arch, one.task): one.reason for one in sorted(found, reverse=True)}
    records = [{"arch": arch, "task": task, "reason": reason} for (arch, task), reason in sorted(by_pair.items())]
    return pd.DataFrame(records, columns=["arch", "task", "reason"])


def timings_frame(connection: Connection) -> pd.DataFrame:
    """One row a timing and phase, oldest first, with the columns of :data:`TIMINGS`."""
    found = timings.read(connection, timings.selection())
    return _frame([record for timing in found for record in phase_records(timing)], TIMINGS)


def _frame(records: Any, kinds: dict[str, str]) -> pd.DataFrame:
    """Numbers get their types even where there is no row to infer them from; text has the type pandas prefers."""
    numbers = {name: kind for name, kind in kinds.items() if kind != "text"}
    return pd.DataFrame(records, columns=list(kinds)).astype(numbers)


def phase_records(timing: Timing) -> list[dict[str, Any]]:
    """A timing as rows of its phases, or one row without a phase."""
    software = columns.table(timing.environment, "software")
    device, _, _ = timing.device.partition(":")
    common = {name: getattr(timing, name) for name in TIMINGS if name in timings.COLUMNS} | {
        "timing": timing.id,
        "device": device_label(timing.environment, device),
        "backends": timing.ran,
        "repetitions": 0,
        "version": version if isinstance(version := software.get("harness"), str) else None,
        "memory": None,
        "warning": timing.warning,
    }
    return [common | _phase_record(timing, phase) for phase in timing.phases] or [common]


def _phase_record(timing: Timing, phase: str) -> dict[str, Any]:
    times, floor = timing.phases[phase], timing.floor(phase)
    low, high = times.quartiles
    work = timing.work_of(phase)
    return {
        "phase": phase,
        "repetitions": len(times.wall),
        "seconds": times.median,
        "lower_quartile": low,
        "upper_quartile": high,
        "p99": times.p99,
        "least": min(times.wall),
        "cpu_seconds": median(times.cpu),
        "compile_seconds": times.compiling,
        "memory": timing.memory.get(phase),
        "bytes": work and work["bytes"],
        "operations": work and work["operations"],
        "copy_floor": floor and floor.copying,
        "product_floor": floor and floor.calculating,
        "floor": floor and floor.seconds,
        "reached": timing.reached(phase),
    }
