"""How much the hyper-parameters of an architecture matter: the trials of a study against what was drawn in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from reports import formats
from reports.figures.drawing import Column, Drawing, Key, Line, Panel
from reports.figures.handmade import dot
from reports.figures.sampled import Sampled, Value, keys, sampled, values
from reports.figures.style import PLAIN, Palette, Series
from reports.records import Trial
from reports.report import Study
from reports.statistics import over_decades

MOST_PANELS, MOST_TRIALS = 6, 500
"""Hyper-parameters and trials that the figure of one study has at most."""
FEW = 4  # numbers that were tried: an axis names just them
SIZE, PLACE = (340.0, 225.0), (0.13, 0.23, 0.85, 0.64)


def sensitivity(
    study: Study, numbers: Mapping[str, int], name: str, panels: int = MOST_PANELS, trials: int = MOST_TRIALS
) -> Drawing | None:
    """The score of every trial of `study` against each of its most important hyper-parameters, a panel each.

    None where fewer than two trials have a score or nothing is known of what was drawn in them. `numbers` gives every
    architecture its number, `name` is unique on the page. No more than about so many `panels` and `trials` are drawn.
    """
    chosen = _chosen(study, trials)
    drawn = [values(trial) for trial in chosen]
    scores = [_score(trial, study.metric) for trial in chosen]
    known = [score for score in scores if score is not None]
    varied = [one for key in keys(study.importance, drawn) if (one := sampled(key, drawn, scores))]
    found = varied[:panels]
    if not found or len(known) < 2:
        return None
    colour = numbers.get(study.arch, 0)
    complete = [trial.state == "complete" for trial in chosen]
    span, title = (min(known), max(known)), _title(study.metric)
    return Drawing(
        name=name,
        heading="Trials",
        caption=_caption(study) + _left_out(study, chosen, found, varied),
        panels=tuple(
            _panel(one, f"{name}-{number}", list(zip(one.across, scores, complete, strict=True)), span, title, colour)
            for number, one in enumerate(found, 1)
        ),
        keys=(Key(dot(colour, full=True), "complete"), Key(dot(colour, full=False), "ended early")),
        columns=(
            Column("Trial", True),
            Column("State"),
            Column(title.capitalize(), True),
            *(Column(formats.clipped(one.key, 30)) for one in found),
        ),
        lines=tuple(
            _line(trial, drawn[place], score, [(one.key, one.across[place]) for one in found])
            for place, (trial, score) in enumerate(zip(chosen, scores, strict=True))
        ),
    )


def _score(trial: Trial, metric: str) -> float | None:
    value = trial.value if trial.state == "complete" else trial.best_seen if trial.state == "pruned" else None
    return None if value is None else value * (100.0 if metric == "accuracy" else 1.0)


def _title(metric: str) -> str:
    return f"validation {formats.clipped(formats.metric_name(metric), 40)}{', %' if metric == 'accuracy' else ''}"


def _chosen(study: Study, most: int) -> list[Trial]:
    """Of many trials the best half of those that are drawn, and the others at equal distances in their order."""
    if len(study.trials) <= most:
        return list(study.trials)
    sign = -1 if study.higher_is_better else 1
    scores = [_score(trial, study.metric) for trial in study.trials]
    rising = sorted((sign * score, place) for place, score in enumerate(scores) if score is not None)
    best = {place for _, place in rising[: most // 2]}
    rest = [place for place in range(len(study.trials)) if place not in best]
    step = -(-len(rest) // (most - len(best)))
    return [study.trials[place] for place in sorted(best | set(rest[::step]))]


def _left_out(study: Study, chosen: Sequence[Trial], found: Sequence[Sampled], varied: Sequence[Sampled]) -> str:
    text = ""
    if len(chosen) < len(study.trials):
        text += (
            f" Told here are {len(chosen):,} of {len(study.trials):,} trials: the best, and of the others some at "
            "equal distances in their order."
        )
    if len(found) < len(varied):
        text += f" Of {len(varied):,} hyper-parameters the first {len(found):,} are drawn, by their importance."
    return text


def _caption(study: Study) -> str:
    states = Counter(trial.state for trial in study.trials)
    ended = states["pruned"]
    early = (
        f" The {ended:,} that {'was' if ended == 1 else 'were'} ended early {'stands' if ended == 1 else 'stand'} at "
    )
    early += "the best that it reached." if ended == 1 else "the best that they reached."
    missing = sum(_score(trial, study.metric) is None for trial in study.trials)
    rest = f" {missing:,} without a value {'is' if missing == 1 else 'are'} not drawn." * bool(missing)
    better = "higher" if study.higher_is_better else "lower"
    return f"Each trial stands at the value that was chosen for it; {better} is better.{early * bool(ended)}{rest}"


def _line(
    trial: Trial, drawn: Mapping[str, Value], score: float | None, found: Sequence[tuple[str, float | None]]
) -> Line:
    percent = 100.0 if trial.metric == "accuracy" else 1.0
    said = formats.value(None if score is None else score / percent, trial.metric)
    told = (drawn.get(key, formats.NONE) for key, _ in found)
    cells = (value if isinstance(value, str) else _number(value) for value in told)
    at = tuple(None if score is None or x is None else (x, score) for _, x in found)
    return Line((str(trial.trial), trial.state, said, *cells), at)


def _number(value: float) -> str:
    return formats.count(int(value)) if value.is_integer() and abs(value) < 1e9 else formats.significant(value, 3)


def _panel(
    one: Sampled,
    name: str,
    points: Sequence[tuple[float | None, float | None, bool]],
    span: tuple[float, float],
    title: str,
    colour: int,
) -> Panel:
    def draw(axes: Axes, palette: Palette) -> None:
        ink = Series(colour).style(palette)["color"]
        for full, marker, inside in ((False, "v", "none"), (True, "o", ink)):
            places = [(x, y) for x, y, complete in points if x is not None and y is not None and complete == full]
            across, up = [x for x, _ in places], [y for _, y in places]
            look: dict[str, Any] = {
                "marker": marker,
                "facecolors": inside,
                "edgecolors": ink,
                "linewidths": 1.1,
                "clip_on": False,
            }
            axes.scatter(across, up, s=17, **look)
        _across(axes, one, [x for x, y, _ in points if x is not None and y is not None])
        _up(axes, *span, logarithmic=not title.endswith(", %") and over_decades(*span))
        axes.set_title(title.capitalize(), loc="left")
        axes.set_xlabel(formats.clipped(one.key, 40))

    return Panel(name, f"Scatter plot: {title} against {one.key}", draw, SIZE, PLACE)


def _across(axes: Axes, one: Sampled, places: Sequence[float]) -> None:
    low, high = min(places), max(places)
    if one.places:
        axes.set_xlim(-0.5, len(one.places) - 0.5)
        length = max(4, 40 // len(one.places))
        axes.set_xticks(range(len(one.places)), [formats.clipped(place, length) for place in one.places])
        return
    if one.logarithmic:
        margin = (high / low) ** 0.06
        axes.set_xlim(low / margin, high * margin)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high > 100 * low else (1.0, 2.0, 5.0), numticks=6))
    else:
        margin = 0.06 * (high - low)
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(4))
    if len(set(places)) <= FEW:
        axes.xaxis.set_major_locator(FixedLocator(sorted(set(places))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(PLAIN)


def _up(axes: Axes, low: float, high: float, logarithmic: bool) -> None:
    if logarithmic:
        axes.set_ylim(low / (high / low) ** 0.06, high * (high / low) ** 0.06)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=5))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        margin = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
        axes.set_ylim(low - margin, high + margin)
        axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(PLAIN)
    axes.grid(axis="y")
