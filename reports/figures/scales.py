"""What the figures of a ranking share: the units and limits of their axes, and how its rows look on all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from reports import formats
from reports.figures.loglog import round_values
from reports.figures.style import PLAIN, Series
from reports.ranking.rows import Row
from reports.statistics import over_decades

_TIMES = ((3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))
_MARGIN = 0.05


def percent(metric: str) -> float:
    """What a metric is drawn in: 100 for an accuracy, which is a fraction in the data, 1 for an error."""
    return 100.0 if metric == "accuracy" else 1.0


def metric_title(of: str, metric: str) -> str:
    """The title of an axis: ``"Validation accuracy, %"``."""
    unit = ", %" if metric == "accuracy" else ""
    return f"{of} {formats.metric_name(metric)}{unit}".capitalize()


def time_unit(end: float) -> tuple[float, str]:
    """The unit for times up to `end` seconds: its length in seconds and its name."""
    return next(((size, unit) for size, unit in _TIMES if end >= 2 * size), (1.0, "seconds"))


def logarithmic(low: float, high: float, metric: str) -> bool:
    """Whether values of a metric from `low` to `high` are drawn on a logarithmic axis; an accuracy never is."""
    return metric != "accuracy" and over_decades(low, high)


def metric_axis(axes: Axes, low: float, high: float, metric: str) -> None:
    """The y axis for values from `low` to `high`, as they are drawn, with a margin."""
    if log := logarithmic(low, high, metric):
        factor = (high / low) ** _MARGIN
        limits = (low / factor, high * factor)
    else:
        margin = _MARGIN * (high - low) or _MARGIN * abs(high) or 1.0
        limits = (low - margin, high + margin)
    exact_axis(axes, *limits, log=log)


def exact_axis(axes: Axes, low: float, high: float, *, log: bool) -> None:
    """The y axis from `low` to `high`."""
    axes.set_ylim(low, high)
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(PLAIN)
    axes.grid(axis="y")


def from_zero(axes: Axes, end: float, *, whole: bool = False) -> None:
    """A linear x axis from 0 to a little beyond `end`; `whole` has ticks at whole numbers only."""
    axes.set_xlim(0, end * 1.02 or 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=whole))
    axes.xaxis.set_major_formatter(PLAIN)


def log_costs(axes: Axes, low: float, high: float) -> None:
    """A logarithmic x axis from `low` to `high`, with ticks at round values."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(round_values(low, high)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(PLAIN)


def apart(names: Sequence[str]) -> list[str]:
    """Names of recipes (``standard, epochs=3, lr=0.01``) without what all have; "" where nothing is left."""
    parts = [name.split(", ") for name in names]
    common = set.intersection(*map(set, parts)) if parts else set()
    return [", ".join(part for part in one if part not in common) for one in parts]


def looks(rows: Sequence[Row], numbers: Mapping[str, int]) -> dict[tuple[str, str], Series]:
    """How each row is drawn, by architecture and hash of the recipe: the recipes of an architecture in their order."""
    recipes: dict[str, int] = {}
    found = {}
    for row in rows:
        found[row.arch, row.recipe_hash] = Series(numbers[row.arch], recipes.get(row.arch, 0))
        recipes[row.arch] = recipes.get(row.arch, 0) + 1
    return found
