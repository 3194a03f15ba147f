"""The figures of the pages, drawn for a paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from reports.exports.files import put
from reports.figures.drawing import Drawing
from reports.pages import overview, speed, task
from reports.report import Report


def drawings(report: Report) -> Iterator[tuple[str, Drawing]]:
    """All figures of all pages in the order of the pages, each with what it is of."""
    yield from (("All tasks", drawing) for drawing in overview.drawings(report))
    yield from task.drawings(report)
    yield from (("Speed", drawing) for drawing in speed.drawings(report))


def save_figures(report: Report, out: Path, endings: Sequence[str]) -> list[Path]:
    """Write every panel into `out`, a file an ending (``pdf``, ``png``)."""
    if not endings:
        return []
    return [
        put(out / f"{panel.name}.{end}", partial(panel.save, keys=drawing.keys))
        for _, drawing in drawings(report)
        for panel in drawing.panels
        for end in endings
    ]
