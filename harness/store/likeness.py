"""Whether two runs gave the same numbers, bit for bit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, replace

from harness.store.run import CurvePoint, Run


def repeats(first: Run, second: Run) -> bool:
    """Whether one is the other once more, so that their numbers ought to be equal: the same recipe and seed."""
    return (first.recipe_hash, first.seed) == (second.recipe_hash, second.seed) and first.id != second.id


def unlike(first: Run, second: Run) -> list[str]:
    """What differs between two runs with their curves, but for times: ``"curve from epoch 3 on"``, ``"test"``."""
    return list(_unlike(first, second))


def _unlike(first: Run, second: Run) -> Iterator[str]:
    if first.data_checksum != second.data_checksum:
        yield "data_checksum"
    if (epoch := _first_unlike(first, second)) is not None:
        yield f"curve from epoch {epoch} on"
    for split in ("valid", "test"):  # a chance level is of the data, and runs of earlier versions have none
        if not _same(first.metrics.get(split), second.metrics.get(split)):
            yield split


def _first_unlike(first: Run, second: Run) -> int | None:
    """The first epoch whose points differ; None where both curves are equal."""
    ours, theirs = ({point.epoch: _numbers(point) for point in run.curve} for run in (first, second))
    return min((epoch for epoch in ours.keys() | theirs.keys() if ours.get(epoch) != theirs.get(epoch)), default=None)


def _numbers(point: CurvePoint) -> str:
    return repr(astuple(replace(point, seconds=0.0)))  # in which what is not a number equals itself


def _same(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and math.isnan(one) and math.isnan(other))
