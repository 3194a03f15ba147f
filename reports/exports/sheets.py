"""Tables as a paper prints them: one of all tasks, and one a ranking; texts only, with the best marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports import formats
from reports.ledger import NOT_RUN, LedgerEntry, counts
from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import Row
from reports.ranking.studies import Searches, searches
from reports.report import Report

CAPTION = "Test metric: mean over n seeds ± half the width of its 95 % interval (Student); the best mean is in bold."
MARK = "†"
"""Behind a mean that is no better than chance, or hardly; a note below the table says which."""
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
        tested = [row for row in chosen if row is not None and row.test]
        seeds = formats.span(row.test.n for row in tested if row.test)
        epochs = formats.span(count for row in tested for count in row.whole("epochs_done"))
        counts = (Cell(seeds, number=True), Cell(epochs, number=True))
        rows.append((Cell(f"{head(ranking)}{_unit(ranking)}"), *cells, *counts))
        found = _searches(report, ranking)
        told = [(row.title, _recipe(row, ranking, found)) for row in tested]
        same = len({recipe for _, recipe in told}) == 1
        recipes = f"all {told[0][1]}" if same else ", ".join(map(" ".join, told))
        notes.append(f"{head(ranking)}: {recipes}")
        notes += [f"{head(ranking)}: {note}" for row in tested for note in _marked(row, ranking, row.title)]
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
        notes=(
            *_chance_level(ranking),
            *_machines(ranking),
            *(note for row in ranking.rows for note in _notes(row, ranking, found)),
        ),
    )


def head(ranking: Ranking) -> str:
    """A ranking in words: title of the task, and what of it."""
    return formats.of_ranking(ranking.title, ranking.train_limit, ranking.selection)


def _searches(report: Report, ranking: Ranking) -> Searches:
    return searches(study for study in report.studies if study.task == ranking.task)


def _recipe(row: Row, ranking: Ranking, found: Searches) -> str:
    """Which recipe stands for an architecture, and what searched it: ``tuned (best of 20 trials)``."""
    told = found.told(row) or found.passed_over(row, ranking)
    return f"{row.label} ({told})" if told else row.label


def _notes(row: Row, ranking: Ranking, found: Searches) -> Iterator[str]:
    """What a reader must know of a row, a line each."""
    name = f"{row.title}, {row.label}"
    yield from _marked(row, ranking, name)
    for told in (row.code, found.told(row)):
        if told:
            yield f"{name}: {told}"
    yield from (f"{name}: {note}" for note in row.notes if row.chance.verdict != note.text.partition(":")[0].lower())


def _marked(row: Row, ranking: Ranking, name: str) -> Iterator[str]:
    """Why the mean of a row is marked."""
    if row.chance.verdict:
        level = formats.level(row.chance.level, ranking.metric)
        yield f"{MARK} {name}: {row.chance.verdict}{f' (chance level {level})' if level else ''}"


def _chance_level(ranking: Ranking) -> Iterator[str]:
    if level := formats.level(ranking.chance_level, ranking.metric):
        yield f"Chance level, of a constant prediction: {level}"


def _machines(ranking: Ranking) -> Iterator[str]:
    """On what the runs that count were trained, which the times are of."""
    found = dict.fromkeys((run.device, run.threads) for row in ranking.rows for run in row.counted if run.device)
    if found:
        yield f"Times are means a run on {'; '.join(formats.machine(*one) for one in found)}"


def _row(row: Row, ranking: Ranking) -> tuple[Cell, ...]:
    test = row.test
    return (
        Cell("–" if row.rank is None else str(row.rank), number=True),
        Cell(formats.clipped(row.title, 60)),
        Cell(formats.clipped(row.label, 200)),
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
    width = "(n = 1)" if test.half_width is None else f"± {formats.half_width(test.half_width, ranking.metric)}"
    mark = f" {MARK}" if row.chance.verdict else ""
    return Cell(f"{formats.value(test.mean, ranking.metric)} {width}{mark}", number=True, best=best)


def _leads(row: Row | None, ranking: Ranking) -> bool:
    leading = min((other.rank for other in ranking.shown.values() if other.rank), default=None)
    return row is not None and row.rank is not None and row.rank == leading


def _unit(ranking: Ranking) -> str:
    return f", {unit}" if (unit := formats.metric_unit(ranking.metric)) else ""


def published(report: Report) -> Sheet:
    """The published numbers that runs of this project say something of, with the verdict; the others are counted."""
    entries = [entry for entry in report.ledger if entry.verdict != NOT_RUN]
    found = ", ".join(f"{number} {verdict}" for verdict, number in counts(report.ledger).items())
    return Sheet(
        name="published",
        title="Published numbers",
        caption=f"{len(report.ledger)} numbers of papers and their code: {found}. Ours: mean over n seeds.",
        heads=("Task", "Architecture", "Published", "Ours", "n", "Verdict", "Source"),
        rows=tuple(_entry(entry) for entry in entries),
        notes=tuple(dict.fromkeys(f"{_of(entry)}: {entry.reason}" for entry in entries)),
    )


def _entry(entry: LedgerEntry) -> tuple[Cell, ...]:
    number, test = entry.number, entry.ours.test if entry.ours else None
    return (
        Cell(number.task_published),
        Cell(number.arch_published),
        Cell(f"{number.printed} ({number.kind})", number=True),
        Cell(formats.value(test.mean if test else None, number.metric), number=True),
        Cell(str(test.n if test else 0), number=True),
        Cell(entry.verdict),
        Cell(formats.clipped(number.source, 60)),
    )


def _of(entry: LedgerEntry) -> str:
    return f"{entry.number.task_published}, {entry.number.arch_published}, {entry.number.printed}"


def sheets(report: Report) -> Sequence[Sheet]:
    """The table of all tasks, then one a ranking."""
    return [overview(report), *(sheet(ranking, report) for ranking in report.rankings)]
