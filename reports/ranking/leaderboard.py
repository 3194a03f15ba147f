"""Runs in, rankings out: one ranking a task and protocol, one row an architecture and recipe."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from reports import addresses, formats
from reports.frames import Frames
from reports.ranking.apart import Codes, codes_of, told_apart
from reports.ranking.chance import against, levels
from reports.ranking.notes import notes, usual
from reports.ranking.rows import STATES, Row, make_row
from reports.records import Entry, Run
from reports.statistics import ranks

SHORTEST_HASH = 4
COLUMNS = (
    *("task", "task_title", "train_limit", "selection", "metric", "higher_is_better", "rank"),
    *("arch", "arch_title", "recipe", "recipe_hash", "state", "n", "mean"),
    *("low", "high", "best", "valid", "score", "parameters", "epochs"),
    *("epochs_done", "seconds", "device", "threads", "backends", "warnings"),
    *("chance_level", "against_chance", "code", "architecture_version", "since"),
)
"""The keys of a row as :func:`table` gives it, in their order."""


@dataclass(frozen=True)
class Ranking:
    """The rows that may be compared: the same task variant, metric, number of training samples and choice of weights.

    Ranked rows come first, best first, then those without a result. `train_limit` is None for the whole training set.
    `anchor` names the ranking on a page and in a link: small letters, digits and hyphens.
    """

    task: str
    title: str
    metric: str
    higher_is_better: bool
    train_limit: int | None
    rows: tuple[Row, ...]
    anchor: str
    protocol: str = ""
    selection: str = ""
    """Whose weights were tested: ``"best"`` (or "", where it isn't known), or ``"final"``."""

    @property
    def ranked(self) -> tuple[Row, ...]:
        """The rows with a result."""
        return tuple(row for row in self.rows if row.rank is not None)

    @cached_property
    def shown(self) -> dict[str, Row]:
        """The row that stands for each architecture, in the order of the ranking.

        Of several recipes the validation set chooses: choosing by the test metric would be selection on the test set.
        """
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            groups[row.arch].append(row)
        return {arch: self._chosen(rows) for arch, rows in groups.items()}

    @cached_property
    def chance_level(self) -> float | None:
        """The metric of a constant prediction, where all rows with a result have the same."""
        found = {row.chance.level for row in self.ranked or self.rows}
        return found.pop() if len(found) == 1 else None

    @cached_property
    def epochs(self) -> list[int]:
        """The different numbers of epochs that the rows which stand for the architectures were to have, ascending."""
        return sorted({epochs for row in self.shown.values() for epochs in row.whole("epochs")})

    def chosen(self, arch: str, recipe: str | None = None) -> Row | None:
        """The row that stands for `arch`, or for those of its recipes that have this name; None where it has none.

        A recipe is also meant by the beginning of its hash, of four digits or more that no other recipe begins with.
        """
        if recipe is None:
            return self.shown.get(arch)
        own = [row for row in self.rows if row.arch == arch]
        if named := [row for row in own if row.recipe == recipe]:
            return self._chosen(named)
        hashed = [row for row in own if len(recipe) >= SHORTEST_HASH and row.recipe_hash.startswith(recipe)]
        return hashed[0] if len(hashed) == 1 else None

    def _chosen(self, rows: Sequence[Row]) -> Row:
        sign = -1 if self.higher_is_better else 1
        known = [(sign * row.valid.mean, place) for place, row in enumerate(rows) if row.test and row.valid]
        return rows[min(known)[1]] if known else rows[0]


def rankings(runs: Iterable[Run], tasks: Iterable[Entry] = ()) -> list[Ranking]:
    """All rankings of `runs`, by task label, the whole training set before limited ones.

    `tasks` state the chance level of runs that have none of their own.
    """
    runs = list(runs)
    chances, codes = {(task.name, task.metric): task.chance for task in tasks}, codes_of(runs)
    groups: dict[tuple[str, str, int, bool, bool], list[Run]] = defaultdict(list)
    for run in runs:
        # No limit sorts first, as -1. The metric is part of the key because different metrics have no common order, and
        # whose weights were tested because the last epoch's score is no choice made on the validation set. A task that
        # changed its mind on what is better has two rankings.
        limit = -1 if run.train_limit is None else run.train_limit
        groups[run.task, run.metric, limit, run.selection == "final", not run.higher_is_better].append(run)
    found: dict[str, Ranking] = {}
    for key in sorted(groups, key=lambda key: (key[0].casefold(), key)):
        ranking = _ranking(groups[key], found.keys(), chances, codes)
        found[ranking.anchor] = ranking
    return list(found.values())


def table(frames: Frames) -> list[dict[str, object]]:
    """Every row of every ranking as a plain dictionary, in the order of the page and with the same statistics.

    `mean`, `low`, `high`, `best` and `valid` (the mean) are raw numbers, accuracy as a fraction, or None; `n` counts
    the seeds behind them; `score` is mean and interval as text. `parameters` and `epochs` are the largest of the
    row's runs, `seconds` their mean. `warnings` are sentences. `chance_level` is the metric of a constant prediction,
    `against_chance` a verdict of :mod:`reports.ranking.chance` or "", `code` the hash of the architecture's source and
    `since` the day of the first run.
    """
    of = rankings(frames.records(), frames.entries("tasks"))
    return [plain(ranking, row) for ranking in of for row in ranking.rows]


def _ranking(
    runs: Sequence[Run],
    taken: Collection[str],
    chances: Mapping[tuple[str, str], float | None],
    codes: Codes,
) -> Ranking:
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.arch, run.recipe_hash].append(run)  # whatever name the same settings were given
    of = min(runs, key=lambda run: run.run)
    level_of = levels(runs, chances.get((addresses.base(of.task), of.metric)))
    made = [make_row(group, of.higher_is_better) for group in groups.values()]
    made = [replace(row, chance=against(row.runs, row.test, level_of)) for row in told_apart(made, codes)]
    rows = _placed(sorted(made, key=lambda row: (row.arch, row.recipe, row.recipe_hash)), of.higher_is_better)
    among = usual(rows, of.metric)
    return Ranking(
        task=of.task,
        title=of.task_title or of.task,
        metric=of.metric,
        higher_is_better=of.higher_is_better,
        train_limit=of.train_limit,
        rows=tuple(replace(row, notes=notes(row, among)) for row in rows),
        anchor=_anchor(of, taken),
        protocol=of.task_protocol,
        selection=of.selection,
    )


