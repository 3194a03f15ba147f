"""Tables as a paper prints them: one of all tasks, and one a ranking; texts only, with the best marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports import formats
from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import Row
from reports.report import Report

CAPTION = "Test metric: mean over n seeds ± half the width of its 95 % interval (Student); the best mean is in bold."


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
    """Architectures against rankings: of several recipes the one that the validation set chooses, as on the page."""
    rankings = [ranking for ranking in report.rankings if ranking.ranked]
    archs = [entry for entry in report.architectures if any(ranking.chosen(entry.name) for ranking in rankings)]
    rows = []
    for entry in archs:
        chosen = [ranking.chosen(entry.name) for ranking in rankings]
        cells = [_score(row, ranking, _leads(row, ranking)) for row, ranking in zip(chosen, rankings, strict=True)]
        rows.append((Cell(entry.title or entry.name), *cells))
    heads = ("Architecture", *(f"{head(ranking)}{_unit(ranking)}" for ranking in rankings))
    return Sheet("overview", "All tasks", CAPTION, heads, tuple(rows))


def sheet(ranking: Ranking) -> Sheet:
    """One ranking with the columns that a paper needs."""
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
        notes=tuple(f"{row.title}, {row.recipe}: {note}" for row in ranking.rows for note in row.notes),
    )


def head(ranking: Ranking) -> str:
    """A ranking in words: title of the task, and what of it."""
    name = formats.clipped(ranking.title, 80)
    if ranking.train_limit is not None:
        name += f", first {formats.count(ranking.train_limit)} training samples"
    return name + (", weights of the last epoch" if ranking.selection == "final" else "")


def _row(row: Row, ranking: Ranking) -> tuple[Cell, ...]:
    test = row.test
    return (
        Cell("–" if row.rank is None else str(row.rank), number=True),
        Cell(formats.clipped(row.title, 60)),
        Cell(formats.clipped(row.recipe, 40)),
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
    ranks = [
        other.rank for arch in {one.arch for one in ranking.rows} if (other := ranking.chosen(arch)) and other.rank
    ]
    return row is not None and row.rank is not None and row.rank == min(ranks)


def _unit(ranking: Ranking) -> str:
    return f", {unit}" if (unit := formats.metric_unit(ranking.metric)) else ""


def sheets(report: Report) -> Sequence[Sheet]:
    """The table of all tasks, then one a ranking."""
    return [overview(report), *(sheet(ranking) for ranking in report.rankings)]
