"""What the page says of one ranking, beside its rows: its notes, its scale, its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from reports.figures import LearningCurves, learning_curves
from reports.frames import Entry, Trace
from reports.leaderboard import Ranking
from reports.rows import Note, Row
from reports.strips import Scale, Strip


@dataclass(frozen=True)
class Section:
    """One ranking on the page. `marks` gives each different note of its rows the letter that points to it."""

    ranking: Ranking
    summary: str
    marks: dict[Note, str]
    scale: Scale | None
    figure: LearningCurves | None

    def strip(self, row: Row) -> Strip | None:
        """The drawing of the seeds of `row`; None where it has no result."""
        return self.scale.strip(row.test) if self.scale and row.test else None


def sections(
    rankings: Sequence[Ranking],
    traces: Mapping[str, Trace],
    tasks: Sequence[Entry],
    architectures: Sequence[Entry],
) -> list[Section]:
    """One section a ranking, in their order; `architectures` decides the colours of the figures."""
    numbers = {entry.name: number for number, entry in enumerate(architectures)}
    summaries = {task.name: task.summary for task in tasks}
    return [
        Section(
            ranking=ranking,
            summary=summaries.get(ranking.task) or summaries.get(ranking.task.partition("[")[0], ""),
            marks=_marks(ranking),
            scale=Scale.of([row.test for row in ranking.rows if row.test], ranking.metric) if ranking.ranked else None,
            figure=learning_curves(ranking, traces, numbers),
        )
        for ranking in rankings
    ]


def _marks(ranking: Ranking) -> dict[Note, str]:
    different = dict.fromkeys(note for row in ranking.rows for note in row.notes)
    return {note: _letter(number) for number, note in enumerate(different)}


def _letter(number: int) -> str:
    rest, letter = divmod(number, len(ascii_lowercase))
    return (_letter(rest - 1) if rest else "") + ascii_lowercase[letter]
