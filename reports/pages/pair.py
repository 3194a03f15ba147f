"""A page a pair: all that is known of one architecture on one variant of a task, or why there is nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports import addresses
from reports.figures.trace import Course, of_seeds
from reports.paged import share
from reports.pages import listed
from reports.pages.pieces import MOST_LINES, Pieces, warnings
from reports.pages.templating import Pages, render
from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import Row
from reports.records import Entry, PublishedRecipe, Run, Setting
from reports.report import Report

MOST_LISTED = 1_200
"""Runs that a page lists at most, a third of a kilobyte each, unless every run has a page, which must be found."""
Key = tuple[str, str, int | None, bool, bool, str, str]


@dataclass(frozen=True)
class Part:
    """A row of a ranking as its own page tells it. `runs` are all of them, also those that newer ones replaced.

    `listed` of them, the first, have a line on the page.
    """

    anchor: str
    ranking: Ranking
    row: Row
    runs: tuple[Run, ...]
    listed: int
    paged: int
    """How many of them have a page of their own."""
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
        address = addresses.pair(label, arch)
        parts = _parts(report, pieces, found, runs)
        environments = compared.of([run for part in parts for run in part.runs])
        yield render(
            "pair.html",
            address,
            label=label,
            arch=_named(architectures, arch, found[0][1].title if found else ""),
            task=_named(tasks, addresses.base(label), ""),
            title=found[0][0].title if found else _named(tasks, addresses.base(label), "").title or label,
            reason=report.skipped.get((arch, label)),
            parts=parts,
            pieces=pieces,
            compared=environments,
            lines=_lines(report, address, environments),
        )


def _pairs(skipped: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return ((label, arch) for arch, label in skipped)


def _key(run: Run) -> Key:
    final = run.selection == "final"
    return run.task, run.metric, run.train_limit, final, run.higher_is_better, run.arch, run.recipe_hash


def _named(entries: dict[str, Entry], name: str, title: str) -> Entry:
    return entries.get(name) or Entry(name, title or name, "")


def _lines(report: Report, address: str, environments: Compared) -> Callable[[Part], Markup]:
    def link(run: Run) -> str | None:
        return addresses.relative(addresses.run(run), address) if run.run in report.paged else None

    return lambda part: listed.rows(part.runs[: part.listed], part.row, environments.numbers, link)


def _parts(
    report: Report, pieces: Pieces, found: Sequence[tuple[Ranking, Row]], runs: dict[Key, list[Run]]
) -> list[Part]:
    each = share([len(runs[_key(row.runs[0])]) for _, row in found], MOST_LISTED)
    return [
        _part(report, pieces, number, ranking, row, runs[_key(row.runs[0])], each)
        for number, (ranking, row) in enumerate(found, 1)
    ]


def _part(
    report: Report, pieces: Pieces, number: int, ranking: Ranking, row: Row, runs: Sequence[Run], each: int
) -> Part:
    anchor = f"row-{number}"
    counted = {run.run for run in row.runs}
    every = sorted(runs, key=lambda run: (run.seed, run.run not in counted, run.created, run.run))
    return Part(
        anchor=anchor,
        ranking=ranking,
        row=row,
        runs=tuple(every),
        listed=len(every) if report.every_run else min(each, len(every)),
        paged=sum(run.run in report.paged for run in every),
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
