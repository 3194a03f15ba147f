"""Tuning curves: how good the best of k trials of a study is to be expected, against k."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from matplotlib.axes import Axes

from reports import formats
from reports.figures.drawing import Column, Drawing, Line, Panel, key
from reports.figures.scales import from_zero, metric_axis, metric_title, percent
from reports.figures.style import Palette, Series
from reports.report import Study
from reports.statistics.best_of_k import CurvePoint, scores_of, thinned, tuning_curve

MOST_STUDIES = 12
"""Studies drawn at most."""
MOST_POINTS = 120
"""Points of a study drawn at most."""
_LINES = 12  # of a study in the table behind the figure


@dataclass(frozen=True)
class _Curve:
    study: Study
    series: Series
    points: tuple[CurvePoint, ...]


def tuning_curves(
    name: str, studies: Sequence[Study], numbers: Mapping[str, int], title: Callable[[str], str]
) -> Drawing | None:
    """The figure `name` of studies that share a task, a metric and its direction; None where no trial has a score.

    `numbers` gives every architecture its number, so that it has the same colour on every page, and `title` its title.
    """
    curves = _curves(studies, numbers)
    if not curves:
        return None
    drawn, metric = curves[:MOST_STUDIES], curves[0].study.metric
    return Drawing(
        name=name,
        heading="Tuning curves",
        caption="The best validation value to be expected of k trials of a study, if they were drawn from its trials "
        "without replacement, shaded where it lies with 95 %. A pruned trial counts with the best that it reached, a "
        "failed one with the worst of all. The best of many trials is no mean over seeds, and is in no ranking.",
        panels=(_panel(name, drawn, metric),),
        keys=tuple(
            key(one.series, f"{name}-{number}", title(one.study.arch), one.study.name)
            for number, one in enumerate(drawn, 1)
        ),
        columns=(
            *(Column("Architecture"), Column("Study"), Column("Trials", number=True)),
            *(Column(head, number=True) for head in ("Expected best", "2.5 % quantile", "97.5 % quantile")),
        ),
        lines=tuple(line for one in drawn for line in _lines(one, title)),
        notes=(f"{MOST_STUDIES} of {len(curves):,} studies are drawn.",) if len(curves) > MOST_STUDIES else (),
    )


def _curves(studies: Sequence[Study], numbers: Mapping[str, int]) -> list[_Curve]:
    found, seen = [], dict.fromkeys((one.arch for one in studies), 0)
    for one in studies:
        ended = ((trial.state, trial.value, trial.best_seen) for trial in one.trials)
        scores = scores_of(ended, one.higher_is_better)
        if scores and all(map(isfinite, scores)):
            series = Series(numbers[one.arch], seen[one.arch])
            found.append(_Curve(one, series, tuple(tuning_curve(scores, one.higher_is_better))))
        seen[one.arch] += 1
    return found


def _sampled(points: Sequence[CurvePoint]) -> tuple[CurvePoint, ...]:
    """The points of a curve that a line is drawn through: of hundreds fewer, close together where it is steep."""
    count = len(points)
    if count <= MOST_POINTS:
        return tuple(points)
    ends = np.concatenate([np.geomspace(1, count, MOST_POINTS // 2), np.linspace(1, count, MOST_POINTS // 2)])
    return tuple(points[k - 1] for k in np.unique(ends.round().astype(int)))


def _lines(one: _Curve, title: Callable[[str], str]) -> list[Line]:
    found, metric = [], one.study.metric
    for point in thinned(one.points, _LINES):
        numbers = (formats.value(value, metric) for value in (point.expected, point.low, point.high))
        place = (float(point.trials), percent(metric) * point.expected)
        found.append(Line((title(one.study.arch), one.study.name, formats.count(point.trials), *numbers), (place,)))
    return found


def _panel(name: str, curves: Sequence[_Curve], metric: str) -> Panel:
    factor = percent(metric)
    points = [point for one in curves for point in one.points]
    # The bands decide on the axis, but for the first two trials, which may be as bad as the worst of all.
    bands = [end for point in points if point.trials > 2 for end in (point.low, point.high)]
    seen = [*(point.expected for point in points), *bands]
    low, high = min(seen), max(seen)

    def draw(axes: Axes, palette: Palette) -> None:
        for one in curves:
            _draw(axes, one, factor, palette)
        metric_axis(axes, factor * low, factor * high, metric)
        from_zero(axes, max(point.trials for point in points), whole=True)
        axes.set_title(metric_title("best validation", metric), loc="left")
        axes.set_xlabel("Trials")

    label = f"Line chart: expected best validation {formats.metric_name(metric)} against trials, one line a study"
    return Panel(f"{name}-curve", label, draw)


def _draw(axes: Axes, one: _Curve, factor: float, palette: Palette) -> None:
    points = _sampled(one.points)
    look, x = one.series.style(palette), [point.trials for point in points]
    low, high = ([factor * getattr(point, side) for point in points] for side in ("low", "high"))
    axes.fill_between(x, low, high, color=look["color"], alpha=0.14, linewidth=0)
    every = max(1, len(x) // 7)
    start = one.series.architecture % every if len(x) > 1 else 0
    axes.plot(x, [factor * point.expected for point in points], markevery=(start, every), **look)
