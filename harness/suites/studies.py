"""The studies of a suite's cells, where ``tune`` would keep them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.errors import UserError
from harness.machine import Machine
from harness.recipes import Named
from harness.registry import Registry
from harness.suites.cells import Cell
from harness.tolerance import TOLERANCE
from harness.tuning import search
from harness.tuning.storage import open_storage
from harness.tuning.study import Study
from harness.tuning.summary import place
from harness.tuning.worker import close_lost


class CellStudies:
    """Begins the study of a cell and takes what it found; see :class:`harness.suites.searching.Studies`.

    Args:
        storage: where studies are, as ``--storage`` takes it; else ``HARNESS_STUDIES``, else the home.
        tell: hears what a search has to leave out.
    """

    def __init__(self, registry: Registry, machine: Machine, storage: str | None, tell: Callable[[str], None]) -> None:
        self.registry, self.machine, self.storage, self.tell = registry, machine, storage, tell

    def begin(self, cell: Cell) -> Study:
        """The study with all its trials, new or as it was left."""
        wanted = cell.search
        assert wanted is not None
        assert cell.recipe is not None
        assert cell.study is not None
        found = search.Search(
            base=cell.recipe,
            sampler=wanted.sampler,
            pruner=wanted.pruner,
            seed=wanted.seed,
            space=wanted.space,
            parameters=wanted.parameters,
            tolerance=TOLERANCE if wanted.tolerance is None else wanted.tolerance,
        )
        machine = replace(self.machine, device=cell.device)
        where = place(self.storage, machine.home, cell.study)
        with where.explained():
            opened = open_storage(where, machine.home)
            return search.begin(self.registry, found, machine, opened, cell.study, wanted.trials, self.tell).study

    def best(self, cell: Cell, study: Study) -> Named:
        """The recipe of the best trial, written to the home as ``tuned``."""
        with study.opened.address.explained():
            close_lost(study, self.machine.home)
            found = search.best(study, self.registry)
            if found is None:
                raise UserError(search.nothing(study))
        search.keep(found[1], self.machine.home, cell.task)
        return found[1]
