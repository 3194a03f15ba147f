"""Accuracy against cost: which rows of a ranking no other row beats in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports import formats
from reports.figures.drawing import Column, Drawing, Key, Line, Panel, key
from reports.figures.loglog import spanned
from reports.figures.scales import apart, exact_axis, from_zero, log_costs, looks, metric_title, percent, time_unit
from reports.figures.strips import Scale
from reports.figures.style import PLAIN, Palette, Series
from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import SEVERAL_MACHINES, Row, machines
from reports.statistics import over_decades

_FILLS = ("full", "none", "left", "top")
_FILLED = ("", "hollow", "left half filled", "upper half filled")
_SIZE, _PLACE = (360.0, 250.0), (0.14, 0.19, 0.83, 0.7)  # smaller than other panels: three stand side by side
MOST_ROWS = 60
"""Rows that are drawn of a ranking, its best, beside those that are not beaten."""
_MATCHED = 0.75
"""Least number of parameters over the most, from which on their axis does not begin at 0."""
_EQUAL = 0.95
"""The same, from which on all models count as of one size."""
_Look = Mapping[tuple[str, str], Series]
_Known = Mapping[int, float]
"""The cost of each row that has one, by its place."""


@dataclass(frozen=True)
class Cost:
    """What one panel has on its x axis, where it is known and above 0 for at least two rows."""

    name: str
    read: Callable[[Row], float | None]
    shown: Callable[[float], str]
    unit: Callable[[float], tuple[float, str]]
    """From the largest cost to the unit of the axis, in the units of `read`, and its title."""
    is_time: bool = True


def _step_unit(end: float) -> tuple[float, str]:
    return (1.0, "Time per step in seconds") if end >= 2 else (1e-3, "Time per step in ms")


COSTS = (
    Cost("time", lambda row: row.seconds, formats.duration, lambda end: _time_unit(end)),
    Cost(
        "parameters",
        lambda row: max(row.whole("parameters"), default=None),
        lambda number: formats.count(round(number)),
        lambda _: (1.0, "Parameters"),
        is_time=False,
    ),
    Cost("step", lambda row: row.step_seconds, lambda one: f"{formats.significant(1e3 * one, 3)} ms", _step_unit),
)


def _time_unit(end: float) -> tuple[float, str]:
    size, unit = time_unit(end)
    return size, f"Training time in {unit}"


def front(points: Sequence[tuple[float, float]], higher_is_better: bool) -> list[int]:
    """The places of the points (cost, score) that no other one dominates, by rising cost.

    One dominates another that is nowhere better than it, and worse in cost or in score; of equal points none does.
    """
    sign = 1.0 if higher_is_better else -1.0
    rising = sorted(range(len(points)), key=lambda place: (points[place][0], -sign * points[place][1], place))
    found: list[int] = []
    for place in rising:
        if not found or points[place] == points[found[-1]] or sign * points[place][1] > sign * points[found[-1]][1]:
            found.append(place)
    return found


def pareto(ranking: Ranking, numbers: Mapping[str, int]) -> Drawing | None:
    """The figure of `ranking`, a panel a cost; None where no cost is known for two rows with a result."""
    rows = _drawn(ranking)
    left_out, ranking = len(ranking.ranked) - len(rows), replace(ranking, rows=rows)
    known = {cost.name: found for cost in COSTS if _differ(cost, found := _known(cost, rows))}
    costs = [cost for cost in COSTS if cost.name in known]
    if not costs:
        return None
    look, name = looks(rows, numbers), f"{ranking.anchor}--pareto"
    recipes = apart([row.named for row in rows])
    best = {cost: _front(found, rows, ranking.higher_is_better) for cost, found in known.items()}
    return Drawing(
        name=name,
        heading="Accuracy against cost" if ranking.metric == "accuracy" else "Error against cost",
        caption="Test mean of each row, with its 95 % interval where there is more than one seed, against what it "
        f"costs: {formats.listed(_WORDS[cost.name] for cost in costs)}. The line joins the rows that no other row "
        "beats in both. An interval that leaves the figure has no end mark.",
        panels=tuple(_panel(cost, ranking, look, known[cost.name], best[cost.name]) for cost in costs),
        keys=tuple(
            _key(look[row.arch, row.recipe_hash], f"{name}-{n}", row.title, recipe)
            for n, (row, recipe) in enumerate(zip(rows, recipes, strict=True), 1)
        ),
        columns=(
            *(Column("Architecture"), Column("Recipe"), Column("Test mean", number=True)),
            *(Column("95 % interval", number=True), Column("n", number=True)),
            *(Column(_HEADS[cost.name], number=True) for cost in costs),
            Column("Not beaten in"),
        ),
        lines=tuple(_line(row, place, ranking.metric, costs, known, best) for place, row in enumerate(rows)),
        notes=(*_notes(rows, costs, known), *_left_out(left_out)),
    )


def _differ(cost: Cost, found: _Known) -> bool:
    """Whether there is a cost to compare; models of one size have none in their size."""
    if len(found) < 2:
        return False
    return cost.is_time or min(found.values()) < _EQUAL * max(found.values())


def _drawn(ranking: Ranking) -> tuple[Row, ...]:
    """The rows with a result, or of very many the best and all that are not beaten in some cost."""
    rows = ranking.ranked
    if len(rows) <= MOST_ROWS:
        return rows
    unbeaten = {place for cost in COSTS for place in _front(_known(cost, rows), rows, ranking.higher_is_better)}
    return tuple(row for place, row in enumerate(rows) if place < MOST_ROWS or place in unbeaten)


def _left_out(number: int) -> tuple[str, ...]:
    return (f"{number:,} further rows are beaten in every cost and not among the best: they are not drawn.",) * (
        number > 0
    )


_HEADS = {"time": "Time per run", "parameters": "Parameters", "step": "Time per step"}
_WORDS = {
    "time": "mean training time of a run",
    "parameters": "number of parameters",
    "step": "training time by steps, validation included, as the median over the runs",
}


def _known(cost: Cost, rows: Sequence[Row]) -> _Known:
    """The cost of each row that has one, by its place; one that isn't above 0 is not known."""
    found = {place: cost.read(row) for place, row in enumerate(rows)}
    return {place: float(value) for place, value in found.items() if value is not None and value > 0}


