"""Learning curves as inline SVG: deterministic, in the page's font and colours, told apart by more than colour."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from reports import formats
from reports.curves import Axis, Curve, curve
from reports.frames import Trace
from reports.leaderboard import Ranking
from reports.statistics import over_decades
from reports.svg import inlined

SERIES = 8  # colours of the style sheet: --series-1 ... --series-8
_MARKERS = "os^DvPX*"
_DASHES: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
_INK, _RULE = "#010101", "#020202"
_SERIES = [f"#03{number:02x}00" for number in range(1, SERIES + 1)]
_COLOURS = {_INK: "currentColor", _RULE: "var(--rule)"} | {
    drawn: f"var(--series-{number})" for number, drawn in enumerate(_SERIES, 1)
}
_WIDTH, _HEIGHT = 480, 270  # units of the drawing; a page shows one as 0.75 to 1.35 pixels
_TIMES = ((3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: the page gives it its font
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titlepad": 8,
    "axes.titlecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.labelpad": 6,
    "axes.edgecolor": _INK,
    "axes.facecolor": "none",
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "grid.color": _RULE,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.7,
    "lines.markersize": 4.5,
    "text.parse_math": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "ytick.major.size": 0,
}


@dataclass(frozen=True)
class Series:
    """How a curve is drawn, by the number of its architecture and of its recipe; both from 0."""

    architecture: int
    recipe: int

    @property
    def style(self) -> dict[str, Any]:
        """Keyword arguments of matplotlib's ``plot``; with more than eight architectures the markers move on."""
        colour, turn = self.architecture % SERIES, self.architecture // SERIES
        return {
            "color": _SERIES[colour],
            "marker": _MARKERS[(colour + turn) % len(_MARKERS)],
            "linestyle": _DASHES[self.recipe % len(_DASHES)],
        }


@dataclass(frozen=True)
class LearningCurves:
    """The figure of one ranking: a panel against steps and one against seconds, and the series for its legend."""

    panels: tuple[str, ...]
    curves: tuple[Curve, ...]
    keys: tuple[str, ...]


def learning_curves(ranking: Ranking, traces: Mapping[str, Trace], numbers: Mapping[str, int]) -> LearningCurves | None:
    """The figure of `ranking`, or None where no run of its ranked rows has a curve.

    `numbers` gives every architecture its number, so that it has the same colour on the whole page. Identifiers inside
    the drawings are derived from the ranking's anchor, because those of one page must differ.
    """
    curves = _curves(ranking, traces, "step")
    if not curves:
        return None
    series = _series(curves, numbers)
    timed = _curves(ranking, traces, "seconds")
    span = _span([*curves, *timed])
    panels = (_panel(ranking, "step", curves, series, span), _panel(ranking, "seconds", timed, series, span))
    keys = tuple(_key(one, f"{ranking.anchor}--{number}") for number, one in enumerate(series, 1))
    return LearningCurves(panels, tuple(curves), keys)


def _span(curves: Sequence[Curve]) -> tuple[float, float]:
    # The same values on both panels, so that the eye can go from one to the other.
    return min(min(one.lowest) for one in curves), max(max(one.highest) for one in curves)


def _curves(ranking: Ranking, traces: Mapping[str, Trace], axis: Axis) -> list[Curve]:
    return [one for row in ranking.ranked if (one := curve(row, traces, axis))]


def _key(series: Series, name: str) -> str:
    # The sample is the same in every legend, but an identifier may stand on a page only once.
    return _sample(series).replace('id="', f'id="{name}-').replace('href="#', f'href="#{name}-')


@lru_cache
def _sample(series: Series) -> str:
    with _settings("sample"):
        figure = Figure(figsize=(36 / 72, 12 / 72))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.set(xlim=(0, 36), ylim=(-6, 6))
        axes.plot([1, 18, 35], [0, 0, 0], markevery=[1], linewidth=1.8, markersize=5.5, clip_on=False, **series.style)
        return _drawn(figure, "").replace('role="img" aria-label=""', 'aria-hidden="true"')


def _series(curves: Sequence[Curve], numbers: Mapping[str, int]) -> list[Series]:
    recipes: dict[str, int] = {}
    found = []
    for one in curves:
        found.append(Series(numbers[one.row.arch], recipes.get(one.row.arch, 0)))
        recipes[one.row.arch] = recipes.get(one.row.arch, 0) + 1
    return found


def _panel(
    ranking: Ranking, axis: Axis, curves: Sequence[Curve], series: Sequence[Series], span: tuple[float, float]
) -> str:
    percent = 100.0 if ranking.metric == "accuracy" else 1.0
    size, unit = _x_unit(axis, max(one.x[-1] for one in curves))
    against = "steps" if axis == "step" else f"training time in {unit}"
    name = f"validation {formats.metric_name(ranking.metric)}"
    with _settings(f"{ranking.anchor} {axis}"):
        figure = Figure(figsize=(_WIDTH / 72, _HEIGHT / 72))
        axes = figure.add_axes((0.11, 0.17, 0.87, 0.73))
        for one, drawn in zip(curves, series, strict=True):
            _draw(axes, one, drawn, size, percent)
        low, high = percent * span[0], percent * span[1]
        _dress(axes, low, high, logarithmic=ranking.metric != "accuracy" and over_decades(low, high))
        unit_sign = ", %" if ranking.metric == "accuracy" else ""
        axes.set_xlim(0, max(one.x[-1] for one in curves) / size * 1.02 or 1.0)
        axes.set_title(f"{name}{unit_sign}".capitalize(), loc="left")
        axes.set_xlabel(against.capitalize())
        return _drawn(figure, f"Line chart: {name} against {against}, one line a row of the ranking")


def _draw(axes: Axes, one: Curve, series: Series, size: float, percent: float) -> None:
    x = [place / size for place in one.x]
    if one.n > 1:
        low, high = ([percent * value for value in side] for side in (one.lowest, one.highest))
        axes.fill_between(x, low, high, color=series.style["color"], alpha=0.14, linewidth=0)
    every = max(1, len(x) // 7)
    # Each series begins its markers elsewhere, so that they do not cover each other where lines meet.
    start = series.architecture % every if len(x) > 1 else 0
    axes.plot(x, [percent * value for value in one.mean], markevery=(start, every), **series.style)


def _dress(axes: Axes, low: float, high: float, logarithmic: bool) -> None:
    if logarithmic:
        axes.set_ylim(low / (high / low) ** 0.05, high * (high / low) ** 0.05)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        axes.set_ylim(low - margin, high + margin)
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.yaxis.set_major_formatter(FuncFormatter(_tick))
    axes.grid(axis="y")


def _tick(value: float, _: float) -> str:
    if value == 0 or abs(value) >= 1e-3:
        return f"{value:,.10g}".replace("-", "−")
    return formats.significant(value, 1)


def _x_unit(axis: Axis, end: float) -> tuple[float, str]:
    if axis == "step":
        return 1.0, "steps"
    return next(((size, unit) for size, unit in _TIMES if end >= 2 * size), (1.0, "seconds"))


@contextmanager
def _settings(salt: str) -> Iterator[None]:
    with mpl.rc_context():
        mpl.rcdefaults()  # a person's own matplotlibrc must have no influence on the page
        mpl.rcParams.update(_STYLE)
        mpl.rcParams["svg.hashsalt"] = salt
        yield


def _drawn(figure: Figure, label: str) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, dpi=72)
    return inlined(text.getvalue(), label, _COLOURS)
