"""What a reader must know before believing a row: few seeds, runs that did not end, unequal budgets and machines."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from reports.formats import clipped, level, listed
from reports.ranking.rows import Note, Row

FEW_EPOCHS = 0.5  # of the row that was trained longest: below it, a row is told to be short of training
OTHER_SIZE = 0.1  # of the median number of parameters: further from it, a row is told to be of another size
LONGEST_DETAIL = 240
Kind = TypeVar("Kind", bound=Hashable)

_MACHINE = {
    "data_checksum": "checksum of the data",
    "device": "device",
    "threads": "number of threads",
    "version": "version of this program",
}
_UNFINISHED = {"failed": "failed", "running": "still running", "interrupted": "interrupted", "pruned": "ended early"}


@dataclass(frozen=True)
class Usual:
    """What most rows of a ranking have, against which each is held."""

    first: Row
    """Its machine is compared with."""
    longest: int
    """Epochs of the row that was trained longest."""
    epochs: int | None
    """Planned epochs of most rows; None where no number has more rows than any other."""
    parameters: float | None
    """Median over the rows, without embeddings."""
    seeds: tuple[int, ...] | None
    """Seeds of most rows."""
    metric: str
    most: float
    """The largest value that the metric can have."""


def usual(rows: Sequence[Row], metric: str) -> Usual:
    """What most of `rows`, of one ranking by `metric`, have."""
    tested = [row for row in rows if row.test]
    sizes = [max(row.whole("parameters_without_embedding") or row.whole("parameters"), default=0) for row in tested]
    return Usual(
        first=rows[0],
        longest=max((epochs for row in rows for epochs in row.whole("epochs_done")), default=0),
        epochs=_commonest(max(row.whole("epochs"), default=None) for row in tested),
        parameters=median(sizes) if sizes else None,
        seeds=_commonest(_seeds_of(row) for row in tested),
        metric=metric,
        most=1.0 if metric == "accuracy" else math.inf,
    )


def notes(row: Row, among: Usual) -> tuple[Note, ...]:
    """The notes of `row` beside the others of its ranking, in the order of their weight."""
    return (
        *_chance(row, among),
        *_seeds(row),
        *_interval(row, among),
        *_unfinished(row),
        *_epochs(row, among),
        *_size(row, among),
        *_default(row),
        *_other_seeds(row, among),
        *_machines(row, among.first),
    )


def _chance(row: Row, among: Usual) -> list[Note]:
    chance = row.chance
    told = chance.verdict.capitalize() or (f"At chance in {_seed_names(chance.seeds)}" if chance.seeds else "")
    if not told:
        return []
    found = level(chance.level, among.metric)
    return [Note(f"{told}: the chance level is {found}" if found else told)]


def _seeds(row: Row) -> list[Note]:
    found = []
    if row.test and row.test.n == 1:
        found.append(Note("One seed: there is no interval, and another seed may change the rank"))
    if row.test and row.test.n == 2:
        found.append(Note("Two seeds: the interval rests on a single difference, and is wide for want of more"))
    if row.repeated:
        found.append(Note(f"Run more than once ({_seed_names(row.repeated)}): only the newest run of a seed counts"))
    empty = [run.seed for run in row.runs if run.state == "done" and run.test is None]
    if empty:
        found.append(Note(f"Ended without a finite test value and is not in the mean ({_seed_names(empty)})"))
    return found


def _interval(row: Row, among: Usual) -> list[Note]:
    if not row.test or row.test.low is None or row.test.high is None:
        return []
    if row.test.low >= 0 and row.test.high <= among.most:
        return []
    return [
        Note(
            "The interval goes beyond what is possible: these seeds are too few, or differ too much, to place the mean"
        )
    ]


def _unfinished(row: Row) -> list[Note]:
    groups = defaultdict(list)
    for run in row.runs:
        if run.state != "done":
            groups[run.state, clipped(run.reason, LONGEST_DETAIL)].append(run.seed)
    left_out = ", not in the mean" if row.test else ""
    return [
        Note(f"{_seed_names(seeds).capitalize()} {_UNFINISHED.get(state) or clipped(state, 60)}{left_out}", reason)
        for (state, reason), seeds in sorted(groups.items())
    ]


def _epochs(row: Row, among: Usual) -> list[Note]:
    done, planned = row.whole("epochs_done"), row.whole("epochs")
    if not row.test:
        return []
    if done and done[-1] < FEW_EPOCHS * among.longest:
        return [Note(f"Few epochs: {done[-1]:,}, where the longest-trained row of the ranking has {among.longest:,}")]
    if among.epochs is not None and planned and planned[-1] != among.epochs:
        told = f"{planned[-1]:,} epochs, where most have {among.epochs:,}"
        return [Note(f"Another budget than most rows of the ranking: {told}")]
    return []


def _size(row: Row, among: Usual) -> list[Note]:
    own = row.whole("parameters_without_embedding") or row.whole("parameters")
    if not row.test or not own or not among.parameters:
        return []
    if abs(own[-1] - among.parameters) <= OTHER_SIZE * among.parameters:
        return []
    told = f"{own[-1]:,} parameters, where the median is {among.parameters:,.0f}"
    return [Note(f"Another size than most rows of the ranking: {told}")]


def _default(row: Row) -> list[Note]:
    if not row.test or not any(run.default for run in row.runs):
        return []
    return [Note("Default learning rate: none was chosen for this architecture on this task")]


def _other_seeds(row: Row, among: Usual) -> list[Note]:
    seeds = _seeds_of(row)
    if not row.test or not among.seeds or set(seeds) == set(among.seeds):
        return []
    if set(seeds) < set(among.seeds) and len(seeds) < 3:
        return []  # few seeds are told as such
    most = _seed_names(among.seeds)
    return [Note(f"Other seeds than most rows of the ranking: {_seed_names(seeds)}, where most have {most}")]


def _seeds_of(row: Row) -> tuple[int, ...]:
    return tuple(run.seed for run in row.runs if run.state == "done")


def _commonest(values: Iterable[Kind | None]) -> Kind | None:
    """What more of the values are than anything else; None where there is no such value."""
    counts = Counter(value for value in values if value is not None).most_common(2)
    if not counts or (len(counts) > 1 and counts[0][1] == counts[1][1]):
        return None
    return counts[0][0]


def _machines(row: Row, first: Row) -> list[Note]:
    if not row.test:
        return []
    found = []
    for name, words in _MACHINE.items():
        values = row.texts(name)
        detail = clipped(listed(values), LONGEST_DETAIL)
        if len(values) > 1:
            found.append(Note(f"The {words} differs between its seeds", detail))
        elif values != first.texts(name):
            found.append(Note(f"Another {words} than the first row of the ranking", detail or "not known"))
    # Between rows backends differ by nature: each architecture has its own.
    if len(backends := row.texts("backends")) > 1:
        found.append(Note("The backend differs between its seeds", clipped(listed(backends), LONGEST_DETAIL)))
    return found


def _seed_names(seeds: list[int] | tuple[int, ...]) -> str:
    shown = [str(seed) for seed in seeds[:8]] + (["others"] if len(seeds) > 8 else [])
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {listed(shown)}"
