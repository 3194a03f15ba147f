"""The ledger: every published number beside the runs of this project, with a verdict and its reason."""

from __future__ import annotations

from collections import Counter

from reports import addresses
from reports.ledger import counts
from reports.pages.templating import Pages, render
from reports.report import Report

OTHER = "other"


def pages(report: Report) -> Pages:
    """The one ledger. Each published number has an anchor, its id."""
    entries = report.ledger
    tasks = [addresses.base(entry.number.task) or OTHER for entry in entries]
    yield render(
        "ledger.html",
        addresses.LEDGER,
        known={task.name for task in report.tasks},
        entries=list(zip(entries, tasks, strict=True)),
        verdicts=[(verdict, verdict.replace(" ", "-"), number) for verdict, number in counts(entries).items()],
        tasks=sorted(Counter(tasks).items(), key=lambda task: (task[0] == OTHER, task)),
        sources=len({entry.number.source for entry in entries}),
    )
