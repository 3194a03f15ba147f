"""The leaderboard in other forms than pages: tables and figures for a paper, data for a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from reports.exports import data, latex, markdown
from reports.exports.figures import save_figures
from reports.exports.files import File, write
from reports.frames import Frames
from reports.report import Report

_FILES: dict[str, Callable[[Report], Iterator[File]]] = {
    "md": markdown.files,
    "latex": latex.files,
    "csv": data.csv_files,
    "json": data.json_files,
}
_FIGURES: dict[str, tuple[str, ...]] = {"md": ("png",), "latex": ("pdf", "png")}
FORMATS = tuple(_FILES)
"""The forms that there are."""


def export(frames: Frames, out: Path, form: str) -> list[Path]:
    """Write `frames` into the folder `out` in a form of :data:`FORMATS`; returns the files, first the one to open.

    ``md`` is one Markdown file with every ranking and its figures as PNG; ``latex`` a table a file (for booktabs), a
    file that shows all figures, and these as PDF and PNG; ``csv`` a file of rankings, one of runs and one of timings;
    ``json`` one of rankings.
    The numbers are those of the pages. The same frames give the same bytes. An `out` that can't be written is an
    OSError of one sentence.
    """
    report, out = Report(frames), Path(out)
    written = [write(file, out) for file in _FILES[form](report)]
    return written + save_figures(report, out / "figures", _FIGURES.get(form, ()))