def _front(known: _Known, rows: Sequence[Row], higher_is_better: bool) -> list[int]:
    places = list(known)
    points = [(known[place], rows[place].test.mean) for place in places]  # type: ignore[union-attr]
    return [places[one] for one in front(points, higher_is_better)]


def _notes(rows: Sequence[Row], costs: Sequence[Cost], known: Mapping[str, _Known]) -> tuple[str, ...]:
    found = []
    if len(machines(rows)) > 1 and any(cost.is_time for cost in costs):
        found.append(SEVERAL_MACHINES)
    for cost in costs:
        if missing := len(rows) - len(known[cost.name]):
            what = f"{_HEADS[cost.name].lower()}: not known for {missing:,} {'row' if missing == 1 else 'rows'}"
            found.append(f"{what.capitalize()}.")
    return tuple(found)


def _key(series: Series, name: str, title: str, recipe: str) -> Key:
    filled = _FILLED[series.recipe % len(_FILLED)]
    detail = ", ".join(filter(None, (formats.clipped(recipe, 25), filled)))
    return key(replace(series, recipe=0), name, title, detail)


def _line(
    row: Row,
    place: int,
    metric: str,
    costs: Sequence[Cost],
    known: Mapping[str, _Known],
    best: Mapping[str, list[int]],
) -> Line:
    test = row.test
    assert test is not None
    cells, at = [], []
    for cost in costs:
        found = known[cost.name]
        size, _ = cost.unit(max(found.values()))
        cells.append(cost.shown(found[place]) if place in found else formats.NONE)
        at.append((found[place] / size, percent(metric) * test.mean) if place in found else None)
    interval = "none" if test.half_width is None else f"± {formats.half_width(test.half_width, metric)}"
    unbeaten = formats.listed(_HEADS[cost.name].lower() for cost in costs if place in best[cost.name])
    cells = [row.title, row.label, formats.value(test.mean, metric), interval, str(test.n), *cells, unbeaten or "–"]
    return Line(tuple(cells), tuple(at))


