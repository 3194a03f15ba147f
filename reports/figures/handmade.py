"""Line charts written as text, a report having thousands of them: matplotlib only finds their ticks."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from markupsafe import Markup, escape
from matplotlib.ticker import LogLocator, MaxNLocator

from reports.figures.curves import MOST_POINTS
from reports.figures.style import HEIGHT, MARKERS, SERIES, WIDTH, plain_tick
from reports.statistics import over_decades

_LEFT, _RIGHT, _TOP, _BOTTOM = 53, WIDTH - 10, 27, HEIGHT - 46
_ROUND, _WHOLE, _DECADES = MaxNLocator(5), MaxNLocator(5, integer=True), LogLocator(numticks=6)
_DASHES = ("", ";stroke-dasharray:8.5 3.4")
_MARKED = 7  # markers on a line, about
# The markers of matplotlib by their names, around a point: paths in relative coordinates.
_SHAPES = {
    "o": "m-2.3 0a2.3 2.3 0 1 0 4.6 0a2.3 2.3 0 1 0-4.6 0z",
    "s": "m-2.1-2.1h4.2v4.2h-4.2z",
    "^": "m0-2.6l2.5 4.6h-5z",
    "D": "m0-3l3 3l-3 3l-3-3z",
    "v": "m0 2.6l2.5-4.6h-5z",
    "P": "m-.8-2.5h1.6v1.7h1.7v1.6h-1.7v1.7h-1.6v-1.7h-1.7v-1.6h1.7z",
    "X": "m-2.6-1.4l1.2-1.2l1.4 1.4l1.4-1.4l1.2 1.2l-1.4 1.4l1.4 1.4l-1.2 1.2l-1.4-1.4l-1.4 1.4l-1.2-1.2l1.4-1.4z",
    "*": "m0-3l.8 2h2.1l-1.7 1.3l.6 2.1l-1.8-1.2l-1.8 1.2l.6-2.1l-1.7-1.3h2.1z",
}


@dataclass(frozen=True, eq=False)
class Strand:
    """One line of a plot: values over epochs, all finite. `marker` is the number of its marker; None draws none."""

    epochs: np.ndarray
    values: np.ndarray
    marker: int | None = None
    dashed: bool = False


def strand(epochs: np.ndarray, values: np.ndarray, marker: int | None = None, dashed: bool = False) -> Strand:
    """The points that are finite, one an epoch: the last, as of a run that was resumed."""
    known = np.isfinite(epochs) & np.isfinite(values) & (epochs >= 0)
    epochs, values = epochs[known], values[known]
    if len(epochs) > 1 and not (epochs[1:] > epochs[:-1]).all():
        epochs, last = np.unique(epochs[::-1], return_index=True)
        values = values[::-1][last]
    return Strand(epochs, values, marker, dashed)


def union(strands: Sequence[Strand]) -> np.ndarray:
    """All epochs of the strands, ascending."""
    first = strands[0].epochs
    if all(np.array_equal(one.epochs, first) for one in strands[1:]):
        return first
    return np.unique(np.concatenate([one.epochs for one in strands]))


def thinned(strands: Sequence[Strand]) -> tuple[np.ndarray, list[Strand]]:
    """The epochs of the strands, and the strands at no more of them than a drawing needs and at the end of each."""
    epochs = union(strands)
    if len(epochs) <= MOST_POINTS:
        return epochs, list(strands)
    chosen = epochs[np.linspace(0, len(epochs) - 1, MOST_POINTS).round().astype(int)]
    chosen = np.union1d(chosen, [one.epochs[-1] for one in strands if len(one.epochs)])
    kept = [np.isin(one.epochs, chosen) for one in strands]
    pairs = zip(strands, kept, strict=True)
    return chosen, [replace(one, epochs=one.epochs[keep], values=one.values[keep]) for one, keep in pairs]


def plot(strands: Sequence[Strand], colour: int, metric: str, title: str, label: str) -> Markup:
    """The lines as an ``<svg>`` element, with axes, in the colour of architecture number `colour`.

    Accuracies are drawn in percent; all else on a logarithmic scale where it differs more than tenfold. `label` is
    what a screen reader says. At least one of `strands` has a point.
    """
    percent = 100.0 if metric == "accuracy" else 1.0
    drawn = [replace(one, values=percent * one.values) for one in strands if len(one.epochs)]
    low, high = min(float(one.values.min()) for one in drawn), max(float(one.values.max()) for one in drawn)
    up = _upright(low, high, logarithmic=metric != "accuracy" and over_decades(low, high))
    end = max(float(one.epochs[-1]) for one in drawn) * 1.02 or 1.0
    lines = "".join(_line(one, end, up, colour % SERIES) for one in drawn)
    edges = [float(f"{edge:.6g}") for edge in (0.0, end, up.low, up.high)]
    scales = ["linear", "log" if up.logarithmic else "linear"]
    span = escape(json.dumps([[_LEFT, _RIGHT, _BOTTOM, _TOP], edges, scales]))
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}" data-plot="{span}" '
        f'font-size="11" fill="currentColor">{_heights(up)}{_epochs(end)}'
        f'<text x="{_LEFT}" y="{_TOP - 8}">{escape(title)}</text>{lines}</svg>'
    )


@dataclass(frozen=True)
class _Upright:
    """The axis of the values: its ends, and where a value stands."""

    low: float
    high: float
    logarithmic: bool

    def places(self, values: np.ndarray) -> np.ndarray:
        """Vertical places in the drawing."""
        low, high = (math.log(self.low), math.log(self.high)) if self.logarithmic else (self.low, self.high)
        return _BOTTOM - ((np.log(values) if self.logarithmic else values) - low) * ((_BOTTOM - _TOP) / (high - low))

    def ticks(self) -> np.ndarray:
        """Round values between the ends."""
        ticks = np.asarray((_DECADES if self.logarithmic else _ROUND).tick_values(self.low, self.high), float)
        # What differs from zero by rounding alone is zero.
        ticks[np.abs(ticks) < 1e-12 * (self.high - self.low)] = 0.0
        return ticks[(ticks >= self.low) & (ticks <= self.high)]


def _upright(low: float, high: float, logarithmic: bool) -> _Upright:
    if logarithmic:
        margin = (high / low) ** 0.05
        return _Upright(low / margin, high * margin, logarithmic)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return _Upright(low - margin, high + margin, logarithmic)


def sample(marker: int, colour: int) -> Markup:
    """A legend's sample of a line, as wide and high as those of other figures."""
    name = f"var(--series-{colour % SERIES + 1})"
    shape = _SHAPES[MARKERS[marker % len(MARKERS)]]
    return Markup(
        f'<svg viewBox="0 0 36 12" aria-hidden="true"><path d="M1 6H35" style="fill:none;stroke:{name};'
        f'stroke-width:1.8"/><path d="M18 6{shape}" style="fill:{name}"/></svg>'
    )


