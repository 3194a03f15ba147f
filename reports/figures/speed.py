"""How times and memory grow with one size, the others fixed: log-log panels and the exponents of their lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from matplotlib.axes import Axes

from reports import formats
from reports.cases import PHASES, Case, Machine, Measured, Name, Sizes
from reports.figures.drawing import Column, Drawing, Line, Panel, key
from reports.figures.loglog import dress, spanned
from reports.figures.style import Palette, Series
from reports.statistics.scaling import Scaling, scaling

AXES = {
    "length": ("sequence length", "Steps of a sequence, L"),
    "batch": ("batch", "Sequences at a time, N"),
    "hidden_size": ("width", "Units of a layer, H"),
}
"""The sizes that something may be drawn against: what they are called, and the label of an axis."""
_DRAWN = ("forward", "backward", "forward_backward", "step")
QUANTITIES = {**{phase: f"{PHASES[phase]}, ms".capitalize() for phase in _DRAWN}, "memory": "Memory, MB"}
"""What grows: the title of its panel."""
MOST_SERIES, MOST_SIZES = 12, 16
"""What one figure draws at most; no more can be told apart."""
_TITLES = {"length": "L", "batch": "N", "input_size": "H_in", "hidden_size": "H", "num_layers": "layers"}
_SPACE = "\N{NO-BREAK SPACE}"

Title = Callable[[str], str]
"""An architecture's name -> its title."""


@dataclass(frozen=True, eq=False)
class Group:
    """Newest cases of one machine in which one size, `axis`, varies and the others, in `fixed`, are equal."""

    axis: str
    machine: Machine
    preset: str
    fixed: Sizes
    """The sizes, with 0 at `axis`."""
    series: Mapping[Name, Mapping[int, Case]]

    @property
    def points(self) -> int:
        """Number of cases."""
        return sum(len(cases) for cases in self.series.values())

    @property
    def name(self) -> str:
        """A name that stays while the store grows."""
        said = repr((self.machine, self.preset, self.fixed))
        return f"speed-{self.axis.partition('_')[0]}-{sha256(said.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, eq=False)
class Growth:
    """A figure and the exponents of its series: one of each quantity, or why there is none; None without values."""

    group: Group
    drawing: Drawing
    exponents: Mapping[Name, tuple[Scaling | str | None, ...]]

    @property
    def fitted(self) -> bool:
        """Whether there is any exponent."""
        return any(isinstance(fit, Scaling) for fits in self.exponents.values() for fit in fits)


def groups(measured: Measured) -> list[Group]:
    """All groups in which some series has two sizes, the one with most points first."""
    found: dict[tuple[str, Machine, str, Sizes], dict[Name, dict[int, Case]]] = {}
    for case in measured.newest:
        for axis in AXES:
            size = getattr(case.sizes, axis)
            if size > 0:
                at = (axis, case.machine, case.first.preset, case.sizes._replace(**{axis: 0}))
                found.setdefault(at, {}).setdefault(case.name, {})[size] = case
    grown = [Group(*at, series) for at, series in found.items() if max(map(len, series.values())) > 1]
    return sorted(grown, key=lambda one: (-one.points, list(AXES).index(one.axis), repr(one.machine), one.name))


def growth(group: Group, title: Title, looks: Mapping[Name, Series]) -> Growth:
    """The figure of `group`. `looks` says how each series is drawn; it is the same in all figures of the page."""
    sizes = _spread(sorted({size for cases in group.series.values() for size in cases}))
    names = sorted(sorted(group.series), key=lambda name: -len(group.series[name]))[:MOST_SERIES]
    fits = {name: tuple(_fit(group.series[name], quantity) for quantity in QUANTITIES) for name in sorted(names)}
    drawn = {name: {size: case for size, case in group.series[name].items() if size in sizes} for name in fits}
    panels = [_panel(group, quantity, drawn, sizes, looks) for quantity in _quantities(drawn)]
    what, _ = AXES[group.axis]
    drawing = Drawing(
        name=group.name,
        heading=f"Against {what}: {_fixed(group)}",
        caption=f"Time and memory against {what}, both axes logarithmic, on {machine_name(group.machine)}. The same "
        f"for all: {_fixed(group)}. A point is the median of the repetitions, its whisker goes from the lower to the "
        "upper quartile. Of a case that was measured again the newest timing is drawn.",
        panels=tuple(panels),
        columns=(
            *(Column("Architecture"), Column("Backend"), Column(_TITLES[group.axis], number=True)),
            *(Column(quantity, number=True) for quantity in QUANTITIES.values()),
        ),
        lines=tuple(
            _line(title(name.arch), detail(name), size, cases[size], _quantities(drawn))
            for name, cases in drawn.items()
            for size in sorted(cases)
        ),
        keys=tuple(
            key(
                looks[name],
                f"{group.name}-{number}",
                title(name.arch),
                _legend(group.axis, name, fits[name], len(group.series[name])),
            )
            for number, name in enumerate(drawn, 1)
        ),
        notes=tuple(_left_out(group, names, sizes)),
    )
    return Growth(group, drawing, fits)


def detail(name: Name) -> str:
    """The backends of a series, and its hyper-parameters where they are no defaults."""
    return ", ".join(part for part in (name.backends or "backend not recorded", name.changes) if part)


