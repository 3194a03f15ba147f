"""The data sets that the registered tasks read: found by the name of a task or their own, listed, fetched, checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import signature
from harness.errors import UserError, did_you_mean, explained
from harness.home import expanded
from harness.recipe import split_variant
from harness.registry import Entry, Registry, resolve


@dataclass(frozen=True)
class Import:
    """What an import did."""

    taken: list[tuple[str, Any]]
    """Titles of data sets, each with what was taken (``tasks.sources.Taken``)."""
    missed: list[tuple[str, str]]
    """Titles of data sets that the archive or folder does not hold, each with a sentence."""
    left: list[str]
    """Files that belong to none of the data sets, from the top of the archive or folder."""


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
        """Name to data set (``tasks.DataSet``): all that some variant of a task reads; broken plugins are left out.

        A :class:`UserError` where a plugin gives the name of one data set to another.
        """
        found: dict[str, Any] = {}
        for entry in self._tasks():  # built-in ones come first
            for dataset in entry.load().datasets:
                if found.setdefault(dataset.name, dataset) != dataset:
                    raise UserError(
                        f"task {entry.name} ({entry.origin}) calls a data set '{dataset.name}', as another is called:"
                        " give it another name"
                    )
        return found

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
            found = dataset.state(self.sources)
            rows.append(
                {
                    "data set": dataset.name,
                    "tasks": self.readers(dataset.name),
                    "state": "present" if found.present else "missing",
                    "size": dataset.size,
                    "bytes": found.bytes,
                    "licence": dataset.licence,
                    "folder": str(found.folder),
                }
            )
        return rows

    def fetch(self, dataset: Any, *, again: bool = False) -> tuple[bool, Path]:
        """Download a data set unless it is there and whole, or in any case. Returns whether it was, and its folder."""
        with explained(f"data set {dataset.name}"):
            found = dataset.check(self.sources)
            if found.state not in ("missing", "damaged") and not again:
                return True, dataset.require(self.sources)
            return False, dataset.fetch(self.sources, again=again or found.state == "damaged")

    def take(self, name: str, path: str, *, again: bool = False) -> Import:
        """Import what `path` holds of the data sets of a task or of the one named; `again` replaces other data."""
        if not path.strip():
            raise UserError(f"import of {name}: name the archive or the folder that holds it")
        candidates = self._meant(name, any_variant=True)
        with explained(f"import of {name}"):
            taken, missed = resolve("tasks.sources:take_any")(self.sources, candidates, expanded(path), again=again)
        left = {file for _, one in taken for file in one.left}
        used = [one.left for _, one in taken]
        return Import(
            taken=[(dataset.title, one) for dataset, one in taken],
            missed=[(dataset.title, sentence) for dataset, sentence in missed],
            left=sorted(left.intersection(*used)),
        )

    def check(self, dataset: Any) -> dict[str, str]:
        """Read all files of a data set and say whether they are what they should be."""
        with explained(f"data set {dataset.name}"):
            found = dataset.check(self.sources)
        return {"data set": dataset.name, "state": found.state, "detail": found.detail, "folder": str(found.folder)}

    def _tasks(self) -> list[Entry]:
        return [entry for entry in self.registry.tasks.values() if not entry.problem]

    def _meant(self, name: str, *, any_variant: bool = False) -> tuple[Any, ...]:
        """Those of the task `name`, else the one of that name; with `any_variant` all that a bare task may read."""
        bare, variant = split_variant(name)
        if bare not in self.registry.tasks:
            if name in self.all:
                return (self.all[name],)
            known = {*self.registry.tasks, *self.all}
            raise UserError(f"no task and no data set is called '{bare}'{did_you_mean(bare, known)}")
        task_class = self.registry.task(bare)
        options = signature.validated(task_class, variant, f"task {bare}")
        with explained(f"task {bare}"):
            task = task_class(**options)
            needed = task_class.datasets if any_variant and not variant else self._read_by(task)
        if not needed:
            raise UserError(f"task {name} reads no data files: its data are generated, or come with a package")
        return tuple(needed)

    def _read_by(self, task: Any) -> list[Any]:
        """The data sets that a task needs; where it lacks nothing because another form of them is there, that one."""
        needed = list(task.needs())
        if task.missing(self.sources) is not None:
            return needed
        present = [dataset for dataset in task.datasets if dataset.state(self.sources).present]
        return [dataset for dataset in needed if dataset in present] or present or needed
