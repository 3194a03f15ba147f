"""The data sets that the registered tasks read: found by the name of a task or their own, listed, fetched, checked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import signature
from harness.errors import UserError, did_you_mean, explained
from harness.recipe import split_variant
from harness.registry import Entry, Registry, resolve


class DataSets:
    """The data sets of all tasks of a registry.

    Args:
        registry: the tasks.
        sources: the data folder (``tasks.Sources``).
    """

    def __init__(self, registry: Registry, sources: Any) -> None:
        self.registry, self.sources = registry, sources

    @cached_property
    def all(self) -> dict[str, Any]:
        """Name to data set (``tasks.DataSet``): all that some variant of a task reads; broken plugins are left out."""
        return {dataset.name: dataset for entry in self._tasks() for dataset in entry.load().datasets}

    def readers(self, name: str) -> list[str]:
        """The tasks that read the data set `name` in some variant."""
        return [e.name for e in self._tasks() if any(dataset.name == name for dataset in e.load().datasets)]

    def named(self, names: Iterable[str]) -> list[Any]:
        """The data sets that tasks (with their variants) or names of data sets mean; all of them for no names."""
        wanted = {dataset.name: dataset for name in names for dataset in self._meant(name)}
        return list((wanted or self.all).values())

    def rows(self) -> list[dict[str, Any]]:
        """One row a data set, for a table; nothing is read but the names of the files."""
        rows = []
        for dataset in self.all.values():
            folder = dataset.folder(self.sources.root)
            there = not dataset.absent(folder)
            rows.append(
                {
                    "data set": dataset.name,
                    "tasks": self.readers(dataset.name),
                    "state": "present" if there else "missing",
                    "size": dataset.size,
                    "licence": dataset.licence,
                    "folder": str(folder),
                }
            )
        return rows

    def fetch(self, dataset: Any) -> tuple[bool, Path]:
        """Download a data set unless it is there. Returns whether it was, and its folder."""
        with explained(f"data set {dataset.name}"):
            folder = dataset.folder(self.sources.root)
            if not dataset.absent(folder):
                return True, folder
            return False, dataset.fetch(self.sources)

    def take(self, name: str, path: str) -> list[tuple[str, Path]]:
        """Import what `path` holds of the data sets of a task or of the one named: titles and folders."""
        candidates = self._meant(name, any_variant=True)
        with explained(f"import of {name}"):
            taken = resolve("tasks.sources:take_any")(self.sources, candidates, Path(path).expanduser())
        return [(dataset.title, folder) for dataset, folder in taken]

    def check(self, dataset: Any) -> dict[str, str]:
        """Read all files of a data set and say whether they are what they should be."""
        with explained(f"data set {dataset.name}"):
            found = dataset.check(self.sources)
        return {"data set": dataset.name, "state": found.state, "detail": found.detail, "folder": str(found.folder)}

    def _tasks(self) -> list[Entry]:
        return [entry for entry in self.registry.tasks.values() if not entry.problem]

    def _meant(self, name: str, *, any_variant: bool = False) -> tuple[Any, ...]:
        if name in self.all:
            return (self.all[name],)
        bare, variant = split_variant(name)
        if bare not in self.registry.tasks:
            known = {*self.registry.tasks, *self.all}
            raise UserError(f"no task and no data set is called '{bare}'{did_you_mean(bare, known)}")
        task = self.registry.task(bare)
        options = signature.validated(task, variant, f"task {bare}")
        with explained(f"task {bare}"):
            needed = task.datasets if any_variant and not variant else task(**options).needs()
        if not needed:
            raise UserError(f"task {name} reads no data files: its data are generated, or come with a package")
        return tuple(needed)
