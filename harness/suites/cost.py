"""What a suite costs: seconds of a run from runs that are done, or from steps timed here; sums of what is missing."""

from __future__ import annotations

import heapq
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from harness import __version__
from harness.errors import UserError, explained
from harness.recipes import Named
from harness.suites.cells import Cell
from harness.suites.remembered import recall, remember
from harness.suites.standing import Standing
from harness.waiting import waiting

if TYPE_CHECKING:
    from harness.execution import Job
    from harness.machine import Machine
    from harness.registry import Registry
    from harness.store import Store
    from harness.store.head import Head

BUDGET = 0.7
"""Seconds after which no further step of a cell is timed; building the model and one validation come on top."""


@dataclass(frozen=True)
class Price:
    """Seconds that one run of a recipe takes on this kind of device."""

    seconds: float | None
    source: Literal["runs", "measured"] | None
    """Whether runs that are done say so, or steps that were timed on this machine."""
    why_not: str | None = None
    """What is to be done so that it can be known; nothing where it was not asked for."""


UNKNOWN = Price(None, None)


@dataclass(frozen=True)
class Work:
    """What a cell still has to do: seconds of its search, which is one trial after the other, then of each run."""

    search: float = 0.0
    runs: tuple[float, ...] = ()

    @property
    def seconds(self) -> float:
        """All of it, one after another."""
        return self.search + sum(self.runs)


@dataclass
class Prices:
    """The prices of a suite's recipes. Data are loaded once a task, and never downloaded.

    Args:
        measuring: whether steps are timed where nothing is known; else only runs and what the home remembers count.
        tell: hears what is measured.
    """

    registry: Registry
    machine: Machine
    store: Store
    measuring: bool = True
    tell: Callable[[str], None] = lambda line: None
    _job: Job | None = None
    _heads: dict[str, list[Head]] = field(default_factory=dict)

    def all(self, found: Sequence[Standing]) -> list[Price]:
        """The price of a run of every cell; of one that is searched for, of the recipe that its search begins with."""
        recipes = [_recipe(one) for one in found]
        hashes = sorted({recipe.recipe.hash for recipe in recipes if recipe is not None})
        self._heads = {}
        for head in self.store.heads(hashes):
            self._heads.setdefault(head.recipe_hash, []).append(head)
        prices = [
            UNKNOWN if recipe is None else self._price(one.cell, recipe)
            for one, recipe in zip(found, recipes, strict=True)
        ]
        self._job = None
        return prices

    def _price(self, cell: Cell, recipe: Named) -> Price:
        machine = replace(self.machine, device=cell.device)
        try:
            kind = machine.torch_device().type
        except UserError as error:  # known all the same where another machine has trained it
            return self._from_runs(recipe, cell.device.partition(":")[0]) or Price(None, None, str(error))
        return self._from_runs(recipe, kind) or self._measured(cell, recipe, machine, kind)

    def _from_runs(self, recipe: Named, device: str) -> Price | None:
        """The median of the runs that are done on this kind of device, those of this machine before others."""
        heads = self._heads.get(recipe.recipe.hash, ())
        done = [head for head in heads if head.state == "done" and head.device == device]
        here = [head for head in done if head.hostname == platform.node()]
        return Price(median(head.seconds for head in here or done), "runs") if done else None

    def _measured(self, cell: Cell, recipe: Named, machine: Machine, kind: str) -> Price:
        from harness.machine import wanted_subnormals

        key = {
            "recipe": recipe.recipe.hash,
            "host": platform.node(),
            "device": kind,
            "threads": machine.use_threads(),
            "backend": machine.backend,
            "openmp_wait": waiting(),
            "subnormals": wanted_subnormals(),
            "versions": {"harness": __version__, "torch": metadata.version("torch")},
        }
        known = recall(machine.home, "estimates", key)
        if known is not None:
            return Price(float(known["seconds"]), "measured")
        if not self.measuring:
            return UNKNOWN
        try:
            seconds = self._measure(cell, recipe, machine)
        except UserError as error:
            return Price(None, None, str(error))
        remember(machine.home, "estimates", key, {"seconds": seconds})
        return Price(seconds, "measured")

    def _measure(self, cell: Cell, recipe: Named, machine: Machine) -> float:
        from harness.estimate import measure
        from harness.execution import Job

        with explained(f"{recipe.recipe.arch} on {cell.task}"):
            if self._job is not None and _alike(self._job, recipe, machine):
                job = self._job.other(recipe)
            else:
                self._job = None  # its data go before others come
                job = Job(self.registry, recipe, replace(machine, offline=True))
                if lacking := job.task.missing(machine.sources(job.registry.files)):
                    raise UserError(lacking)
                self._job = job
            self.tell(f"measuring {cell.name}")
            return measure(job, cell.seeds[0], BUDGET).seconds


def work(one: Standing, price: Price) -> Work | None:
    """What is missing of a cell; None where there is something and its price is not known.

    A trial counts like those of the search that ended; before, like a run of the recipe that the search begins with.
    Pruning makes that less, smaller batches and more layers make it more.
    """
    if one.cell.skip is not None:
        return Work()
    trials = 0
    if one.cell.search is not None and one.final is None and one.reason is None:
        ended = sum((one.trials or {}).get(word, 0) for word in ("complete", "pruned", "failed"))
        trials = max(0, one.cell.search.trials - ended)
    seeds = one.missing if one.final is not None else one.cell.seeds if trials else ()
    if not trials and not seeds:
        return Work()
    if price.seconds is None:
        return None
    search = trials * (one.trial_seconds or price.seconds)
    return Work(search, tuple(price.seconds * _rest(one, seed) for seed in seeds))


def in_turn(all_work: Iterable[Work]) -> float:
    """Seconds of all of it, one after another."""
    return sum(one.seconds for one in all_work)


def by_workers(all_work: Sequence[Work], workers: int) -> float:
    """Seconds until all of it is done by so many workers, each as fast as one alone.

    Trials of one search follow each other, and its runs follow them, so that more workers than searches and runs are
    of no use.
    """
    ready = [(at, one.search, one.runs) for at, one in enumerate(all_work) if one.search]
    ready += [
        (len(all_work) + at, seconds, ()) for at, one in enumerate(all_work) if not one.search for seconds in one.runs
    ]
    heapq.heapify(ready)
    later: list[tuple[float, int, float]] = []  # runs of a search, with its end
    free, end = [0.0] * workers, 0.0
    while ready or later:
        now = heapq.heappop(free)
        now = now if ready else max(now, later[0][0])
        while later and later[0][0] <= now:
            _, at, seconds = heapq.heappop(later)
            heapq.heappush(ready, (at, seconds, ()))
        at, seconds, then = heapq.heappop(ready)
        for run in then:
            heapq.heappush(later, (now + seconds, at, run))
        heapq.heappush(free, now + seconds)
        end = max(end, now + seconds)
    return end


def _recipe(one: Standing) -> Named | None:
    return one.final or one.cell.recipe


def _alike(job: Job, recipe: Named, machine: Machine) -> bool:
    """Whether a job has the data of another recipe, on the device where it is wanted."""
    mine, other = job.named.recipe, recipe.recipe
    return (mine.task, mine.variant, job.machine.device) == (other.task, other.variant, machine.device)


def _rest(one: Standing, seed: int) -> float:
    """Which part of a run is still to be trained."""
    head: Any = one.seeds.get(seed)
    if head is None or one.final is None:
        return 1.0
    return max(0.0, 1.0 - (head.last_epoch or 0) / one.final.recipe.training.epochs)