def _panel(cost: Cost, ranking: Ranking, look: _Look, known: _Known, best: Sequence[int]) -> Panel:
    rows, factor = ranking.ranked, percent(ranking.metric)
    size, title = cost.unit(max(known.values()))
    places = {place: value / size for place, value in known.items()}
    scale = Scale.of([row.test for row in rows if row.test], ranking.metric)
    least, most = min(places.values()), max(places.values())

    def draw(axes: Axes, palette: Palette) -> None:
        exact_axis(axes, factor * scale.low, factor * scale.high, log=scale.logarithmic)
        if over_decades(least, most):
            log_costs(axes, *spanned(places.values()))
        else:
            _linear(axes, least, most, whole_scale=cost.is_time)
        _draw_front(axes, [(places[one], factor * rows[one].test.mean) for one in best], palette)  # type: ignore[union-attr]
        drawn = [(x, rows[place], look[rows[place].arch, rows[place].recipe_hash]) for place, x in places.items()]
        _draw_intervals(axes, drawn, scale, factor, palette)
        for x, row, series in drawn:
            _draw(axes, x, row, series, factor, palette)
        axes.set_title(metric_title("test", ranking.metric), loc="left")
        axes.set_xlabel(title)

    label = f"Scatter plot: test {formats.metric_name(ranking.metric)} against {title[0].lower()}{title[1:]}"
    name = f"{ranking.anchor}--pareto-{cost.name}"
    return Panel(name, f"{label}, a point a row of the ranking", draw, size=_SIZE, place=_PLACE)


def _linear(axes: Axes, least: float, most: float, whole_scale: bool) -> None:
    # Sizes that were matched differ by a few percent: on a scale from 0 they would stand on each other.
    if whole_scale or least < _MATCHED * most:
        from_zero(axes, most * 1.04)
        return
    margin = (most - least) / 8 or most / 20
    axes.set_xlim(least - margin, most + margin)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(PLAIN)


def _draw_front(axes: Axes, points: Sequence[tuple[float, float]], palette: Palette) -> None:
    # The best that a budget buys: it stays until the next row that is better, and beyond the last.
    x = [*(point[0] for point in points), axes.get_xlim()[1]]
    y = [*(point[1] for point in points), points[-1][1]]
    axes.plot(x, y, drawstyle="steps-post", color=palette.ink, linewidth=1.0, linestyle=(0, (4, 2)), alpha=0.7)


def _draw_intervals(
    axes: Axes, drawn: Sequence[tuple[float, Row, Series]], scale: Scale, factor: float, palette: Palette
) -> None:
    lines, marks = [], []
    for x, row, series in drawn:
        low, high = (row.test.low, row.test.high) if row.test else (None, None)
        if low is not None and high is not None:
            colour = series.style(palette)["color"]
            lines.append((x, factor * max(low, scale.low), factor * min(high, scale.high), colour))
            marks += [(x, factor * end, colour) for end in (low, high) if scale.low <= end <= scale.high]
    if lines:
        across, low_ends, high_ends, colours = zip(*lines, strict=True)
        axes.vlines(across, low_ends, high_ends, colors=colours, linewidth=1.2)
    if marks:
        across, ends, colours = zip(*marks, strict=True)
        axes.scatter(across, ends, s=49, c=colours, marker="_", linewidths=1.2)


def _draw(axes: Axes, x: float, row: Row, series: Series, factor: float, palette: Palette) -> None:
    assert row.test is not None
    look = series.style(palette)
    fill = _FILLS[series.recipe % len(_FILLS)]
    shape = {"marker": look["marker"], "fillstyle": fill, "markersize": 7, "markerfacecoloralt": "none"}
    axes.plot([x], [factor * row.test.mean], color=look["color"], linestyle="none", **shape)
