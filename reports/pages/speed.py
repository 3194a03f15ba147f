"""The page of times: how they grow with each size, how near they come to the machine's, and all of them in a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from reports import addresses
from reports.cases import PHASES, Case, Machine, Measured, Name
from reports.figures.bars import Published, bars, published
from reports.figures.drawing import Drawing
from reports.figures.floors import floors, limit
from reports.figures.speed import QUANTITIES, Growth, detail, groups, growth, machine_name
from reports.figures.style import Series
from reports.pages.templating import Pages, render
from reports.report import Report
from reports.statistics.scaling import LEAST_SIZES, LEAST_SPAN, OVERHEAD, STRAIGHT, WIDEST

MOST_FIGURES, MOST_PUBLISHED = 6, 3
"""Figures on the page at most: a panel takes time to draw, and a page with more of them is not read."""
MOST_ROWS, MOST_SKIPPED = 350, 100
"""Rows of the tables at most, so that the page stays small."""
SHOWN = ("forward", "backward", "backward_last_step", "forward_backward", "step", "streaming")
"""Phases with a column in the table of all cases."""
OPTIONAL = ("backward_last_step", "streaming")
"""Those of them that have one only where any was measured."""


@dataclass(frozen=True, eq=False)
class Row:
    """A row of the table of all cases. `beside` is the baseline of its ratio."""

    case: Case
    anchor: str
    times: int
    """How often the case was measured, or 0 where this timing is an older one."""
    ratio: float | None
    beside: Case | None

    def seconds(self, phase: str) -> float | None:
        """The median of a phase."""
        return self.case.seconds(phase)

    @property
    def limit(self) -> str:
        """Which floor of forward and backward is the higher."""
        return limit(self.case.training_passes) if self.case.training_passes else ""


@dataclass(frozen=True, eq=False)
class Section:
    """The figures of one machine."""

    machine: Machine
    anchor: str
    grown: Sequence[Growth]
    further: int
    """Groups that are in the table alone."""


class Figures:
    """All figures of the page, from one look at the timings."""

    def __init__(self, report: Report, measured: Measured) -> None:
        self.report = report
        self.measured = measured
        self.looks = _looks(report, measured)

    def sections(self) -> list[Section]:
        """The machines with something to draw, those with most points first: of each size the best group, then more."""
        found = groups(self.measured)
        best = {(one.machine, one.axis): one for one in reversed(found)}
        chosen = [*(one for one in found if one in best.values()), *(one for one in found if one not in best.values())]
        chosen = sorted(chosen[:MOST_FIGURES], key=found.index)
        machines = dict.fromkeys(one.machine for one in found)
        return [
            Section(
                machine,
                f"machine-{sha256(repr(machine).encode()).hexdigest()[:8]}",
                [growth(one, self.report.title_of, self.looks) for one in chosen if one.machine == machine],
                sum(one.machine == machine and one not in chosen for one in found),
            )
            for machine in machines
        ]

    def floors(self) -> Drawing | None:
        """The cases of the largest sitting beside their floors."""
        return floors(self.measured, self.report.title_of, self.looks)

    def published(self) -> list[tuple[Published, Drawing]]:
        """The presets beside what others published."""
        found = published(self.measured)[:MOST_PUBLISHED]
        return [(one, bars(one, self.report.title_of, self.looks)) for one in found]


def pages(report: Report) -> Pages:
    """The one page, also where nothing was timed: it says how to."""
    measured = Measured(report.timings)
    figures = Figures(report, measured)
    rows = list(_rows(measured))
    optional = [phase for phase in OPTIONAL if any(row.seconds(phase) for row in rows)]
    shown = {phase: PHASES[phase] for phase in SHOWN if phase not in OPTIONAL or phase in optional}
    yield render(
        "speed.html",
        addresses.SPEED,
        report=report,
        measured=measured,
        sections=figures.sections(),
        floors=figures.floors(),
        published=figures.published(),
        rows=sorted(rows[:MOST_ROWS], key=_place),
        left_out=max(0, len(rows) - MOST_ROWS),
        skipped=measured.skipped[:MOST_SKIPPED],
        skipped_left_out=max(0, len(measured.skipped) - MOST_SKIPPED),
        machines=len({case.machine for case in measured.newest}),
        detail=detail,
        machine_name=machine_name,
        phases=shown,
        quantities=QUANTITIES,
        rule=f"{LEAST_SIZES} sizes or more, the largest at least {LEAST_SPAN:g} times the smallest, at which the "
        f"constant part is at most {OVERHEAD:.0%} of the value",
        straight=f"{STRAIGHT:.0%}",
        widest=f"{WIDEST:g}",
    )


def drawings(report: Report) -> list[Drawing]:
    """All figures of the page, to be exported."""
    figures = Figures(report, Measured(report.timings))
    grown = [one.drawing for section in figures.sections() for one in section.grown]
    beside = figures.floors()
    return [*grown, *([beside] if beside else []), *(drawing for _, drawing in figures.published())]


def _rows(measured: Measured) -> Iterator[Row]:
    # In the order in which they are kept where there are too many: what counts, then what is older.
    for cases, counts in ((measured.newest, True), (measured.older, False)):
        for case in cases:
            beside = measured.baseline(case)
            times = measured.times[case.key] if counts else 0
            yield Row(case, measured.anchor(case), times, measured.ratio(case), beside)


def _place(row: Row) -> tuple[object, ...]:
    return (row.case.machine, row.case.sizes, row.case.name, row.case.first.preset, row.times == 0)


def _looks(report: Report, measured: Measured) -> Mapping[Name, Series]:
    # A colour an architecture, a dash a backend: the same in every figure of the page.
    names = sorted({case.name for case in (*measured.newest, *measured.older)})
    numbers = report.colour_of(name.arch for name in names)
    of_one: dict[str, int] = {}
    looks = {}
    for name in names:
        looks[name] = Series(numbers[name.arch], of_one.setdefault(name.arch, 0))
        of_one[name.arch] += 1
    return looks