def dot(colour: int, full: bool) -> Markup:
    """A legend's sample of a single point: a full circle, or the outline of a triangle."""
    name, shape = f"var(--series-{colour % SERIES + 1})", _SHAPES["o" if full else "v"]
    return Markup(
        f'<svg viewBox="0 0 36 12" aria-hidden="true"><path d="M18 6{shape}" style="fill:{name if full else "none"};'
        f'stroke:{name};stroke-width:1.1"/></svg>'
    )


def _line(one: Strand, end: float, up: _Upright, colour: int) -> str:
    across = _LEFT + one.epochs * ((_RIGHT - _LEFT) / end)
    points = [f"{x:.1f} {y:.1f}" for x, y in zip(across.tolist(), up.places(one.values).tolist(), strict=True)]
    name = f"var(--series-{colour + 1})"
    path = f'<path d="M{" ".join(points)}" style="fill:none;stroke:{name};stroke-width:1.7{_DASHES[one.dashed]}"/>'
    if one.marker is None and len(points) > 1:
        return path
    number = one.marker or 0
    every = max(1, len(points) // _MARKED)
    # Each line begins its markers elsewhere, so that they do not cover each other where lines meet.
    shape = _SHAPES[MARKERS[number % len(MARKERS)]]
    marks = "".join(f"M{point}{shape}" for point in points[number % every :: every])
    return f'{path}<path d="{marks}" style="fill:{name}"/>'


def _heights(up: _Upright) -> str:
    ticks = up.ticks()
    heights = [f"{y:.1f}" for y in up.places(ticks).tolist()]
    rules = "".join(f"M{_LEFT} {y}H{_RIGHT}" for y in heights)
    names = "".join(
        f'<text x="{_LEFT - 6}" y="{y}" dy=".35em">{plain_tick(tick, 0)}</text>'
        for y, tick in zip(heights, ticks.tolist(), strict=True)
    )
    return f'<path d="{rules}" style="stroke:var(--rule);stroke-width:.8"/><g text-anchor="end">{names}</g>'


@lru_cache(maxsize=1024)
def _epochs(end: float) -> str:
    # The axis below is the same for many runs.
    ticks = [float(tick) for tick in _WHOLE.tick_values(0.0, end) if 0 <= tick <= end]
    places = [f"{_LEFT + tick * (_RIGHT - _LEFT) / end:.1f}" for tick in ticks]
    strokes = "".join(f"M{x} {_BOTTOM}v3.5" for x in places)
    names = "".join(
        f'<text x="{x}" y="{_BOTTOM + 16}">{plain_tick(tick, 0)}</text>' for x, tick in zip(places, ticks, strict=True)
    )
    return (
        f'<path d="M{_LEFT} {_BOTTOM}H{_RIGHT}{strokes}" style="fill:none;stroke:currentColor;stroke-width:.8"/>'
        f'<g text-anchor="middle">{names}<text x="{(_LEFT + _RIGHT) / 2:g}" y="{_BOTTOM + 36}">Epochs</text></g>'
    )
