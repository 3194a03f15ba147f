"""How every figure looks: sizes, lines, and two palettes, one of a page's own colours and one for paper."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.ticker import FuncFormatter

from reports import formats

SERIES = 8  # colours of the style sheet: --series-1 ... --series-8
MARKERS = "os^DvPX*"
DASHES: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
WIDTH, HEIGHT = 480, 270  # units of a drawing; a page shows one as 0.75 to 1.35 pixels


@dataclass(frozen=True)
class Palette:
    """Colours to draw with. On a page each of them is exchanged for what the style sheet says (`shown`)."""

    ink: str
    rule: str
    series: tuple[str, ...]
    shown: Mapping[str, str]
    family: tuple[str, ...] = ()
    """Fonts to draw with; none where text stays text and the page gives it its font."""


_DRAWN = tuple(f"#03{number:02x}00" for number in range(1, SERIES + 1))
SCREEN = Palette(
    ink="#010101",
    rule="#020202",
    series=_DRAWN,
    shown={"#010101": "currentColor", "#020202": "var(--rule)"}
    | {drawn: f"var(--series-{number})" for number, drawn in enumerate(_DRAWN, 1)},
)
"""Colours that stand for those of the style sheet: one drawing serves both colour schemes."""
PAPER = Palette(
    ink="#000000",
    rule="#cccccc",
    series=("#2562be", "#ae4203", "#5b9d8f", "#6a2f5d", "#b18a4c", "#502f9e", "#497e8f", "#6d5756"),
    shown={},
    family=("DejaVu Serif",),  # comes with matplotlib: the same letters on every machine
)
"""The light scheme of the style sheet."""


@dataclass(frozen=True)
class Series:
    """How a curve is drawn, by the number of its architecture and of its recipe; both from 0."""

    architecture: int
    recipe: int = 0

    def style(self, palette: Palette) -> dict[str, Any]:
        """Keyword arguments of matplotlib's ``plot``; with more than eight architectures the markers move on."""
        colour, turn = self.architecture % SERIES, self.architecture // SERIES
        return {
            "color": palette.series[colour],
            "marker": MARKERS[(colour + turn) % len(MARKERS)],
            "linestyle": DASHES[self.recipe % len(DASHES)],
        }


@contextmanager
def settings(palette: Palette, salt: str) -> Iterator[None]:
    """matplotlib's parameters while a figure is drawn. `salt` makes the identifiers inside the drawing its own."""
    with mpl.rc_context(), warnings.catch_warnings():
        # Of letters that its font lacks, as of Chinese: a page has its own fonts, and a name stays a name.
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        mpl.rcdefaults()  # a person's own matplotlibrc must have no influence
        mpl.rcParams.update(_parameters(palette))
        mpl.rcParams["svg.hashsalt"] = salt
        yield


def _parameters(palette: Palette) -> dict[Any, Any]:
    family = {"font.family": list(palette.family)} if palette.family else {}
    return family | {
        "svg.fonttype": "none",  # text stays text: the page gives it its font
        "pdf.fonttype": 42,  # and can be selected in a paper
        "font.size": 11,
        "axes.titlesize": 11,
        "axes.titlepad": 8,
        "axes.titlecolor": palette.ink,
        "axes.labelcolor": palette.ink,
        "axes.labelpad": 6,
        "axes.edgecolor": palette.ink,
        "axes.facecolor": "none",
        "axes.spines.left": False,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.facecolor": "none",
        "grid.color": palette.rule,
        "grid.linewidth": 0.8,
        "lines.linewidth": 1.7,
        "lines.markersize": 4.5,
        "text.color": palette.ink,
        "text.parse_math": False,
        "xtick.color": palette.ink,
        "ytick.color": palette.ink,
        "ytick.major.size": 0,
    }


def plain_tick(value: float, _: float) -> str:
    """A number at an axis, with its thousands apart and without zeros that say nothing."""
    if value == 0 or abs(value) >= 1e-3:
        return f"{value:,.10g}".replace("-", "−")
    return formats.significant(value, 1)


PLAIN = FuncFormatter(plain_tick)
