"""Measured times beside the least that the machine could have needed: a roofline, in times instead of rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from reports import formats
from reports.cases import PHASES, Case, Measured, Name
from reports.figures.drawing import Column, Drawing, Line, Panel, key
from reports.figures.loglog import dress, spanned
from reports.figures.speed import Title, detail, machine_name
from reports.figures.style import Palette, Series
from reports.records import Timing

MOST = 150
"""Cases drawn at most."""
_PANELS = ("forward", "forward_backward")
_SHARES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.001)
_Point = tuple[float, float]


def floors(measured: Measured, title: Title, looks: Mapping[Name, Series]) -> Drawing | None:
    """The cases of the largest sitting that has floors, those of one machine; None where no floor is known."""
    sitting = max(measured.sittings.values(), key=lambda cases: len(_with_floor(cases)), default=[])
    known = _with_floor(sitting)
    if not known:
        return None
    machines = [case.machine for case in known]
    machine = max(sorted(set(machines)), key=machines.count)
    cases = sorted((one for one in known if one.machine == machine), key=lambda one: (one.name, one.sizes))
    largest = sorted(cases, key=lambda one: -max(point[0] for point in _points(one).values()))[:MOST]
    cases = [one for one in cases if one in largest]
    names = sorted({one.name for one in cases})
    phases = [phase for phase in _PANELS if any(phase in _points(one) for one in cases)]
    return Drawing(
        name="speed-floors",
        heading="Beside the floor",
        caption=f"Every case of the largest sitting on {machine_name(machine)}: the measured time above its floor, "
        "both axes logarithmic. The floor is the least time in which the machine could do the work, measured in turns "
        "with the cases: the higher of copying as many bytes and of computing as many operations at the rate of a "
        "large matrix product. A point on the line of 100 % leaves nothing to gain. Backward is from a loss at the "
        "last step where that was measured, else from a dense gradient.",
        panels=tuple(_panel(phase, cases, looks) for phase in phases),
        columns=(
            *(Column("Architecture"), Column("Backend"), Column("L × N × H_in × H, layers")),
            *(Column(f"{PHASES[phase]}{what}".capitalize(), what != ", set by") for phase in phases for what in _SAID),
        ),
        lines=tuple(_line(one, title, phases) for one in cases),
        keys=tuple(
            key(looks[name], f"speed-floors-{number}", title(name.arch), detail(name))
            for number, name in enumerate(names, 1)
        ),
        notes=(f"{len(known) - len(cases):,} further cases are in the table alone.",)
        if len(known) > len(cases)
        else (),
    )


_SAID = (", ms", ", floor in ms", ", reached in %", ", set by")


def size_name(case: Case) -> str:
    """``1,000 × 32 × 1 × 128, 1 layer``."""
    *sizes, layers = case.sizes
    return f"{' × '.join(map(formats.count, sizes))}, {layers} layer{'' if layers == 1 else 's'}"


def _with_floor(cases: Sequence[Case]) -> list[Case]:
    return [case for case in cases if _points(case)]


def _points(case: Case) -> dict[str, _Point]:
    rows = {phase: case.phases.get(phase) if phase == "forward" else case.training_passes for phase in _PANELS}
    return {phase: (1e3 * row.floor, 1e3 * (row.seconds or 0)) for phase, row in rows.items() if row and row.floor}


def _line(case: Case, title: Title, phases: Sequence[str]) -> Line:
    points, cells = _points(case), []
    for phase in phases:
        if phase not in points:
            cells += [formats.NONE] * len(_SAID)
            continue
        floor, measured = points[phase]
        shown = (measured, floor, 100 * floor / measured)
        row = case.phases[phase] if phase == "forward" else case.training_passes
        cells += [*(formats.significant(number, 3) for number in shown), limit(row)]
    return Line((title(case.first.arch), detail(case.name), size_name(case), *cells), tuple(map(points.get, phases)))


def limit(row: Timing | None) -> str:
    """Which of the two floors is the higher: ``"copy"``, ``"product"``, or none where one isn't known."""
    if row is None or row.copy_floor is None or row.product_floor is None:
        return formats.NONE
    return "copy" if row.copy_floor >= row.product_floor else "product"


def _panel(phase: str, cases: Sequence[Case], looks: Mapping[Name, Series]) -> Panel:
    points = [(case.name, *_points(case)[phase]) for case in cases if phase in _points(case)]

    def draw(axes: Axes, palette: Palette) -> None:
        lows, heights = [low for _, low, _ in points], [height for *_, height in points]
        x, y = spanned(lows), spanned([*lows, *heights])
        dress(axes, x, y)
        axes.grid(visible=False)
        for share in _SHARES:
            _diagonal(axes, share, x, y, palette)
        for name in sorted({name for name, *_ in points}):
            look = looks[name].style(palette) | {"linestyle": "none", "alpha": 0.85}
            mine = [(low, height) for other, low, height in points if other == name]
            axes.plot(*zip(*mine, strict=True), **look)
        axes.set_title(f"{PHASES[phase].capitalize()}, ms", loc="left")
        axes.set_xlabel("Floor, ms")

    label = f"Scatter plot: measured time of {PHASES[phase]} against its floor, a point a case"
    return Panel(f"speed-floors-{phase.replace('_', '-')}", label, draw, place=(0.11, 0.17, 0.8, 0.73))


def _diagonal(axes: Axes, share: float, x: _Point, y: _Point, palette: Palette) -> None:
    # From the left edge (or the bottom) to the right edge (or the top) of the axes.
    left, right = max(x[0], y[0] * share), min(x[1], y[1] * share)
    if left >= right:
        return
    axes.plot([left, right], [left / share, right / share], color=palette.rule, linewidth=1.6 if share == 1 else 0.8)
    at_top = right < x[1]
    axes.annotate(
        f"{100 * share:g} %",
        (right, right / share),
        xytext=(0, -3) if at_top else (4, 0),
        textcoords="offset points",
        ha="right" if at_top else "left",
        va="top" if at_top else "center",
        fontsize=9,
        annotation_clip=False,
    )
