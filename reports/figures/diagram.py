"""The critical difference diagram of the standing: aeon draws it, in the colours and letters of the other figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from reports.figures.drawing import Column, Drawing, Line, Panel
from reports.figures.style import SERIES, Palette
from reports.formats import clipped, listed
from reports.ranking.standing import Standing

_WIDTH, _LABELS = 7.0, 1.9  # inches: of the diagram, and on each side of it for the names
_SPACE, _ABOVE_AND_BELOW = 0.24, 1.8  # of a name, and of everything else: aeon's own measures
_LONGEST_NAME = 20
_FEW = 12  # with more architectures only every fifth rank is written at the scale


def critical_difference(standing: Standing, titles: Mapping[str, str], numbers: Mapping[str, int]) -> Drawing | None:
    """The figure of `standing`, or None where :attr:`Standing.without_diagram` says why there is none.

    `titles` names every architecture, `numbers` gives each its number, so that it has the same colour on every page.
    """
    found, table = standing.difference, standing.table
    if found is None or found.alpha is None:
        return None
    name = "standing--difference"
    names = tuple(clipped(titles[arch], _LONGEST_NAME) or "–" for arch in found.archs)
    joined = [[number for number, bar in enumerate(found.bars, 1) if arch in bar] for arch in found.archs]
    panel = _Diagram(
        name=name,
        label=f"Critical difference diagram of {len(names)} architectures over {len(table.tasks)} rankings",
        draw=_nothing,
        size=(72 * _WIDTH, 72 * (_ABOVE_AND_BELOW + (len(names) + 1) / 2 * _SPACE)),
        place=(0, 0, 1, 1),
        goodness=table.goodness[:, [table.archs.index(arch) for arch in found.archs]],
        alpha=found.alpha,
        names=names,
        ranks=found.mean_ranks,
        colours=tuple(numbers[arch] % SERIES for arch in found.archs),
    )
    bars = "a bar joins those that the tests do not tell apart at 5 %." if found.bars else "the tests tell all apart."
    return Drawing(
        name=name,
        heading="Critical difference",
        caption=f"Mean ranks, the best on the right; {bars}",
        panels=(panel,),
        columns=(Column("Architecture"), Column("Mean rank", number=True), Column("Joined by bar")),
        lines=tuple(
            Line((titles[arch], f"{rank:.2f}", listed(bar) or "none"))
            for arch, rank, bar in zip(found.archs, found.mean_ranks, joined, strict=True)
        ),
    )


def _nothing(_: Axes, __: Palette) -> None:
    """What other panels draw into the axes that they are given; aeon makes its own."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Diagram(Panel):
    """A panel that aeon draws. Architectures go from the best mean rank; `goodness` is (tasks, architectures)."""

    goodness: np.ndarray
    alpha: float
    names: tuple[str, ...]
    ranks: tuple[float, ...]
    colours: tuple[int, ...]

    def _drawn(self, palette: Palette) -> tuple[Figure, Axes]:
        from aeon.visualisation import plot_critical_difference
        from matplotlib import pyplot

        # aeon asks pyplot for its figure. Where nobody has chosen how pyplot shows figures it must not look for a
        # display, and the figure is taken out of its hands again.
        if mpl.get_backend(auto_select=False) is None:
            mpl.use("agg")
        # The level makes aeon's tests give the bars of ours: see reports.statistics.difference.
        figure, axes = plot_critical_difference(
            self.goodness, list(self.names), correction=None, alpha=self.alpha, width=_WIDTH, textspace=_LABELS
        )
        pyplot.close(figure)
        figure.set_facecolor("none")
        axes.set_xlim(0, 1)  # aeon cuts off a tenth on both sides, which names need
        axes.lines[0].remove()  # a white diagonal, which a dark page would show
        self._dress_lines(axes.lines, palette)
        self._dress_texts(axes.texts, palette)
        return figure, axes

    def _dress_lines(self, lines: Sequence[Line2D], palette: Palette) -> None:
        # First the scale, then an elbow of three points for each architecture, then the bars.
        elbows = [place for place, line in enumerate(lines) if np.size(line.get_xdata()) == 3]
        for place, line in enumerate(lines):
            line.set(color=palette.ink, linewidth=4.0 if place > elbows[-1] else 1.0)
        for place, colour in zip(elbows, self.colours, strict=True):
            lines[place].set(color=palette.series[colour], linewidth=1.5)

    def _dress_texts(self, texts: Sequence[Text], palette: Palette) -> None:
        # First the scale, 1 to the number of architectures, then mean rank and name of each.
        count = len(self.names)
        for text in texts:
            text.set(color=palette.ink, fontsize=11)
        for number, text in enumerate(texts[:count], 1):
            text.set_visible(count <= _FEW or number % 5 == 0 or number == 1)
        # Equal ranks come in an order that depends on the machine: names are written again, in ours.
        for place, (rank, name) in enumerate(zip(self.ranks, self.names, strict=True)):
            texts[count + 2 * place].set(text=f"{rank:.2f}", fontsize=9)
            texts[count + 2 * place + 1].set_text(name)
