"""What a reader must know before believing a row: few seeds, runs that did not end, unequal budgets and machines."""

from __future__ import annotations

from collections import defaultdict

from reports.formats import clipped, listed
from reports.ranking.rows import Note, Row

FEW_EPOCHS = 0.5  # of the row that was trained longest: below it, a row is told to be short of training
LONGEST_DETAIL = 240

_MACHINE = {
    "data_checksum": "checksum of the data",
    "device": "device",
    "threads": "number of threads",
    "version": "version of this program",
}
_UNFINISHED = {"failed": "failed", "running": "still running", "interrupted": "interrupted", "pruned": "ended early"}


def notes(row: Row, first: Row, longest: int) -> tuple[Note, ...]:
    """The notes of `row`, in the order of their weight.

    `first` is the first row of the same ranking, which machines are compared with; `longest` is the number of epochs
    of its longest-trained row.
    """
    return (*_seeds(row), *_unfinished(row), *_epochs(row, longest), *_machines(row, first))


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


def _epochs(row: Row, longest: int) -> list[Note]:
    done = row.whole("epochs_done")
    if not row.test or not done or done[-1] >= FEW_EPOCHS * longest:
        return []
    return [Note(f"Few epochs: {done[-1]:,}, where the longest-trained row has {longest:,}")]


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
            found.append(Note(f"Another {words} than the first row", detail or "not known"))
    # Between rows backends differ by nature: each architecture has its own.
    if len(backends := row.texts("backends")) > 1:
        found.append(Note("The backend differs between its seeds", clipped(listed(backends), LONGEST_DETAIL)))
    return found


def _seed_names(seeds: list[int] | tuple[int, ...]) -> str:
    shown = [str(seed) for seed in seeds[:8]] + (["others"] if len(seeds) > 8 else [])
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {listed(shown)}"
