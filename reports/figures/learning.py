"""Learning curves of a ranking: the validation metric against steps and against seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from reports import formats
from reports.figures.curves import Axis, Curve, curve
from reports.figures.drawing import Column, Drawing, Line, Panel, key
from reports.figures.scales import apart, from_zero, looks, metric_axis, metric_title, percent, time_unit
from reports.figures.style import Palette, Series
from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import Row
from reports.records import Trace

MOST_CURVES = 12
"""Rows drawn at most, the best of the ranking: more lines could not be told apart."""
_MOST_LINES = 360  # of the table behind a panel: with many rows, each tells fewer of its points there


def learning_curves(ranking: Ranking, traces: Mapping[str, Trace], numbers: Mapping[str, int]) -> Drawing | None:
    """The figure of `ranking`, or None where no run of its ranked rows has a curve.

    `numbers` gives every architecture its number, so that it has the same colour on every page. Names inside
    the drawings are derived from the ranking's anchor, because those of one page must differ.
    """
    known = [row for row in ranking.ranked if any(run.state == "done" and run.run in traces for run in row.runs)]
    steps, seconds = (_curves(known[:MOST_CURVES], traces, axis) for axis in ("step", "seconds"))
    if not steps:
        return None
    look = looks(ranking.ranked, numbers)
    series = [look[one.row.arch, one.row.recipe_hash] for one in steps]
    both = [*steps, *seconds]
    # The same values on both panels, so that the eye can go from one to the other.
    span = min(min(one.lowest) for one in both), max(max(one.highest) for one in both)
    name = f"{ranking.anchor}--curves"
    more = len(known) - MOST_CURVES
    return Drawing(
        name=name,
        heading="Learning curves",
        caption="The validation metric while training: mean over the seeds that are done, shaded from the lowest to "
        "the highest seed. A seed that stopped early keeps its last value.",
        panels=(_panel(ranking, "step", steps, series, span), _panel(ranking, "seconds", seconds, series, span)),
        keys=tuple(
            key(look, f"{name}-{number}", one.row.title, recipe)
            for number, (one, look, recipe) in enumerate(
                zip(steps, series, apart([one.row.named for one in steps]), strict=True), 1
            )
        ),
        columns=(
            *(Column("Architecture"), Column("Recipe"), Column("Against"), Column("At", number=True)),
            *(Column(title, number=True) for title in ("Mean", "Lowest", "Highest", "n")),
        ),
        lines=(*_lines(ranking, steps, 0, "steps"), *_lines(ranking, seconds, 1, "seconds")),
        notes=(f"The {MOST_CURVES} best rows are drawn, and {more:,} more have curves.",) if more > 0 else (),
    )


def _curves(rows: Sequence[Row], traces: Mapping[str, Trace], axis: Axis) -> list[Curve]:
    return [one for row in rows if (one := curve(row, traces, axis))]


def _lines(ranking: Ranking, curves: Sequence[Curve], panel: int, against: str) -> list[Line]:
    size, _ = _x_unit("step" if panel == 0 else "seconds", max((one.x[-1] for one in curves), default=0.0))
    found = []
    for one in curves:
        for x, *values in one.sampled(_MOST_LINES // len(curves)):
            shown = (formats.value(value, ranking.metric) for value in values)
            at = formats.count(round(x)) if panel == 0 else formats.significant(x, 3)
            place = (x / size, percent(ranking.metric) * values[0])
            places = (place, None) if panel == 0 else (None, place)
            found.append(Line((one.row.title, one.row.label, against, at, *shown, str(one.n)), places))
    return found


def _panel(
    ranking: Ranking, axis: Axis, curves: Sequence[Curve], series: Sequence[Series], span: tuple[float, float]
) -> Panel:
    factor = percent(ranking.metric)
    end = max(one.x[-1] for one in curves)
    size, unit = _x_unit(axis, end)
    against = "steps" if axis == "step" else f"training time in {unit}"

    def draw(axes: Axes, palette: Palette) -> None:
        for one, look in zip(curves, series, strict=True):
            _draw(axes, one, look, size, factor, palette)
        metric_axis(axes, factor * span[0], factor * span[1], ranking.metric)
        from_zero(axes, end / size)
        axes.set_title(metric_title("validation", ranking.metric), loc="left")
        axes.set_xlabel(against.capitalize())

    name = f"validation {formats.metric_name(ranking.metric)}"
    label = f"Line chart: {name} against {against}, one line a row of the ranking"
    return Panel(f"{ranking.anchor}--curves-{axis}", label, draw)


def _draw(axes: Axes, one: Curve, series: Series, size: float, factor: float, palette: Palette) -> None:
    x = [place / size for place in one.x]
    look = series.style(palette)
    if one.n > 1:
        low, high = ([factor * value for value in side] for side in (one.lowest, one.highest))
        axes.fill_between(x, low, high, color=look["color"], alpha=0.14, linewidth=0)
    every = max(1, len(x) // 7)
    # Each series begins its markers elsewhere, so that they do not cover each other where lines meet.
    start = series.architecture % every if len(x) > 1 else 0
    axes.plot(x, [factor * value for value in one.mean], markevery=(start, every), **look)


def _x_unit(axis: Axis, end: float) -> tuple[float, str]:
    return (1.0, "steps") if axis == "step" else time_unit(end)
