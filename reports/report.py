"""The frames, read once: the runs, rankings and records that all pages and exports are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from reports import addresses
from reports.frames import Frames
from reports.ledger import LedgerEntry, ledger
from reports.paged import paged
from reports.protocols import contents
from reports.published import load
from reports.ranking.leaderboard import Ranking, rankings
from reports.records import Entry, Importance, PublishedRecipe, Run, Search, Setting, Timing, Trace, Trial


@dataclass(frozen=True)
class Study:
    """A study: the trials that tuned one architecture on one task, how it searched, and what mattered."""

    name: str
    arch: str
    task: str
    metric: str
    higher_is_better: bool
    trials: tuple[Trial, ...]
    importance: tuple[Importance, ...]
    search: Search | None = None


class Report:
    """What the frames say. Everything is read and ordered here, once; pages only choose from it.

    `numbers` gives every architecture its number, so that it has the same colour on every page. With `every_run` each
    run has a page, however many there are.
    """

    def __init__(self, frames: Frames, every_run: bool = False) -> None:
        self._frames = frames
        self.every_run = every_run
        self.runs: list[Run] = frames.records()
        self.rankings: list[Ranking] = rankings(self.runs, frames.entries("tasks"))
        self.traces: dict[str, Trace] = frames.traces()
        self.architectures = _entries(frames.entries("architectures"), ((r.arch, r.arch_title) for r in self.runs))
        self.tasks = _entries(frames.entries("tasks"), _titles_of_tasks(self.runs))
        self.numbers = {entry.name: number for number, entry in enumerate(self.architectures)}
        self.recipes: dict[str, str] = {one.recipe_hash: one.toml for one in frames.rows("recipes")}
        self.environments: dict[str, list[Setting]] = frames.settings()
        self.timings: list[Timing] = frames.rows("timings")
        self.published_recipes: list[PublishedRecipe] = frames.rows("published_recipes")
        self.skipped = {(one.arch, one.task): one.reason for one in frames.rows("skipped")}

    @cached_property
    def studies(self) -> list[Study]:
        """The studies, by task, architecture and name."""
        trials: dict[tuple[str, ...], list[Trial]] = {}
        for trial in self._frames.rows("trials"):
            trials.setdefault((trial.task, trial.arch, trial.study), []).append(trial)
        importance: dict[str, list[Importance]] = {}
        for one in self._frames.rows("importance"):
            importance.setdefault(one.study, []).append(one)
        searches: dict[str, Search] = {one.study: one for one in self._frames.rows("studies")}
        return [
            Study(
                *(name, arch, task, found[0].metric, found[0].higher_is_better),
                trials=tuple(sorted(found, key=lambda trial: trial.trial)),
                importance=tuple(sorted(importance.get(name, []), key=lambda one: (-(one.share or 0.0), one.key))),
                search=searches.get(name),
            )
            for (task, arch, name), found in sorted(trials.items())
        ]

    @cached_property
    def ledger(self) -> list[LedgerEntry]:
        """Every published number beside the runs."""
        return ledger(load(), self.runs, contents(self.recipes), self.published_recipes)

    @cached_property
    def paged(self) -> frozenset[str]:
        """The ids of the runs that have a page."""
        return paged(self.runs, self.rankings, self.every_run)

    @property
    def unpaged(self) -> str:
        """A sentence on the runs that have no page; "" where every one has."""
        without = len(self.runs) - len(self.paged)
        if not without:
            return ""
        return (
            f"Of {len(self.runs):,} runs {len(self.paged):,} have a page, of the rows that stand for an architecture; "
            f"the other {without:,} are told on the page of their architecture and task."
        )

    @cached_property
    def until(self) -> str:
        """When the newest run was begun, or ""."""
        times = pd.to_datetime([run.created for run in self.runs], errors="coerce", utc=True, format="ISO8601").dropna()
        return f"{times.max():%Y-%m-%d %H:%M} UTC" if len(times) else ""

    def rankings_of(self, task: str) -> list[Ranking]:
        """The rankings of a task in all its variants."""
        return [ranking for ranking in self.rankings if addresses.base(ranking.task) == task]

    @cached_property
    def titles(self) -> dict[str, str]:
        """Architecture -> what tables call it."""
        return {entry.name: entry.title or entry.name for entry in self.architectures}

    def title_of(self, arch: str) -> str:
        """An architecture as tables name it."""
        return self.titles.get(arch, arch)

    def colour_of(self, names: Iterable[str]) -> Mapping[str, int]:
        """Numbers for names that may not be registered, as those of timings alone."""
        more = sorted(set(names) - self.numbers.keys())
        return {**self.numbers, **{name: len(self.numbers) + place for place, name in enumerate(more)}}


def _titles_of_tasks(runs: Sequence[Run]) -> Iterable[tuple[str, str]]:
    return ((addresses.base(run.task), run.task_title.partition(" [")[0]) for run in runs)


def _entries(registered: Sequence[Entry], seen: Iterable[tuple[str, str]]) -> list[Entry]:
    # Those that are registered, and those that only a run names: a plugin that is gone keeps its results.
    summary = "Not installed here, or its plugin was not named (--plugin); known from its runs only."
    gone = {name: Entry(name, title or name, summary) for name, title in sorted(set(seen))}
    found = gone | {entry.name: entry for entry in registered}
    # Two of one title, as a plugin's GRU beside the built-in one, are told apart by their names.
    titles = Counter(entry.title for entry in found.values())
    found = {
        name: replace(one, title=f"{one.title} ({name})") if titles[one.title] > 1 and one.title != name else one
        for name, one in found.items()
    }
    return sorted(found.values(), key=lambda entry: (entry.name.casefold(), entry.name))
