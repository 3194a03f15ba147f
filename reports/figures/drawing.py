"""A figure: one or more panels, a legend, and the table of its values, which the page's script reads when hovered."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import formats
from reports.figures import style
from reports.figures.style import PAPER, SCREEN, Palette, Series
from reports.figures.svg import inlined

Draw = Callable[[Axes, Palette], None]
"""Draws a panel into its axes: data, scales, limits, title and labels, in the colours of the palette."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One pair of axes.

    `name` is unique on its page and names the file of an export: small letters, digits and hyphens. `label` is what
    a screen reader says. `size` and the place of the axes inside it (left, bottom, width, height as fractions) are in
    the units of :mod:`reports.figures.style`.
    """

    name: str
    label: str
    draw: Draw
    size: tuple[float, float] = (style.WIDTH, style.HEIGHT)
    place: tuple[float, float, float, float] = (0.11, 0.17, 0.87, 0.73)

    def svg(self) -> str:
        """The panel as an ``<svg>`` element for a page, with ``data-plot``, which says what its axes span."""
        with style.settings(SCREEN, self.name):
            figure, axes = self._drawn(SCREEN)
            text = io.StringIO()
            figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, dpi=72)
            return inlined(text.getvalue(), self.label, SCREEN.shown, {"data-plot": self._span(axes)})

    def save(self, path: Path, keys: Sequence[Key] = ()) -> None:
        """Write the panel for a paper with a legend of `keys`, in the format that the ending of `path` names."""
        made = {"CreationDate": None} if path.suffix == ".pdf" else {"Date": None} if path.suffix == ".svg" else {}
        with style.settings(PAPER, self.name):
            figure, _ = self._drawn(PAPER)
            if drawn := [key for key in keys if key.series]:
                handles, corner = [_handle(key) for key in drawn], (self.place[0], 0.0)
                figure.legend(
                    handles=handles, loc="upper left", bbox_to_anchor=corner, ncols=2, frameon=False, fontsize=9
                )
            figure.savefig(path, metadata=made, dpi=300, facecolor="white", bbox_inches="tight")

    def _drawn(self, palette: Palette) -> tuple[Figure, Axes]:
        figure = Figure(figsize=(self.size[0] / 72, self.size[1] / 72))
        axes = figure.add_axes(self.place)
        self.draw(axes, palette)
        return figure, axes

    def _span(self, axes: Axes) -> str:
        # Where the axes lie in the drawing (from its top left) and which values stand at their ends.
        width, height = self.size
        left, bottom, across, up = self.place
        box = [width * left, width * (left + across), height * (1 - bottom), height * (1 - bottom - up)]
        span = [*axes.get_xlim(), *axes.get_ylim()]
        scales = [axes.get_xscale(), axes.get_yscale()]
        return json.dumps([[round(float(edge), 1) for edge in box], [float(f"{end:.6g}") for end in span], scales])


@dataclass(frozen=True)
class Column:
    """A column of the table behind a figure."""

    title: str
    number: bool = False


@dataclass(frozen=True)
class Line:
    """A row of that table. `at` is where it stands in each panel, in the values of its axes; None where it doesn't."""

    cells: tuple[str, ...]
    at: tuple[tuple[float, float] | None, ...] = ()

    @property
    def places(self) -> str:
        """The attribute ``data-at``: ``"1,2;;3.5,4"`` for three panels of which the second lacks it."""
        return ";".join("" if place is None else f"{place[0]:.5g},{place[1]:.5g}" for place in self.at)


@dataclass(frozen=True)
class Key:
    """An entry of a legend: a sample of the line, and what it stands for."""

    sample: str
    title: str
    detail: str = ""
    series: Series | None = None
    """How it is drawn, where it is a series; for the legend of an export."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure with all that belongs to it. `heading` is short, `caption` says what is drawn, in whole sentences."""

    name: str
    heading: str
    caption: str
    panels: tuple[Panel, ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    keys: tuple[Key, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know before believing the figure, a sentence each."""

    def svgs(self) -> Sequence[str]:
        """The panels for a page, drawn now."""
        return [panel.svg() for panel in self.panels]


def key(series: Series, name: str, title: str, detail: str = "") -> Key:
    """An entry of the legend of the figure `name` (unique on its page, with the number of the entry)."""
    # The sample is the same in every legend, but an identifier may stand on a page only once.
    sample = _sample(series).replace('id="', f'id="{name}-').replace('href="#', f'href="#{name}-')
    return Key(sample, title, detail, series)


def _handle(entry: Key) -> Line2D:
    label = formats.clipped(", ".join(filter(None, (entry.title, entry.detail))), 60)
    look = entry.series.style(PAPER) if entry.series else {}
    return Line2D([], [], label=label, **look)


@lru_cache
def _sample(series: Series) -> str:
    with style.settings(SCREEN, "sample"):
        figure = Figure(figsize=(36 / 72, 12 / 72))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.set(xlim=(0, 36), ylim=(-6, 6))
        look = series.style(SCREEN)
        axes.plot([1, 18, 35], [0, 0, 0], markevery=[1], linewidth=1.8, markersize=5.5, clip_on=False, **look)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, dpi=72)
        return inlined(text.getvalue(), "", SCREEN.shown).replace('role="img" aria-label=""', 'aria-hidden="true"')
