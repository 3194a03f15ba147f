"""A page a run: its scores, its course, and what repeats it. There may be ten thousand, so they are light."""

from __future__ import annotations

from reports import addresses, formats
from reports.figures.trace import of_run
from reports.pages.pieces import Pieces, warnings
from reports.pages.templating import Pages, render
from reports.records import Run
from reports.report import Report

_TESTED = {"best": "those of the best epoch", "final": "those of the last epoch"}


def pages(report: Report) -> Pages:
    """One page a run of the store, trials of studies aside; of a large store some of them: see :mod:`reports.paged`."""
    pieces = Pieces(report)
    for run in report.runs:
        if run.run not in report.paged:
            continue
        yield render(
            "run.html",
            addresses.run(run),
            run=run,
            facts=_facts(run),
            warnings=warnings((), (run,)),
            drawing=of_run(run, report.traces.get(run.run), report.numbers.get(run.arch, 0)),
            recipe=pieces.recipe(run.recipe_hash),
            environment=pieces.environment(run.environment),
        )


def _facts(run: Run) -> list[tuple[str, str]]:
    # What is told below the scores; what is not known is left out.
    limit = "" if run.train_limit is None else f"first {formats.count(run.train_limit)}"
    facts = (
        ("Epochs", _of(run.epochs_done, run.epochs)),
        ("Steps", "" if run.steps is None else formats.count(run.steps)),
        ("Training time", "" if run.seconds is None else formats.duration(run.seconds)),
        ("Parameters", "" if run.parameters is None else formats.count(run.parameters)),
        ("Training samples", limit),
        ("Chance level", formats.level(run.chance_test, run.metric)),
        ("Weights tested", _TESTED.get(run.selection, "")),
        ("Device", run.device),
        ("Threads", "" if run.threads is None else formats.count(run.threads)),
        ("Backends", run.backends),
        ("Operations", run.operations),
        ("Created", run.created),
        ("Version", run.version),
        ("Code of the architecture", ", ".join(filter(None, (run.code, run.architecture_version)))),
        ("Checksum of the data", run.data_checksum),
    )
    return [(name, formats.clipped(text, 400)) for name, text in facts if text]


def _of(done: int | None, planned: int | None) -> str:
    if done is None:
        return ""
    return formats.count(done) if planned in (None, done) else f"{formats.count(done)} of {formats.count(planned)}"
