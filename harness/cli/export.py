"""``export``: runs, timings, skipped pairs and studies as JSON lines."""

from __future__ import annotations

import os
import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.known import refuse_unknown
from harness.cli.options import HomeOption, path_option
from harness.cli.streams import kept_for_document
from harness.cli.terminal import number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.home import Home
    from harness.store import Store
    from harness.store.line import Entry
    from harness.store.study_line import StudyLine


class Kind(StrEnum):
    """What a store holds, in the order of an export."""

    RUNS = "runs"
    TIMINGS = "timings"
    SKIPPED = "skipped"
    STUDIES = "studies"


NAMES = {Kind.RUNS: "run", Kind.TIMINGS: "timing", Kind.SKIPPED: "skipped pair", Kind.STUDIES: "study"}
"""Kind -> one of it, in words."""


def export(
    out: Annotated[Path | None, path_option("--out", "FILE", "Write to a file instead of standard output.")] = None,
    task: Annotated[str | None, typer.Option(help="Only of this task, with its variant.")] = None,
    arch: Annotated[str | None, typer.Option(help="Only of this architecture.")] = None,
    state: Annotated[str | None, typer.Option(help="Only running, done, failed, interrupted or pruned runs.")] = None,
    suite: Annotated[
        str | None,
        typer.Option(metavar="SUITE", help="Only what belongs to this suite (a name or a file): no timings."),
    ] = None,
    only: Annotated[
        list[Kind] | None, typer.Option("--only", help="Only entries of this kind; may be repeated.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Write all that is stored (runs and trials, timings, skipped pairs, studies) as JSON lines, for 'import'."""
    from harness.home import Home
    from harness.store import open_store
    from harness.store.exchange import write_file

    store, place = open_store(home, create=False), Home.find(home)
    refuse_unknown(store, arch, task)
    kinds = [kind for kind in Kind if kind in (only or Kind)]
    if state is not None:
        kinds = [kind for kind in kinds if kind is Kind.RUNS]  # of the others none has such a state
    if task is not None or suite is not None:
        kinds = [kind for kind in kinds if kind is not Kind.TIMINGS]  # they are of no task
    with kept_for_document():  # a suite may need plugins
        belongs = _everything if suite is None else _of_suite(suite, store, place)
    counts: Counter[Kind] = Counter()
    entries = (
        entry
        for kind in kinds
        for entry in _entries(kind, store, place, arch, task, state)
        if belongs(entry) and not counts.update([kind])
    )
    if out is None or str(out) == "-":
        _print(entries)
    else:
        write_file(entries, out)
        told = [number(counts[kind], NAMES[kind]) for kind in kinds if counts[kind] or kind is kinds[0]]
        print(f"{out}: {', '.join(told)}")


def _entries(
    kind: Kind, store: Store, home: Home, arch: str | None, task: str | None, state: str | None
) -> Iterable[Entry]:
    if kind is Kind.RUNS:
        return store.each(arch=arch, task=task, state=state)
    if kind is Kind.TIMINGS:
        return store.timings(arch)
    if kind is Kind.SKIPPED:
        return (one for one in store.skipped() if arch in (None, one.arch) and task in (None, one.task))
    return _studies(home, arch, task)


def _studies(home: Home, arch: str | None, task: str | None) -> Iterator[StudyLine]:
    if not home.may_have_studies():
        return  # without loading Optuna
    from harness.tuning.exchange import lines

    yield from lines(home, lambda study: arch in (None, study.plan.arch) and task in (None, study.plan.task))


def _everything(entry: Entry) -> bool:
    return True


def _of_suite(suite: str, store: Store, home: Home) -> Callable[[Entry], bool]:
    """Whether an entry belongs to a suite: the run that counts of every cell, what its searches tried, its skips."""
    from harness.cli.suite.opened import Opened
    from harness.cli.training import machine
    from harness.store import Run
    from harness.store.skips import Skip
    from harness.store.study_line import StudyLine

    on = machine(str(home.path), None, True, "auto", None, 10.0, None)
    opened = Opened.of(suite, on, store=store, measuring=False)
    found = opened.standings()
    runs = {head.id for one in found for head in one.seeds.values()}
    studies = {one.cell.study for one in found if one.cell.study is not None}

    def belongs(entry: Entry) -> bool:
        if isinstance(entry, Run):
            return entry.id in runs or entry.study in studies
        if isinstance(entry, StudyLine):
            return entry.study in studies
        return isinstance(entry, Skip) and entry.suite == opened.grid.name

    return belongs


def _print(entries: Iterator[Entry]) -> None:
    from harness.errors import UserError
    from harness.store.exchange import write_lines

    try:
        write_lines(entries, sys.stdout)
    except BrokenPipeError:  # the reader has seen enough
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would try once more at its end
        raise UserError(f"cannot write standard output ({error.strerror})") from error