def _anchor(run: Run, taken: Collection[str]) -> str:
    # Readable and lasting, so that a link can be kept: "task-psmnist-permutation-cornn-first-5000". Two hyphens in a
    # row never come from a name, and so set apart what is numbered, or belongs to the ranking, as "--a" its first note.
    name = re.sub(r"[^a-z0-9]+", "-", f"task {run.task.lower()[:60]}").strip("-")
    if run.train_limit is not None:
        name += f"-first-{run.train_limit}"
    if run.selection == "final":
        name += "-final"
    number = 1
    while (found := name if number == 1 else f"{name}--{number}") in taken:
        number += 1
    return found


def _placed(rows: Sequence[Row], higher_is_better: bool) -> list[Row]:
    means = {index: row.test.mean for index, row in enumerate(rows) if row.test}
    places = dict(zip(means, ranks(list(means.values()), higher_is_better), strict=True))
    ranked = [replace(rows[index], rank=place) for index, place in places.items()]
    # Both sorts are stable: equal ranks, and equal states, stay in the order of their names.
    ranked.sort(key=lambda row: row.rank or 0)
    rest = [row for row in rows if not row.test]
    return ranked + sorted(rest, key=lambda row: (*STATES, row.state).index(row.state))


def plain(ranking: Ranking, row: Row) -> dict[str, object]:
    """One row as :func:`table` gives it."""
    test, valid = row.test, row.valid
    return {
        "task": ranking.task,
        "task_title": ranking.title,
        "train_limit": ranking.train_limit,
        "selection": ranking.selection,
        "metric": ranking.metric,
        "higher_is_better": ranking.higher_is_better,
        "rank": row.rank,
        "arch": row.arch,
        "arch_title": row.title,
        "recipe": row.recipe,
        "recipe_hash": row.recipe_hash,
        "state": row.state,
        "n": test.n if test else 0,
        "mean": test.mean if test else None,
        "low": test.low if test else None,
        "high": test.high if test else None,
        "best": test.best if test else None,
        "valid": valid.mean if valid else None,
        "score": formats.score(test, ranking.metric),
        "parameters": max(row.whole("parameters"), default=None),
        "epochs": max(row.whole("epochs"), default=None),
        "epochs_done": max(row.whole("epochs_done"), default=None),
        "seconds": row.seconds,
        "device": ", ".join(row.texts("device")),
        "threads": ", ".join(row.texts("threads")),
        "backends": ", ".join(row.texts("backends")),
        "warnings": [str(note) for note in row.notes],
        "chance_level": row.chance.level,
        "against_chance": row.chance.verdict,
        "code": ", ".join(row.texts("code")),
        "architecture_version": ", ".join(row.texts("architecture_version")),
        "since": row.since,
    }
