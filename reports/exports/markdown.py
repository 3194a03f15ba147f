"""One Markdown file with every ranking."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reports.exports.files import File
from reports.exports.sheets import Cell, Sheet, overview, published, sheet
from reports.pages.task import figures_of
from reports.report import Report


def files(report: Report) -> Iterator[File]:
    """``leaderboard.md``; its pictures lie in ``figures/``."""
    parts = ["# Leaderboard of recurrent networks", _part(overview(report))]
    for ranking in report.rankings:
        pictures = [panel for drawing in figures_of(ranking, report) for panel in drawing.panels]
        parts.append(_part(sheet(ranking, report)))
        parts += [f"![{escaped(panel.label)}](figures/{panel.name}.png)" for panel in pictures]
    if (ledger := published(report)).rows:
        parts.append(_part(ledger))
    yield File("leaderboard.md", "\n\n".join(parts) + "\n")


def _part(content: Sheet) -> str:
    notes = "\n".join(f"- {escaped(note)}" for note in content.notes)
    pieces = [f"## {escaped(content.title)}", escaped(content.caption), table(content), notes]
    return "\n\n".join(piece for piece in pieces if piece)


def table(content: Sheet) -> str:
    """One table, or a sentence where it has no rows."""
    if not content.rows:
        return "There are no runs yet."
    line = [("---:" if cell.number else ":---") for cell in content.rows[0]]
    rows = [[escaped(head) for head in content.heads], line, *([_cell(cell) for cell in row] for row in content.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def escaped(text: str) -> str:
    """`text` on one line that Markdown shows as it is, without tags, links or cells of its own."""
    return re.sub(r"([\\`*_{}\[\]()#|<>!~&])", r"\\\1", " ".join(text.split()))


def _cell(cell: Cell) -> str:
    return f"**{escaped(cell.text)}**" if cell.best else escaped(cell.text)
