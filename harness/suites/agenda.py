"""What a campaign has still to do, and in which order: runs of known recipes, and searches that find some first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.engines import RunUnit
from harness.recipes import Named
from harness.suites.board import Kind
from harness.suites.cells import Cell
from harness.suites.searching import Searching

Place = tuple[int, int, int]
"""Where a run comes in the order: its task, its seed, its architecture, as the suite counts them."""


@dataclass
class Pending:
    """A run that is not over yet."""

    unit: RunUnit
    cell: Cell
    place: Place
    deaths: int = 0
    begin_after: float = 0.0
    """Not before this time: another process is at it."""

    @property
    def kind(self) -> Kind:
        """What it is like."""
        return kind_of(self.cell)

    def __lt__(self, other: Pending) -> bool:
        return self.place < other.place


@dataclass
class Agenda:
    """The runs and searches of a grid's cells.

    Runs go by task, then seed, then architecture, so that whatever is done at a time is a fair comparison. Of one task
    the searches come first, in turns: each is a chain of trials that takes its time however much is free.
    """

    cells: Sequence[Cell]
    runs: dict[str, Pending] = field(default_factory=dict)
    """Key of a unit -> run; those under way too, not those that are over."""
    searches: dict[str, Searching] = field(default_factory=dict)
    """Name of a study -> search that isn't over."""
    _queue: list[Pending] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tasks = {task: at for at, task in enumerate(dict.fromkeys(cell.task for cell in self.cells))}

    def add(self, cell: Cell, recipe: Named, seeds: Iterable[int], redo: Iterable[int] = ()) -> int:
        """Put the runs of a recipe on the agenda, and say how many of them are there already, by another cell."""
        again, twice = set(redo), 0
        for seed in seeds:
            unit = run_unit(cell, recipe, seed, redo=seed in again)
            if unit.key in self.runs:
                twice += 1
                continue
            place = (self._tasks[cell.task], cell.seeds.index(seed), self.cells.index(cell))
            self.runs[unit.key] = Pending(unit, cell, place)
            self.wait(self.runs[unit.key])
        return twice

    def wait(self, pending: Pending) -> None:
        """Put a run back among those that have still to begin."""
        heapq.heappush(self._queue, pending)

    def search(self, searching: Searching) -> None:
        """Put a search on the agenda."""
        self.searches[searching.key] = searching

    def next(self, now: float) -> Pending | Searching | None:
        """What to begin next; None where nothing can begin now. A run is taken off the queue."""
        ready = [one for one in self.searches.values() if one.ready(now)]
        search = min(ready, key=lambda one: (self._tasks[one.cell.task], one.over), default=None)
        run = self._next_run(now)
        if run is None or (search is not None and self._tasks[search.cell.task] <= run.place[0]):
            if run is not None:
                self.wait(run)
            return search
        return run

    def _next_run(self, now: float) -> Pending | None:
        later = []
        found = None
        while self._queue and found is None:
            one = heapq.heappop(self._queue)
            if one.unit.key not in self.runs:  # its cell was given up
                continue
            if one.begin_after > now:
                later.append(one)
            else:
                found = one
        for one in later:
            self.wait(one)
        return found

    def give_up(self, cell: Cell, under: Iterable[str]) -> list[Pending]:
        """Take the runs of a cell off the agenda, but for units `under` way, and say which those were."""
        keep = set(under)
        dropped = [one for key, one in self.runs.items() if one.cell is cell and key not in keep]
        for one in dropped:
            del self.runs[one.unit.key]
        return dropped


def run_unit(cell: Cell, recipe: Named, seed: int, *, redo: bool) -> RunUnit:
    """The unit of a cell's run from a seed."""
    return RunUnit(
        key=f"{recipe.recipe.hash}-{seed}-{cell.device}",
        name=f"{cell.name}, seed {seed}",
        recipe=recipe.recipe.to_dict(),
        recipe_name=recipe.name,
        recipe_hash=recipe.recipe.hash,
        seed=seed,
        device=cell.device,
        redo=redo,
        resources=cell.resources,
    )


def kind_of(cell: Cell) -> Kind:
    """What the runs of a cell are like."""
    return cell.arch, cell.task, "run"
