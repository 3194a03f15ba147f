"""The folder of a report: every page of it, written whole or not at all, and nothing of an earlier one left over."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from reports import changes
from reports.changes import Snapshot
from reports.frames import Frames
from reports.pages import architecture, ledger, overview, pair, run, speed, task
from reports.pages.templating import Page
from reports.report import Report

_KINDS = {kind.__name__: kind for kind in (overview, task, architecture, pair, run, speed, ledger)}
_SECOND = tuple(kind.__name__ for kind in (overview, pair, run))
"""Kinds of pages that take about as long as all others together."""


def render(frames: Frames, out: Path, second: Executor | None = None) -> Path:
    """Write the report of `frames` into the folder `out`, which is created where needed; returns its first page.

    A page is replaced in one step: a reader sees the old one or the new one, also when the disk is full half-way. The
    file ``report.json`` remembers what was written: a later report in the same folder tells what changed, and removes
    the pages that it doesn't have any more. Files of other names are left alone. The same frames give the same bytes,
    and once more when they are rendered again. An `out` that is a file or can't be written is an OSError of one
    sentence. Half of the work is done by the :func:`second_process`, where one is given.
    """
    out = Path(out)
    memory = changes.remembered(out)
    others = second.submit(_write, frames, out, memory, _SECOND) if second else None
    now, written = _write(frames, out, memory, [kind for kind in _KINDS if not second or kind not in _SECOND])
    written += others.result()[1] if others else []
    folder = _Folder(out)
    # The list of what there is to be removed is given up last: a report that was cut off can still be cleared away.
    folder.remove(set(memory.pages) - set(written))
    folder.write(changes.FILE, changes.remembering(memory, now, written))
    return out / "index.html"


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


def _write(frames: Frames, out: Path, memory: changes.Memory, kinds: Sequence[str]) -> tuple[Snapshot, list[str]]:
    """Write the pages of some kinds; returns what the report is remembered by, and the addresses of the pages."""
    report, folder = Report(frames), _Folder(out)
    gc.freeze()  # thousands of records, none of them garbage: looking through them again and again takes a tenth of all
    try:
        now = changes.snapshot(report)
        return now, [folder.put(page) for page in _pages(report, now, memory.before(now), kinds)]
    finally:
        gc.unfreeze()


class _Folder:
    """Writes files below `out`; an error of the disk becomes an OSError of one sentence."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._made: set[Path] = set()

    def put(self, page: Page) -> str:
        """Write a page and return its address."""
        self.write(page.address, page.content.encode("utf-8"))
        return page.address

    def write(self, address: str, data: bytes) -> None:
        path = self._out / address
        try:
            if path.parent not in self._made:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._made.add(path.parent)
            if not _holds(path, data):
                _replace(path, data)
        except OSError as error:
            raise self._explained("write", error) from error

    def remove(self, addresses: Iterable[str]) -> None:
        try:
            for address in sorted(addresses):
                (self._out / address).unlink(missing_ok=True)
        except OSError as error:
            raise self._explained("remove a page of", error) from error

    def _explained(self, what: str, error: OSError) -> OSError:
        reason = "there is a file of that name" if isinstance(error, FileExistsError) else error.strerror or error
        return OSError(f"cannot {what} the report {'to' if what == 'write' else 'in'} {self._out} ({reason}): "
                       "name a folder that can be written")  # fmt: skip


def _holds(path: Path, data: bytes) -> bool:
    # A page that did not change keeps its time: what copies the folder to a server has less to do.
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
