"""The folder of a report: every page of it, written whole or not at all, and nothing of an earlier one left over."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryFile

import pandas as pd

from reports import changes
from reports.changes import Snapshot
from reports.files import reason, replace
from reports.frames import Frames
from reports.paged import EVERY, MOST
from reports.pages import architecture, ledger, overview, pair, run, speed, task
from reports.pages.templating import Page
from reports.report import Report

_KINDS = {kind.__name__: kind for kind in (overview, task, architecture, pair, run, speed, ledger)}


def render(
    frames: Frames,
    out: Path,
    second: Executor | None = None,
    *,
    every_run: bool = False,
    tell: Callable[[str], object] = lambda _: None,
) -> Path:
    """Write the report of `frames` into the folder `out`, which is created where needed; returns its first page.

    A page is replaced in one step: a reader sees the old one or the new one, also when the disk is full half-way. The
    file ``report.json`` remembers what was written: a later report in the same folder tells what changed, and removes
    the pages that it doesn't have any more. Files of other names are left alone, and one of the name of a page that no
    report wrote is an OSError of one sentence. The same frames give the same bytes,
    and once more when they are rendered again. An `out` that is a file or can't be written is an OSError of one
    sentence. Half of the work is done by the :func:`second_process`, where one is given.

    Of a large store some runs have a page (:mod:`reports.paged`), unless `every_run` asks for all; `tell` is given a
    sentence on those that have none.
    """
    out = Path(out)
    memory = changes.remembered(out)
    frames = frames.lighter() if second else frames
    own, rest = _halves(frames, every_run) if second else (list(_KINDS), [])
    others = second.submit(_write, frames, out, memory, rest, every_run) if second else None
    now, written, unpaged = _write(frames, out, memory, own, every_run)
    written += others.result()[1] if others else []
    folder = _Folder(out)
    # The list of what there is to be removed is given up last: a report that was cut off can still be cleared away.
    folder.remove(set(memory.pages) - set(written))
    folder.write(changes.FILE, changes.remembering(memory, now, written))
    if unpaged:
        tell(unpaged)
    return out / "index.html"


def check_folder(out: Path) -> None:
    """Make the folder `out`; an OSError of one sentence where :func:`render` could not write its first page there."""
    out = Path(out)
    first = next(pages(Frames(pd.DataFrame())))
    _Folder(out, changes.remembered(out).pages).check(first)


def _halves(frames: Frames, every_run: bool) -> tuple[list[str], list[str]]:
    """The kinds of pages in two lists that take about as long as each other, by what was measured of their parts."""
    runs, trials = frames.runs, frames.trials
    count, tasks = len(runs), 0 if runs.empty else runs["task"].nunique()
    pairs = 0 if runs.empty else len(runs[["arch", "task"]].drop_duplicates())
    studies = 0 if trials.empty else trials["study"].nunique()
    # In milliseconds: thousands of runs are many short pages, the figures of matplotlib few that take long.
    cost = {
        overview: 300 + 2.5 * pairs,
        task: 370 * tasks + 10 * studies,
        architecture: 10 + 100 * studies,
        pair: 4 * pairs + 0.03 * count,
        run: 1.2 * (count if every_run or count <= EVERY else MOST),
        speed: 50,
        ledger: 50,
    }
    halves: tuple[list[str], list[str]] = ([], [])
    sums = [0.0, 0.0]
    for kind, milliseconds in sorted(cost.items(), key=lambda one: -one[1]):
        less = sums.index(min(sums))
        halves[less].append(kind.__name__)
        sums[less] += milliseconds
    return halves


def second_process() -> ProcessPoolExecutor:
    """A process that :func:`render` shares its work with, which pays for thousands of runs; to be used in a ``with``.

    It is started at once, so that it is ready when the frames are. The program that asks for it must be one that
    :mod:`multiprocessing` can start anew.
    """
    pool = ProcessPoolExecutor(1, get_context("spawn"))
    pool.submit(_started)
    return pool


def _started() -> None:
    """Nothing: that it can be called says that all of this is imported."""


def pages(frames: Frames, before: Snapshot | None = None) -> Iterator[Page]:
    """All pages: a pure function of `frames`, and of the report `before` that the changes are told from, if any."""
    report = Report(frames)
    return _pages(report, changes.snapshot(report), before, _KINDS)


def _pages(report: Report, now: Snapshot, before: Snapshot | None, kinds: Iterable[str]) -> Iterator[Page]:
    for name in kinds:
        if (kind := _KINDS[name]) is overview:
            yield from overview.pages(report, changes.changes(before, now) if before else None)
        else:
            yield from kind.pages(report)


def _write(
    frames: Frames, out: Path, memory: changes.Memory, kinds: Sequence[str], every_run: bool
) -> tuple[Snapshot, list[str], str]:
    """Write the pages of some kinds; returns what the report is remembered by, their addresses, and what has none."""
    was_on, folder = gc.isenabled(), _Folder(out, memory.pages)
    gc.disable()  # thousands of records, none of them garbage: to look through them again and again takes long
    try:
        report = Report(frames, every_run)
        gc.freeze()
    finally:
        if was_on:
            gc.enable()
    try:
        now = changes.snapshot(report)
        return now, [folder.put(page) for page in _pages(report, now, memory.before(now), kinds)], report.unpaged
    finally:
        gc.unfreeze()


class _Folder:
    """Writes files below `out`; an error of the disk becomes an OSError of one sentence.

    `own` are the pages of the report before. Any other page that is there must begin as ours do, as those of a report
    that was cut off: what somebody else put there is not replaced.
    """

    def __init__(self, out: Path, own: Iterable[str] = ()) -> None:
        self._out = out
        self._own = set(own)
        self._made: set[Path] = set()

    def put(self, page: Page) -> str:
        """Write a page and return its address."""
        self._refuse_foreign(page)
        self.write(page.address, page.content.encode("utf-8"))
        return page.address

    def check(self, page: Page) -> None:
        """Make the folder and try to write there; `page` itself is not written."""
        self._refuse_foreign(page)
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self._out) as file:
                file.write(b"written")
        except OSError as error:
            raise self._explained("write", error) from error

    def write(self, address: str, data: bytes) -> None:
        path = self._out / address
        try:
            if path.parent not in self._made:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._made.add(path.parent)
            if not _holds(path, data):
                replace(path, lambda part: part.write_bytes(data))
        except OSError as error:
            raise self._explained("write", error) from error

    def _refuse_foreign(self, page: Page) -> None:
        if page.address not in self._own and self._foreign(page):
            raise OSError(
                f"cannot write the report to {self._out}: {page.address} is there, and no page of a report: name "
                "another folder or remove it"
            )

    def _foreign(self, page: Page) -> bool:
        # All pages are alike up to the digest of their script.
        head = page.content.partition("'sha256-")[0].encode()
        try:
            with (self._out / page.address).open("rb") as file:
                return file.read(len(head)) != head
        except OSError:  # as a rule there is nothing; and what can't be written either is told by `write`
            return False

    def remove(self, addresses: Iterable[str]) -> None:
        try:
            for address in sorted(addresses):
                (self._out / address).unlink(missing_ok=True)
        except OSError as error:
            raise self._explained("remove a page of", error) from error

    def _explained(self, what: str, error: OSError) -> OSError:
        where = f"{'to' if what == 'write' else 'in'} {self._out} ({reason(error)})"
        return OSError(f"cannot {what} the report {where}: name a folder that can be written")


def _holds(path: Path, data: bytes) -> bool:
    # A page that did not change keeps its time: what copies the folder to a server has less to do.
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False
