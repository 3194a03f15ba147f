"""A cell of a campaign: an architecture on a task by one recipe, from several seeds; tuned before where that is asked
for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.engines.unit import Resources
from harness.recipes import Named


@dataclass(frozen=True)
class Search:
    """The study that finds a cell's recipe."""

    trials: int
    sampler: str = "tpe"
    pruner: str = "median"
    seed: int = 0
    space: Mapping[str, str] = field(default_factory=dict)
    """Key -> range, as ``--space`` takes it; empty for the architecture's own space."""
    parameters: str | None = None
    """Number of parameters that every trial is matched to."""
    tolerance: float | None = None
    """How far off that number may be, as a fraction, where the file says so."""


@dataclass(frozen=True)
class Cell:
    """An architecture on a task."""

    arch: str
    task: str
    """Label with the variant where it isn't the default one."""
    seeds: tuple[int, ...]
    recipe: Named | None
    """What is trained; where `search` says so, what the search begins with. None where the cell is skipped."""
    search: Search | None = None
    study: str | None = None
    """Name of the study, where there is a search."""
    skip: str | None = None
    """Why there is nothing to train."""
    device: str = "auto"
    resources: Resources = field(default_factory=Resources)

    @property
    def name(self) -> str:
        """For a person: ``lstm on psdigits``."""
        return f"{self.arch} on {self.task}"


@dataclass(frozen=True)
class Grid:
    """A suite worked out: what it is called, and all its cells in the order in which they are trained."""

    name: str
    """Tells suites apart: their locks, studies and skipped cells go by it."""
    title: str
    file: Path
    cells: tuple[Cell, ...]
    plugins: tuple[str, ...] = ()
    threads: int | None = None