def machine_name(machine: Machine) -> str:
    """A machine as captions name it."""
    threads = f"{machine.threads:,} thread{'' if machine.threads == 1 else 's'}" if machine.threads else ""
    device = formats.clipped(machine.device, 60) or "a device that is not recorded"
    return isolated(", ".join(part for part in (device, threads, formats.clipped(machine.dtype, 20)) if part))


def isolated(text: str) -> str:
    """`text` for the middle of a sentence: right-to-left letters in it leave the words around it in their order."""
    return text if text.isascii() else f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"


def value(case: Case, quantity: str) -> float | None:
    """What is drawn, in milliseconds or megabytes (10^6 bytes)."""
    if quantity == "memory":
        return None if case.memory is None else case.memory / 1e6
    seconds = case.seconds(quantity)
    return None if seconds is None else 1e3 * seconds


def _quantities(drawn: Mapping[Name, Mapping[int, Case]]) -> list[str]:
    known = [q for q in QUANTITIES if any(value(case, q) for cases in drawn.values() for case in cases.values())]
    # A step contains forward and backward, and nearly always is their time: the two panels would look alike.
    return [q for q in known if q != "forward_backward" or "step" not in known]


def _fit(cases: Mapping[int, Case], quantity: str) -> Scaling | str | None:
    known = {size: found for size, case in cases.items() if (found := value(case, quantity))}
    return scaling(list(known), list(known.values())) if known else None


def _fixed(group: Group) -> str:
    sizes = [
        f"{_TITLES[name]}{_SPACE}={_SPACE}{size:,}"
        for name, size in group.fixed._asdict().items()
        if name != group.axis
    ]
    return ", ".join(sizes) + (f"; preset {isolated(formats.clipped(group.preset, 40))}" if group.preset else "")


def _left_out(group: Group, names: Sequence[Name], sizes: Sequence[int]) -> list[str]:
    said = []
    if (lost := len(group.series) - len(names)) > 0:
        said.append(f"{lost:,} further series, with the fewest sizes, are not drawn.")
    every = {size for cases in group.series.values() for size in cases}
    if (lost := len(every) - len(sizes)) > 0:
        said.append(f"{lost:,} of {len(every):,} sizes are not drawn; exponents are fitted to all that qualify.")
    return said


def _spread(sizes: list[int]) -> list[int]:
    # The first, the last, and others evenly between them.
    if len(sizes) <= MOST_SIZES:
        return sizes
    return [sizes[round(place * (len(sizes) - 1) / (MOST_SIZES - 1))] for place in range(MOST_SIZES)]


def _legend(axis: str, name: Name, fits: Sequence[Scaling | str | None], sizes: int) -> str:
    step = dict(zip(QUANTITIES, fits, strict=True))["step"]
    grows = ""
    if isinstance(step, Scaling):
        grows = f", step ∝ {_TITLES[axis]}^{step.exponent:.2f}"
        if step.n < sizes:
            grows += f" ({_TITLES[axis]} ≥ {formats.count(round(step.least))})"
    return formats.clipped(detail(name), 40 - len(grows)) + grows


def _line(title: str, series: str, size: int, case: Case, panels: Sequence[str]) -> Line:
    values = {quantity: value(case, quantity) for quantity in QUANTITIES}
    shown = (formats.NONE if number is None else formats.significant(number, 3) for number in values.values())
    places = tuple((float(size), number) if (number := values[quantity]) else None for quantity in panels)
    return Line((title, series, formats.count(size), *shown), places)


def _panel(
    group: Group,
    quantity: str,
    drawn: Mapping[Name, Mapping[int, Case]],
    sizes: Sequence[int],
    looks: Mapping[Name, Series],
) -> Panel:
    curves = {
        name: [(size, number, cases[size]) for size in sorted(cases) if (number := value(cases[size], quantity))]
        for name, cases in drawn.items()
    }
    what, label = AXES[group.axis]

    def draw(axes: Axes, palette: Palette) -> None:
        heights = []
        for name, points in curves.items():
            look = looks[name].style(palette)
            whiskers = [(size, *ends) for size, _, case in points if (ends := _quartiles(case, quantity))]
            if whiskers:
                axes.vlines(*zip(*whiskers, strict=True), color=look["color"], linewidth=1.2)
            axes.plot([size for size, _, _ in points], [number for _, number, _ in points], **look)
            heights += [number for _, number, _ in points] + [end for _, *ends in whiskers for end in ends]
        dress(axes, spanned(sizes), spanned(heights), sizes)
        axes.set_title(QUANTITIES[quantity], loc="left")
        axes.set_xlabel(label)

    says = f"Line chart: {QUANTITIES[quantity].lower()} against {what}, one line an architecture and backend"
    return Panel(f"{group.name}-{quantity.replace('_', '-')}", says, draw)


def _quartiles(case: Case, quantity: str) -> tuple[float, float] | None:
    row = case.phases.get(quantity)
    if row is None or row.lower_quartile is None or row.upper_quartile is None or row.lower_quartile <= 0:
        return None
    return 1e3 * row.lower_quartile, 1e3 * max(row.lower_quartile, row.upper_quartile)
