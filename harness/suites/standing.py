"""How far a suite is: the state of every cell, out of the store, the locks and the studies. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from harness.home import Home
from harness.locking import run_lock
from harness.recipes import Named
from harness.registry import Registry
from harness.seeding import derive
from harness.suites.cells import Cell, Grid
from harness.suites.studied import Studied, studied

if TYPE_CHECKING:
    from harness.store import Store
    from harness.store.head import Head

CellState = Literal["done", "running", "part", "failed", "waiting", "skipped"]
"""All seeds are done; something is trained now; some of it is done or was cut off; something failed; nothing was begun;
there is nothing to train."""
CELL_STATES: tuple[CellState, ...] = get_args(CellState)


@dataclass(frozen=True)
class Standing:
    """A cell as it stands."""

    cell: Cell
    state: CellState
    seeds: Mapping[int, Head] = field(default_factory=dict)
    """Seed -> the run that counts: one that is done, else one under way or cut off, else the last that failed."""
    missing: tuple[int, ...] = ()
    """Seeds that are to be trained or to go on, those that are trained now among them. Empty while a search lacks
    trials: its recipe isn't known yet."""
    failed: tuple[int, ...] = ()
    running: tuple[int, ...] = ()
    """Seeds that some process trains now."""
    trials: Mapping[str, int] | None = None
    """State of a trial -> how many there are, where the cell has a search."""
    searching: bool = False
    """Whether a trial is trained now."""
    trial_seconds: float | None = None
    """What a trial of the search took so far, on the mean."""
    final: Named | None = None
    """What the seeds are trained with: the cell's recipe, or the one that its search found, once that is complete."""
    reason: str | None = None
    """Of a cell that is skipped or failed."""

    @property
    def done(self) -> int:
        """How many seeds are done."""
        return sum(head.state == "done" for head in self.seeds.values())


def standings(
    grid: Grid, store: Store, home: Home, storage: str | None = None, registry: Registry | None = None
) -> list[Standing]:
    """The standing of every cell, in the order of the grid; cheap enough to be asked for again and again.

    Args:
        storage: where studies are, as ``--storage`` takes it; else ``HARNESS_STUDIES``, else the home.
        registry: that of the grid; else one is made with its plugins.
    """
    registry = registry or Registry(grid.plugins)
    searches = {cell.study: studied(cell, home, storage, registry) for cell in grid.cells if cell.study is not None}
    finals = [_final(cell, searches) for cell in grid.cells]
    hashes = {final.recipe.hash for final in finals if final is not None}
    heads: dict[tuple[str, int], list[Head]] = {}
    for head in store.heads(sorted(hashes)):
        heads.setdefault((head.recipe_hash, head.seed), []).append(head)
    return [_standing(cell, final, searches, heads, store) for cell, final in zip(grid.cells, finals, strict=True)]


def driver_lock(suite: str) -> str:
    """Name of the lock that the driver of a suite holds while it is at work."""
    return f"suite-{derive(0, suite):016x}"


def counted(found: Iterable[Standing]) -> dict[str, int]:
    """State -> how many runs are in it, over all cells; a run that was cut off waits."""
    counts = {"done": 0, "running": 0, "failed": 0, "waiting": 0, "skipped": 0}
    for one in found:
        if one.cell.skip is not None:
            counts["skipped"] += len(one.cell.seeds)
            continue
        counts["done"] += one.done
        counts["failed"] += len(one.failed)
        counts["running"] += len(one.running)
        counts["waiting"] += len(one.cell.seeds) - one.done - len(one.failed) - len(one.running)
    return counts


def _final(cell: Cell, searches: Mapping[str, Studied]) -> Named | None:
    return cell.recipe if cell.study is None else searches[cell.study].final


def _standing(
    cell: Cell,
    final: Named | None,
    searches: Mapping[str, Studied],
    heads: Mapping[tuple[str, int], Sequence[Head]],
    store: Store,
) -> Standing:
    if cell.skip is not None:
        return Standing(cell, "skipped", reason=cell.skip)
    search = searches[cell.study] if cell.study is not None else None
    about: dict[str, Any] = {}
    if search is not None:
        about = {"trials": search.counts, "searching": search.running, "trial_seconds": search.trial_seconds}
    if search is not None and final is None:
        return Standing(cell, _state_of_search(search), **about, reason=search.reason)
    assert final is not None
    seeds = {seed: head for seed in cell.seeds if (head := _counting(cell, heads.get((final.recipe.hash, seed), ())))}
    failed = tuple(seed for seed, head in seeds.items() if head.state == "failed")
    missing = tuple(seed for seed in cell.seeds if seed not in seeds or seeds[seed].state in ("running", "interrupted"))
    running = tuple(seed for seed, head in seeds.items() if head.state == "running" and _is_held(store, head))
    if running:
        state: CellState = "running"
    elif failed:
        state = "failed"
    elif not missing:
        state = "done"
    else:
        state = "part" if seeds or search is not None else "waiting"
    reason = seeds[failed[0]].reason if failed else None
    return Standing(cell, state, seeds, missing, failed, running, **about, final=final, reason=reason)


def _state_of_search(search: Studied) -> CellState:
    if search.running:
        return "running"
    if search.reason is not None:
        return "failed"
    return "part" if search.begun else "waiting"


def _counting(cell: Cell, heads: Sequence[Head]) -> Head | None:
    """The run of a seed that counts, among those on the cell's kind of device; on any where that is ``auto``."""
    kind = cell.device.partition(":")[0]
    fit = [head for head in heads if kind in ("auto", head.device)]
    rank = {"done": 0, "running": 1, "interrupted": 1, "failed": 2}
    return min(fit, key=lambda head: rank.get(head.state, 3), default=None)  # of equals the newest, which comes first


def _is_held(store: Store, head: Head) -> bool:
    return store.held(run_lock(head.recipe_hash, head.seed, head.device))
