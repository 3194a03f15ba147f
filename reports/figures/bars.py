"""Times of a preset beside those that others published: bars of both, and of their ratios to one architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from matplotlib.axes import Axes

from reports import formats
from reports.cases import PHASES, Case, Machine, Measured, Name, Sizes, baseline
from reports.figures.drawing import Column, Drawing, Line, Panel, key
from reports.figures.speed import Title, detail, isolated, machine_name
from reports.figures.style import Palette, Series
from reports.records import Timing

MOST_SERIES, MOST_LENGTHS = 8, 4
"""What one figure draws at most; a preset has fewer."""
Bar = tuple[Name, float | None]


@dataclass(frozen=True)
class Beside:
    """One case of a preset and the published time of its phase, in seconds, and both as ratios to the baseline."""

    case: Case
    row: Timing
    published: float
    ratio: float | None
    published_ratio: float | None


@dataclass(frozen=True, eq=False)
class Published:
    """A preset on one machine: what was measured in one sitting beside what was published."""

    preset: str
    machine: Machine
    sizes: Sizes
    """With 0 for the length."""
    baseline: str
    phase: str
    cases: tuple[Beside, ...]

    @property
    def sources(self) -> list[str]:
        """What the harness says of the source, each text once."""
        return sorted({one.row.published_source for one in self.cases} - {""})

    @property
    def created(self) -> str:
        """When the sitting was."""
        return max(one.case.first.created for one in self.cases)


def published(measured: Measured) -> list[Published]:
    """The presets with published times; of a preset on a machine the sitting with most of them, then the newest."""
    found: dict[tuple[str, Machine, Sizes, str, str], list[Case]] = {}
    for case in (*measured.newest, *measured.older):
        for row in case.phases.values():
            if row.published_seconds is not None and row.published_seconds > 0:
                sizes = case.sizes._replace(length=0)
                found.setdefault((row.preset, case.machine, sizes, row.phase, row.sitting), []).append(case)
    best: dict[tuple[str, Machine, str], Published] = {}
    newest = sorted(found, key=lambda at: (max(one.first.created for one in found[at]), at), reverse=True)
    for preset, machine, sizes, phase, sitting in sorted(newest, key=lambda at: -len(found[at])):
        cases = found[preset, machine, sizes, phase, sitting]
        best.setdefault((preset, machine, phase), _beside(preset, machine, sizes, phase, cases))
    return [best[at] for at in sorted(best)]


def _beside(preset: str, machine: Machine, sizes: Sizes, phase: str, cases: Sequence[Case]) -> Published:
    name = baseline(cases)
    below = {one.first.length: one.phases[phase] for one in _ordered(cases)[::-1] if one.first.arch == name}
    rows = []
    for case in _ordered(cases):
        row, base = case.phases[phase], below.get(case.first.length)
        said = row.published_seconds or 0.0
        here = (row.seconds or 0.0) / base.seconds if base and base.seconds else None
        there = said / base.published_seconds if base and base.published_seconds else None
        rows.append(Beside(case, row, said, here, there))
    return Published(preset, machine, sizes, name, phase, tuple(rows))


def _ordered(cases: Sequence[Case]) -> list[Case]:
    return sorted(cases, key=lambda one: (one.name, one.first.length, one.first.backend != "best"))


def bars(found: Published, title: Title, looks: Mapping[Name, Series]) -> Drawing:
    """The figure: both times on scales of their own, and their ratios on one."""
    lengths = sorted({one.case.first.length for one in found.cases})[:MOST_LENGTHS]
    names = sorted({one.case.name for one in found.cases})[:MOST_SERIES]
    cases = [one for one in found.cases if one.case.first.length in lengths and one.case.name in names]
    digest = sha256(repr((found.preset, found.machine, found.phase)).encode()).hexdigest()[:8]
    name, base = f"speed-published-{digest}", title(found.baseline)
    panels = [
        ("here", "Measured here, ms", [(lambda one: 1e3 * (one.row.seconds or 0.0), 1.0)]),
        ("there", "Published, ms", [(lambda one: 1e3 * one.published, 0.4)]),
        ("ratio", "Ratio to the baseline", [(lambda one: one.ratio, 1.0), (lambda one: one.published_ratio, 0.4)]),
    ]
    return Drawing(
        name=name,
        heading=f"{isolated(formats.clipped(found.preset, 60))}: measured beside published",
        caption=f"Time of {PHASES[found.phase]}, here and as it was published, each on a scale of its own, and both "
        f"as a ratio to {isolated(formats.clipped(base, 40))} of the same length: strong what was measured here, pale "
        f"what was published. Here: {machine_name(found.machine)}, N = {found.sizes.batch:,}, H_in = "
        f"{found.sizes.input_size:,}, H = {found.sizes.hidden_size:,}, layers = {found.sizes.num_layers:,}.",
        panels=tuple(
            Panel(
                f"{name}-{part}",
                f"Bar chart: {heading[0].lower()}{heading[1:]}, a bar an architecture and length",
                _draw(heading, cases, lengths, names, looks, values),
            )
            for part, heading, values in panels
        ),
        columns=(
            *(Column("Architecture"), Column("Backend"), Column("L", number=True)),
            *(Column(said, number=True) for said in ("Here, ms", "Published, ms", "Ratio here", "Ratio published")),
        ),
        lines=tuple(_line(one, title, _place(one.case, lengths, names)) for one in cases),
        keys=tuple(key(looks[one], f"{name}-{n}", title(one.arch), detail(one)) for n, one in enumerate(names, 1)),
        notes=(
            "The published times are of other hardware than these: between the two only the ratios can be compared.",
        ),
    )


def _line(one: Beside, title: Title, x: float) -> Line:
    here, said = 1e3 * (one.row.seconds or 0.0), 1e3 * one.published
    numbers = (here, said, one.ratio, one.published_ratio)
    shown = (formats.NONE if number is None else formats.significant(number, 3) for number in numbers)
    name = one.case.name
    cells = (title(name.arch), detail(name), formats.count(one.case.first.length), *shown)
    return Line(cells, ((x, here), (x, said), None if one.ratio is None else (x, one.ratio)))


def _place(case: Case, lengths: Sequence[int], names: Sequence[Name]) -> float:
    """Where the bar of a case stands: a group a length, in it a bar a series."""
    inside = (names.index(case.name) - (len(names) - 1) / 2) * 0.8 / len(names)
    return lengths.index(case.first.length) + inside


def _draw(
    heading: str,
    cases: Sequence[Beside],
    lengths: Sequence[int],
    names: Sequence[Name],
    looks: Mapping[Name, Series],
    values: Sequence[tuple[Callable[[Beside], float | None], float]],
) -> Callable[[Axes, Palette], None]:
    width = 0.8 / len(names) / len(values)

    def draw(axes: Axes, palette: Palette) -> None:
        for one in cases:
            colour, x = looks[one.case.name].style(palette)["color"], _place(one.case, lengths, names)
            for number, (read, alpha) in enumerate(values):
                if (height := read(one)) is None:
                    continue
                at = x + (number - (len(values) - 1) / 2) * width
                axes.bar(at, height, 0.88 * width, color=colour, alpha=alpha)
                place: dict[str, Any] = {
                    "ha": "center",
                    "va": "bottom",
                    "fontsize": 8 if len(cases) * len(values) <= 16 else 6,
                }
                axes.annotate(_label(height, len(values)), (at, height), (0, 2), textcoords="offset points", **place)
        axes.set_xlim(-0.5, len(lengths) - 0.5)
        axes.set_ylim(0, axes.get_ylim()[1] * 1.06)
        axes.set_xticks(range(len(lengths)), [f"{length:,} steps" for length in lengths])
        axes.yaxis.set_ticks([])
        axes.set_title(heading, loc="left")

    return draw


def _label(height: float, bars: int) -> str:
    # Two bars of one case leave room for two digits.
    return formats.count(round(height)) if height >= 1000 else formats.significant(height, 3 if bars == 1 else 2)
