"""What was chosen for the trials of a study: a hyper-parameter at a time, as something that can be drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports import formats
from reports.records import Importance, Trial
from reports.statistics import over_decades

MOST_PLACES = 10  # of a hyper-parameter that is no number: more names find no room below a panel
LOGARITHMIC = frozenset({"batch_size", "dt", "hidden_size", "lr", "weight_decay"})
"""Hyper-parameters that are drawn on a logarithmic scale however little they span."""
_LARGEST = 1e100

Value = float | str


@dataclass(frozen=True)
class Sampled:
    """One hyper-parameter over the trials of a study: its name, its scale, and where each trial stands on it.

    `places` are the names in their order where the values are no numbers, and () where they are.
    """

    key: str
    places: tuple[str, ...]
    logarithmic: bool
    across: tuple[float | None, ...]


def values(trial: Trial) -> dict[str, Value]:
    """What was drawn in a trial: finite numbers, and everything else as text; nothing where it can't be read."""
    try:
        found = json.loads(trial.values)
    except (ValueError, RecursionError):
        return {}
    return {_clean(key): _value(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _value(value: Any) -> Value:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST:
        return float(f"{value:.12g}")
    return _clean(value if isinstance(value, str) else json.dumps(value))


def _clean(text: str) -> str:
    # JSON can spell characters that no page may hold.
    return formats.clipped("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:200]), 60)


def keys(importance: Sequence[Importance], drawn: Sequence[Mapping[str, Value]]) -> list[str]:
    """The hyper-parameters by their importance, those of unknown importance after them, by name."""
    known = [_clean(one.key) for one in importance]
    return list(dict.fromkeys([*known, *sorted({key for each in drawn for key in each})]))


def sampled(key: str, drawn: Sequence[Mapping[str, Value]], scores: Sequence[float | None]) -> Sampled | None:
    """One hyper-parameter over the trials that have a score; None where it was not varied, or has too many names."""
    found = [each.get(key) if score is not None else None for each, score in zip(drawn, scores, strict=True)]
    known = [value for value in found if value is not None]
    if len(set(known)) < 2:
        return None
    numbers = [value for value in known if isinstance(value, float)]
    if len(numbers) == len(known):
        low, high = min(numbers), max(numbers)
        logarithmic = over_decades(low, high) or (low > 0 and key in LOGARITHMIC)
        return Sampled(key, (), logarithmic, tuple(value if isinstance(value, float) else None for value in found))
    places = tuple(sorted({str(value) for value in known}))
    if len(places) > MOST_PLACES:
        return None
    return Sampled(
        key, places, False, tuple(None if value is None else float(places.index(str(value))) for value in found)
    )
