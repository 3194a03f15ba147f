"""A search of a campaign: trials of one study, one after the other, and the recipe that they find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from harness.engines import TrialUnit
from harness.recipes import Named
from harness.suites.board import Kind
from harness.suites.cells import Cell, Search
from harness.tuning import tally
from harness.tuning.study import Study

PAUSE = 2.0
"""Seconds between two looks at what another process is at."""


class Studies(Protocol):
    """Makes the studies of cells, and takes from them what they found."""

    def begin(self, cell: Cell) -> Study:
        """The study of a cell, new or as it was left, with all its trials; a :class:`~harness.errors.UserError` where
        there can be none."""

    def best(self, cell: Cell, study: Study) -> Named:
        """The recipe of the best trial, written to the home; a :class:`~harness.errors.UserError` where none was
        completed."""


@dataclass
class Searching:
    """The search of one cell. Its study may be tuned by others at the same time: it is looked at, not counted."""

    cell: Cell
    search: Search
    study: Study
    over: int = 0
    """Trials that came to an end."""
    begun: int = 0
    """Units begun by this campaign."""
    deaths: int = 0
    """Units that died since the last end of a trial."""
    under: str | None = None
    """Key of the unit under way."""
    elsewhere: bool = False
    """Whether another process trains a trial now."""
    look_after: float = 0.0
    open: bool = False
    """Whether a trial waits that can be begun."""

    @property
    def key(self) -> str:
        """Tells it from other searches."""
        return self.study.name

    @property
    def kind(self) -> Kind:
        """What its trials are like."""
        return self.cell.arch, self.cell.task, "trial"

    @property
    def left(self) -> int:
        """Trials that have not ended."""
        return max(0, self.search.trials - self.over)

    @property
    def complete(self) -> bool:
        """Whether all trials have ended."""
        return self.left == 0

    def look(self, now: float) -> int:
        """See how the study stands; how many trials have ended since the last look."""
        with self.study.opened.address.explained():
            self.study.recover()
            trials = self.study.trials()
        before, self.over = self.over, min(tally.ended(trials), self.search.trials)
        self.elsewhere = tally.counts(trials)["running"] > 0 and self.under is None
        self.open = not self.elsewhere and tally.claimable(trials, self.search.trials) > 0
        if not self.open:
            self.look_after = now + PAUSE
        if self.over > before:
            self.deaths = 0
        return self.over - before

    def ready(self, now: float) -> bool:
        """Whether the next trial can begin: those of one study follow each other, so that it can be repeated."""
        return self.under is None and self.open and now >= self.look_after

    def unit(self) -> TrialUnit:
        """The unit of the next trial."""
        self.begun += 1
        self.under = f"{self.key}, trial unit {self.begun}"
        return TrialUnit(
            key=self.under,
            name=f"{self.cell.name}, trial {self.over}",
            storage=self.study.opened.address.text,
            study=self.study.name,
            trials=self.search.trials,
            device=self.cell.device,
            resources=self.cell.resources,
        )
