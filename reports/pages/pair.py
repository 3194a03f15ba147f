"""A page a pair: all that is known of one architecture on one variant of a task, or why there is nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports import addresses
from reports.figures.trace import Course, of_seeds
from reports.pages.pieces import MOST_LINES, Pieces, warnings
from reports.pages.templating import Pages, render
from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import Row
from reports.records import Entry, PublishedRecipe, Run, Setting
from reports.report import Report

Key = tuple[str, str, int | None, bool, str, str]


@dataclass(frozen=True)
class Part:
    """A row of a ranking as its own page tells it. `runs` are all of them, also those that newer ones replaced."""

    anchor: str
    ranking: Ranking
    row: Row
    runs: tuple[Run, ...]
    warnings: list[tuple[str, str]]
    drawing: Course | None
    published: PublishedRecipe | None

    @property
    def repeated(self) -> Run | None:
        """The run whose command is shown: the first that counts and has one."""
        return next((run for run in (*self.row.counted, *self.runs) if run.command), None)

    @property
    def computed(self) -> list[tuple[str, str, str]]:
        """Backends, operations and the seeds that share them."""
        seeds: dict[tuple[str, str], list[int]] = defaultdict(list)
        for run in self.row.runs:
            if run.backends or run.operations:
                seeds[run.backends, run.operations].append(run.seed)
        return [(*found, ", ".join(map(str, of))) for found, of in seeds.items()]


@dataclass(frozen=True)
class Compared:
    """The environments of a page side by side: a number and an id each, and the value of every line in each."""

    numbers: dict[str, str]
    lines: list[tuple[str, tuple[str, ...]]]
    left_out: int

    @staticmethod
    def differs(values: Sequence[str]) -> bool:
        """Whether a line is not the same in all environments."""
        return len(set(values)) > 1


def pages(report: Report) -> Pages:
    """One page for every pair that has runs, or was left out for a reason."""
    rows: dict[tuple[str, str], list[tuple[Ranking, Row]]] = {pair: [] for pair in _pairs(report.skipped)}
    for ranking in report.rankings:
        for row in ranking.rows:
            rows.setdefault((ranking.task, row.arch), []).append((ranking, row))
    runs = defaultdict(list)
    for run in report.runs:
        runs[_key(run)].append(run)
    pieces, compared = Pieces(report), _Comparison(report)
    architectures = {entry.name: entry for entry in report.architectures}
    tasks = {entry.name: entry for entry in report.tasks}
    for (label, arch), found in sorted(rows.items()):
        parts = [_part(report, pieces, number, ranking, row, runs) for number, (ranking, row) in enumerate(found, 1)]
        yield render(
            "pair.html",
            addresses.pair(label, arch),
            label=label,
            arch=_named(architectures, arch, found[0][1].title if found else ""),
            task=_named(tasks, addresses.base(label), ""),
            title=found[0][0].title if found else _named(tasks, addresses.base(label), "").title or label,
            reason=report.skipped.get((arch, label)),
            parts=parts,
            pieces=pieces,
            compared=compared.of([run for part in parts for run in part.runs]),
        )


def _pairs(skipped: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return ((label, arch) for arch, label in skipped)


def _key(run: Run) -> Key:
    return run.task, run.metric, run.train_limit, run.selection == "final", run.arch, run.recipe_hash


def _named(entries: dict[str, Entry], name: str, title: str) -> Entry:
    return entries.get(name) or Entry(name, title or name, "")


def _part(report: Report, pieces: Pieces, number: int, ranking: Ranking, row: Row, runs: dict[Key, list[Run]]) -> Part:
    anchor = f"row-{number}"
    every = sorted(runs[_key(row.runs[0])], key=lambda run: (run.seed, run not in row.runs, run.created, run.run))
    return Part(
        anchor=anchor,
        ranking=ranking,
        row=row,
        runs=tuple(every),
        warnings=warnings(row.notes, row.runs),
        drawing=of_seeds(row.runs, report.traces, report.numbers.get(row.arch, 0), f"{anchor}-curves"),
        published=pieces.published(row.runs[0]),
    )


class _Comparison:
    # Many pages have the same environments: they are compared once.
    def __init__(self, report: Report) -> None:
        self._environments = report.environments
        self._made: dict[tuple[str, ...], Compared] = {}

    def of(self, runs: Sequence[Run]) -> Compared:
        names = tuple(dict.fromkeys(run.environment for run in runs if run.environment in self._environments))
        if names not in self._made:
            self._made[names] = _compared(names, [self._environments[name] for name in names])
        return self._made[names]


def _compared(names: Sequence[str], environments: Sequence[Sequence[Setting]]) -> Compared:
    values = [{line.name: line.value for line in environment} for environment in environments]
    keys = list(dict.fromkeys(line.name for environment in environments for line in environment))
    lines = [(key, tuple(each.get(key, "") for each in values)) for key in keys]
    # What differs comes first: it is what a reader compares them for.
    lines.sort(key=lambda line: len(set(line[1])) == 1)
    numbers = {name: str(number) for number, name in enumerate(names, 1)}
    return Compared(numbers, lines[:MOST_LINES], max(0, len(lines) - MOST_LINES))
