"""The first page: every architecture in every ranking, the standing over tasks, and what changed."""

from __future__ import annotations

from collections import Counter

from reports import addresses, formats
from reports.changes import Changes
from reports.figures.diagram import critical_difference
from reports.figures.drawing import Drawing
from reports.pages.templating import Pages, render
from reports.ranking.grid import grid
from reports.ranking.rows import STATES
from reports.ranking.standing import Place, standing
from reports.ranking.studies import searches
from reports.report import Report
from reports.statistics.rank_tests import FEW_TASKS, LEVEL

FEW_CHANGES = 12
"""As many rows are shown at once; more of them are folded away."""
_EVEN, _STRONGEST = 0.5, 36


def pages(report: Report, changes: Changes | None = None) -> Pages:
    """The one overview; `changes` are those since the report before, None where there was none."""
    states = Counter(run.state for run in report.runs)
    over_tasks = standing(report.rankings)
    yield render(
        "overview.html",
        addresses.OVERVIEW,
        report=report,
        titles=report.titles,
        grid=grid(report.rankings, report.tasks, report.architectures, report.skipped, over_tasks.mean_ranks),
        standing=over_tasks,
        diagram=critical_difference(over_tasks, report.titles, report.numbers),
        changes=changes,
        states=[(state, states[state]) for state in (*STATES, *sorted(states.keys() - STATES)) if states[state]],
        versions=sorted({run.version for run in report.runs} - {""}),
        searches={
            ranking.task: searches(study for study in report.studies if study.task == ranking.task)
            for ranking in report.rankings
        },
        machines=_machines(report),
        anchors={ranking.anchor for ranking in report.rankings},
        place=along,
        heat=heat,
        share=share,
        few_changes=FEW_CHANGES,
        few_tasks=FEW_TASKS,
        level=LEVEL,
    )


def _machines(report: Report) -> list[str]:
    """The machines of the runs that are done: ``cpu: AMD EPYC, 1 thread``."""
    found = {(run.device, run.threads) for run in report.runs if run.state == "done" and run.device}
    return [formats.machine(device, threads) for device, threads in sorted(found, key=str)]


def drawings(report: Report) -> list[Drawing]:
    """The figure of the standing, where there is one, to be exported."""
    diagram = critical_difference(standing(report.rankings), report.titles, report.numbers)
    return [diagram] if diagram else []


def along(rank: float, places: tuple[Place, ...]) -> str:
    """Where a mean rank stands on a scale from the first place to the last, as a percentage of its length."""
    return f"{100 * (rank - 1) / (len(places) - 1):.1f}"


def heat(beats: float) -> int:
    """How much of the colour of winning or losing a cell gets, in percent: none where both are as likely."""
    return round(_STRONGEST * abs(beats - _EVEN) / _EVEN)


def share(beats: float) -> str:
    """A share of resamples in percent; not all of them is never 100, and not none never 0."""
    if 0 < beats <= 0.005:
        return "<1"
    return ">99" if 0.995 <= beats < 1 else f"{100 * beats:.0f}"
