"""What ``suite run`` does: the file into cells, those into a campaign on an engine, and what became of it told."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.cli.suite.ended import print_outcome
from harness.cli.suite.opened import Opened
from harness.cli.suite.progress import SuiteProgress
from harness.engines import Conditions, open_engine
from harness.errors import UserError, did_you_mean
from harness.machine import Machine
from harness.recipe import split_variant
from harness.store import open_store
from harness.suites.campaign import Campaign
from harness.suites.cells import Cell
from harness.suites.standing import Standing, standings
from harness.suites.studies import CellStudies


@dataclass(frozen=True)
class Wanted:
    """What a person asked to train of a suite."""

    suite: str
    engine: str = "local"
    workers: int | None = None
    address: str | None = None
    shared: Path | None = None
    only: tuple[str, ...] = ()
    seeds: tuple[int, ...] | None = None
    redo_failed: bool = False
    device: str | None = None
    cpus: float | None = None
    gpus: float | None = None
    storage: str | None = None
    plugins: tuple[str, ...] = ()


def drive(wanted: Wanted, machine: Machine) -> int:
    """Train what is missing of a suite, tell what became of it, and return the exit code."""
    opened = Opened.of(wanted.suite, machine, wanted.plugins, wanted.storage, open_store(machine.home.path))
    opened = replace(opened, grid=replace(opened.grid, cells=tuple(_changed(opened.grid.cells, wanted))))
    chosen = _chosen(opened.grid.cells, wanted.only)
    grid, store, on = opened.grid, opened.store, opened.machine
    conditions = Conditions.of(on, on.home.store_url, grid.plugins)
    on.wanted_threads()
    if wanted.engine != "ray":  # whose nodes have devices of their own
        for device in {cell.device for cell in chosen if cell.skip is None}:
            replace(on, device=device).torch_device()

    def stand(cells: Sequence[Cell]) -> list[Standing]:
        part = replace(grid, cells=tuple(cells))
        return standings(part, store, on.home, wanted.storage, opened.registry)

    with SuiteProgress(grid.name, lambda task: str(opened.registry.task(split_variant(task)[0]).metric)) as progress:
        outcome = Campaign(
            grid=grid,
            store=store,
            open_engine=lambda live: open_engine(
                wanted.engine,
                conditions,
                workers=wanted.workers,
                address=wanted.address,
                shared=wanted.shared,
                live=live,
            ),
            home=on.home,
            studies=CellStudies(opened.registry, on, wanted.storage, progress.tell),
            stand=stand,
            chosen=chosen,
            redo=wanted.redo_failed,
            watch=progress,
        ).run()
    print_outcome(outcome, stand(chosen), store, wanted.suite)
    return outcome.exit_code


def _changed(cells: Sequence[Cell], wanted: Wanted) -> list[Cell]:
    """The cells with what the command says in place of the suite."""
    given = {"cpus": wanted.cpus, "gpus": wanted.gpus}
    resources = {name: value for name, value in given.items() if value is not None}
    have = {seed for cell in cells for seed in cell.seeds}
    if wanted.seeds is not None and (strange := sorted(set(wanted.seeds) - have)):
        raise UserError(f"--seeds: the suite has no seed {strange[0]}, it has {', '.join(map(str, sorted(have)))}")
    return [
        replace(
            cell,
            seeds=tuple(seed for seed in cell.seeds if wanted.seeds is None or seed in wanted.seeds),
            device=wanted.device or cell.device,
            resources=replace(cell.resources, **resources),
        )
        for cell in cells
    ]


def _chosen(cells: Sequence[Cell], only: Sequence[str]) -> list[Cell]:
    """The cells whose ``ARCH/TASK`` fits one of the patterns, in which ``*`` and ``?`` stand for other letters.

    Brackets stand for themselves: they are part of the label of a variant.
    """
    names = [f"{cell.arch}/{cell.task}" for cell in cells]
    wanted: set[str] = set()
    for pattern in only:
        fit = fnmatch.filter(names, pattern.replace("[", "[[]"))
        if not fit:
            raise UserError(f"--only {pattern}: no cell of the suite is called so{did_you_mean(pattern, set(names))}")
        wanted.update(fit)
    named = zip(cells, names, strict=True)
    return [cell for cell, name in named if (not only or name in wanted) and cell.seeds]
