"""Tables as a paper prints them: one of all tasks, and one a ranking; texts only, with the best marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports import formats
from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import Row
from reports.ranking.studies import Searches, searches
from reports.report import Report

CAPTION = "Test metric: mean over n seeds ± half the width of its 95 % interval (Student); the best mean is in bold."
OVERVIEW_CAPTION = (
    "Test metric: mean over seeds ± half the width of its 95 % interval (Student); the best mean of a row is in bold."
    " Of several recipes of an architecture the validation set chose."
)


@dataclass(frozen=True)
class Cell:
    """One cell; `number` puts it to the right, `best` into bold."""

    text: str
    number: bool = False
    best: bool = False


@dataclass(frozen=True)
class Sheet:
    """A table. `name` is a file's name; every row has as many cells as there are `heads`."""

    name: str
    title: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def overview(report: Report) -> Sheet:
    """Rankings against architectures: of several recipes the one that the validation set chooses, as on the page."""
    rankings = [ranking for ranking in report.rankings if ranking.ranked]
    archs = [entry for entry in report.architectures if any(ranking.chosen(entry.name) for ranking in rankings)]
    rows, notes = [], []
    for ranking in rankings:
        chosen = [ranking.chosen(entry.name) for entry in archs]
        cells = [_score(row, ranking, _leads(row, ranking)) for row in chosen]
        seeds = formats.span(row.test.n for row in chosen if row is not None and row.test)
        epochs = formats.span(count for row in chosen if row for count in row.whole("epochs_done"))
        counts = (Cell(seeds, number=True), Cell(epochs, number=True))
        rows.append((Cell(f"{head(ranking)}{_unit(ranking)}"), *cells, *counts))
        found = _searches(report, ranking)
        told = {row.title: _recipe(row, found) for row in chosen if row is not None and row.test}
        same = len(set(told.values())) == 1
        recipes = f"all {next(iter(told.values()))}" if same else ", ".join(map(" ".join, told.items()))
        notes.append(f"{head(ranking)}: {recipes}")
    heads = ("Task", *(entry.title or entry.name for entry in archs), "Seeds", "Epochs")
    return Sheet("overview", "All tasks", OVERVIEW_CAPTION, heads, tuple(rows), tuple(notes))


def sheet(ranking: Ranking, report: Report) -> Sheet:
    """One ranking with the columns that a paper needs."""
    found = _searches(report, ranking)
    percent = _unit(ranking)
    heads = (
        "Rank",
        "Architecture",
        "Recipe",
        f"Test mean{percent}",
        "n",
        f"Best{percent}",
        "Parameters",
        "Epochs",
        "Time",
    )
    direction = "higher" if ranking.higher_is_better else "lower"
    return Sheet(
        name=ranking.anchor,
        title=head(ranking),
        caption=f"{head(ranking)}: {formats.metric_name(ranking.metric)}, {direction} is better. {CAPTION}",
        heads=heads,
        rows=tuple(_row(row, ranking) for row in ranking.rows),
        notes=(*_machines(ranking), *(note for row in ranking.rows for note in _notes(row, found))),
    )


def head(ranking: Ranking) -> str:
    """A ranking in words: title of the task, and what of it."""
    return formats.of_ranking(ranking.title, ranking.train_limit, ranking.selection)


def _searches(report: Report, ranking: Ranking) -> Searches:
    return searches(study for study in report.studies if study.task == ranking.task)


def _recipe(row: Row, found: Searches) -> str:
    """Which recipe stands for an architecture, and what searched it: ``tuned (best of 20 trials)``."""
    told = found.told(row)
    return f"{row.recipe} ({told})" if told else row.recipe


def _notes(row: Row, found: Searches) -> Iterator[str]:
    """What a reader must know of a row, a line each."""
    for told in (found.told(row), *map(str, row.notes)):
        if told:
            yield f"{row.title}, {row.recipe}: {told}"


def _machines(ranking: Ranking) -> Iterator[str]:
    """On what the runs of a ranking were trained, which the times are of."""
    found = dict.fromkeys((run.device, run.threads) for row in ranking.rows for run in row.runs if run.device)
    if found:
        yield f"Times are means a run on {'; '.join(formats.machine(*one) for one in found)}"


def _row(row: Row, ranking: Ranking) -> tuple[Cell, ...]:
    test = row.test
    return (
        Cell("–" if row.rank is None else str(row.rank), number=True),
        Cell(formats.clipped(row.title, 60)),
        Cell(formats.clipped(row.recipe, 200)),
        _score(row, ranking, row.rank == 1),
        Cell(str(test.n if test else 0), number=True),
        Cell(formats.value(test.best if test else None, ranking.metric), number=True),
        Cell(formats.span(row.whole("parameters")), number=True),
        Cell(formats.span(row.whole("epochs_done")), number=True),
        Cell(formats.duration(row.seconds), number=True),
    )


def _score(row: Row | None, ranking: Ranking, best: bool) -> Cell:
    if row is None:
        return Cell("not run", number=True)
    test = row.test
    if test is None:
        return Cell(formats.clipped(row.state, 20) if row.state != "done" else "no test value", number=True)
    mean = formats.value(test.mean, ranking.metric)
    if test.half_width is None:
        return Cell(f"{mean} (n = 1)", number=True, best=best)
    return Cell(f"{mean} ± {formats.half_width(test.half_width, ranking.metric)}", number=True, best=best)


def _leads(row: Row | None, ranking: Ranking) -> bool:
    leading = min((other.rank for other in ranking.shown.values() if other.rank), default=None)
    return row is not None and row.rank is not None and row.rank == leading


def _unit(ranking: Ranking) -> str:
    return f", {unit}" if (unit := formats.metric_unit(ranking.metric)) else ""


def sheets(report: Report) -> Sequence[Sheet]:
    """The table of all tasks, then one a ranking."""
    return [overview(report), *(sheet(ranking, report) for ranking in report.rankings)]
