"""The columns of the frames that reports alone take; those of runs, curves and timings are the store's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

COLUMNS: dict[str, tuple[str, ...]] = {
    "recipes": ("recipe_hash", "toml"),
    "environments": ("environment", "name", "value"),
    "trials": (
        *("study", "arch", "task", "metric", "higher_is_better", "trial", "state", "value", "best_seen", "epochs"),
        *("seconds", "parameters", "values", "reason", "recipe_hash"),
    ),
    "studies": ("study", "sampler", "pruner", "seed", "epochs", "matched", "ranges"),
    "importance": ("study", "key", "share"),
    "architectures": ("name", "title", "summary", "equations", "paper", "paper_url", "code_url", "origin"),
    "tasks": (
        *("name", "title", "summary", "metric", "protocol", "citation", "licence", "url", "length", "classes"),
        *("outputs", "chance"),
    ),
    "skipped": ("arch", "task", "reason"),
    "published_recipes": ("arch", "task", "recipe_hash", "toml", "source", "deviations"),
}
"""Name of a frame -> its columns."""
_NUMBERS = ("value", "best_seen", "epochs", "seconds", "parameters", "share")


def frame(name: str, rows: Iterable[Mapping[str, Any]] = ()) -> pd.DataFrame:
    """The frame `name` of these rows, with all its columns even where there is no row; numbers are float64."""
    found = pd.DataFrame(list(rows), columns=list(COLUMNS[name]))
    numbers = [column for column in _NUMBERS if column in found and name in ("trials", "importance")]
    return found.astype(dict.fromkeys(numbers, "float64"))


def line(text: Any) -> str:
    """What a descriptor says, on one line; nothing where it says nothing."""
    return " ".join(str(text or "").split())
