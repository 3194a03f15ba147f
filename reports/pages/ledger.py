"""The ledger: every published number beside the runs of this project, with a verdict and its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reports import addresses
from reports.ledger import counts
from reports.pages.templating import Pages, render
from reports.report import Report

OTHER = "other"


def pages(report: Report) -> Pages:
    """The one ledger. Each published number has an anchor, its id."""
    entries = report.ledger
    tasks = [addresses.base(entry.number.task) or OTHER for entry in entries]
    architectures = [entry.number.arch or OTHER for entry in entries]
    yield render(
        "ledger.html",
        addresses.LEDGER,
        known={task.name for task in report.tasks},
        entries=list(zip(entries, tasks, architectures, strict=True)),
        verdicts=[(verdict, verdict.replace(" ", "-"), number) for verdict, number in counts(entries).items()],
        tasks=_counted(tasks),
        architectures=[(name, report.title_of(name), number) for name, number in _counted(architectures)],
        sources=len({entry.number.source for entry in entries}),
    )


def _counted(names: Iterable[str]) -> list[tuple[str, int]]:
    """How often each name stands there, by name; what is not of this project comes last."""
    return sorted(Counter(names).items(), key=lambda one: (one[0] == OTHER, one))
