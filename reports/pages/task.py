"""A page a task: its rankings, one a variant and protocol, with their figures; its studies; what was published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from string import ascii_lowercase

from reports import addresses, formats
from reports.figures.drawing import Drawing
from reports.figures.learning import learning_curves
from reports.figures.pareto import pareto
from reports.figures.strips import Scale, Strip
from reports.figures.style import plain_tick
from reports.figures.tuning import tuning_curves
from reports.ledger import LedgerEntry
from reports.pages.templating import Pages, render
from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import SEVERAL_MACHINES, Note, Row, machines
from reports.ranking.studies import Searches, Tally, searches, tally
from reports.ranking.target import Targets, targets
from reports.records import Entry
from reports.report import Report, Study


@dataclass(frozen=True)
class Section:
    """One ranking on the page.

    `marks` gives each different note of its rows the letter that points to it. `shipped` has architecture and hash of
    the published recipes of this variant of the task.
    """

    ranking: Ranking
    marks: dict[Note, str]
    scale: Scale | None
    figures: tuple[Drawing, ...]
    targets: Targets | None
    shipped: frozenset[tuple[str, str]]
    searches: Searches

    def strip(self, row: Row) -> Strip | None:
        """The drawing of the seeds of `row`; None where it has no result."""
        return self.scale.strip(row.test) if self.scale and row.test else None

    def target(self, value: float) -> str:
        """A target as its column is headed: ``"90 %"``, ``"0.002"``."""
        return f"{plain_tick(100 * value, 0)} %" if self.ranking.metric == "accuracy" else plain_tick(value, 0)

    def letters(self, row: Row) -> list[str]:
        """The letters of the notes of `row`, as they stand below the ranking."""
        return sorted((self.marks[note] for note in row.notes), key=lambda letter: (len(letter), letter))

    @cached_property
    def machine(self) -> str:
        """What all runs of the ranking were trained on, to be told once; "" where they differ or don't say."""
        found = {(run.device, run.threads) for row in self.ranking.rows for run in row.runs}
        return formats.machine(*found.pop()) if len(found) == 1 else ""

    @property
    def several_machines(self) -> str:
        """A warning where times of the ranking are of different machines, and can't be compared as they stand."""
        return SEVERAL_MACHINES if len(machines(self.ranking.rows)) > 1 else ""


@dataclass(frozen=True)
class Tuning:
    """The studies of one variant of the task that share a metric."""

    task: str
    metric: str
    higher_is_better: bool
    studies: tuple[Tally, ...]
    figure: Drawing | None

    @property
    def manner(self) -> str:
        """How they searched where all did so alike; "" where they did not, or some do not say."""
        return self.studies[0].manner if len({one.manner for one in self.studies}) == 1 else ""


def pages(report: Report) -> Pages:
    """One page a task that is registered or was run."""
    published: dict[str, list[LedgerEntry]] = {}
    for entry in report.ledger:
        published.setdefault(addresses.base(entry.number.task), []).append(entry)
    pairs = {(run.task, run.arch) for run in report.runs}
    for task in report.tasks:
        yield render(
            "task.html",
            addresses.task(task.name),
            task=task,
            metric=_metric(task, report),
            chance=_chance(task, report),
            sections=[_section(ranking, report) for ranking in report.rankings_of(task.name)],
            tunings=_tunings(task.name, report),
            published=published.get(task.name, []) if task.name else [],
            pairs=pairs,
            report=report,
        )


def figures_of(ranking: Ranking, report: Report) -> list[Drawing]:
    """The figures of one ranking."""
    figures = (learning_curves(ranking, report.traces, report.numbers), pareto(ranking, report.numbers))
    return [figure for figure in figures if figure]


def drawings(report: Report) -> Iterator[tuple[str, Drawing]]:
    """All figures of all these pages, to be exported, each with the title of the ranking or the task that it is of."""
    for ranking in report.rankings:
        for figure in figures_of(ranking, report):
            yield formats.of_ranking(ranking.title, ranking.train_limit, ranking.selection), figure
    for task in report.tasks:
        for tuning in _tunings(task.name, report):
            if tuning.figure:
                yield task.title or task.name, tuning.figure


def _metric(task: Entry, report: Report) -> str:
    metrics = {ranking.metric for ranking in report.rankings_of(task.name)} | ({task.metric} - {""})
    return metrics.pop() if len(metrics) == 1 else ""


def _chance(task: Entry, report: Report) -> float | None:
    """The chance level that all rankings of the task share, or what the task states where there is none yet."""
    found = {ranking.chance_level for ranking in report.rankings_of(task.name)}
    if _metric(task, report) not in ("", task.metric) or len(found) > 1:
        return None
    return found.pop() if found else task.chance


def _section(ranking: Ranking, report: Report) -> Section:
    return Section(
        ranking=ranking,
        marks=_marks(ranking),
        scale=Scale.of([row.test for row in ranking.rows if row.test], ranking.metric) if ranking.ranked else None,
        figures=tuple(figures_of(ranking, report)),
        targets=targets(ranking, report.traces),
        shipped=frozenset((one.arch, one.recipe_hash) for one in report.published_recipes if one.task == ranking.task),
        searches=searches(study for study in report.studies if study.task == ranking.task),
    )


def _tunings(task: str, report: Report) -> list[Tuning]:
    groups: dict[tuple[str, str, bool], list[Study]] = {}
    for study in report.studies:
        if addresses.base(study.task) == task:
            groups.setdefault((study.task, study.metric, study.higher_is_better), []).append(study)
    return [_tuning(number, of, groups[of], report) for number, of in enumerate(sorted(groups), 1)]


def _tuning(number: int, of: tuple[str, str, bool], studies: Sequence[Study], report: Report) -> Tuning:
    numbers = report.colour_of(study.arch for study in studies)
    figure = tuning_curves(f"tuning-{addresses.slug(of[0])}-{number}", studies, numbers, report.title_of)
    return Tuning(*of, studies=tuple(tally(study) for study in studies), figure=figure)


def _marks(ranking: Ranking) -> dict[Note, str]:
    different = dict.fromkeys(note for row in ranking.rows for note in row.notes)
    return {note: _letter(number) for number, note in enumerate(different)}


def _letter(number: int) -> str:
    rest, letter = divmod(number, len(ascii_lowercase))
    return (_letter(rest - 1) if rest else "") + ascii_lowercase[letter]
