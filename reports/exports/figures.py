"""The figures of the pages, drawn for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from reports.exports.files import put
from reports.pages import overview, speed, task
from reports.report import Report


def save_figures(report: Report, out: Path, endings: Sequence[str]) -> list[Path]:
    """Write every panel into `out`, a file an ending (``pdf``, ``png``)."""
    if not endings:
        return []
    drawings = chain(overview.drawings(report), task.drawings(report), speed.drawings(report))
    return [
        put(out / f"{panel.name}.{end}", partial(panel.save, keys=drawing.keys))
        for drawing in drawings
        for panel in drawing.panels
        for end in endings
    ]
