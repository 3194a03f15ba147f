"""All that one store holds merged into another, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TypeVar

from sqlalchemy.engine import URL

from harness import addresses
from harness.home import expanded
from harness.masking import is_address
from harness.store import rows
from harness.store.database import Database
from harness.store.merging import Merger, Verdict
from harness.store.store import Store

T = TypeVar("T")
LOCAL = ("localhost", "127.0.0.1", "::1", "", None)
"""Hosts that are this machine."""


def address(given: str) -> URL | str:
    """The URL of the store that a person means by a URL, the path of a SQLite file, or a home folder.

    A path that isn't there yet is a file, or a folder where it ends with a slash. A string is still to be checked.
    """
    if is_address(given) or not given:
        return given
    path = expanded(given)
    return addresses.of_file(path / "store.sqlite" if _holds(path.is_dir) or given.endswith("/") else path)


def _holds(question: Callable[[], bool]) -> bool:
    """What a path answers; no to a name that no system takes."""
    try:
        return question()
    except OSError:
        return False


def same(one: Database, other: Database) -> bool:
    """Whether two databases are one, as far as their addresses tell."""
    if one.path and other.path:
        return _same_file(one.path, other.path)
    return _place(one.engine.url) == _place(other.engine.url)


def copy(source: Store, target: Store, told: Callable[[int, int], None]) -> dict[Verdict, int]:
    """Merge the runs, timings and skipped pairs of `source` into `target`; how many got which verdict.

    It is one transaction of the target: a contradiction, or a database that goes away, is a
    :class:`~harness.errors.UserError`, and leaves it as it was. Of the runs a page is held at a time.

    Args:
        told: called with the number of runs that were merged, and of all.
    """
    total, done = source.count(), 0
    with target.database.writing() as connection:
        merger = Merger(connection, lambda _number: source.name)
        with closing(source.each()) as found:
            for page in _pages(found):
                told(done, total)
                merger.runs([(0, run) for run in page])
                done += len(page)
        with closing(source.timings()) as measured:
            for some in _pages(measured):
                merger.timings([(0, timing) for timing in some])
        merger.skips(source.skipped())
        told(done, max(done, 1))
    return merger.counts


def _pages(entries: Iterator[T]) -> Iterator[list[T]]:
    while page := list(islice(entries, rows.PAGE)):
        yield page


def _same_file(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def _place(url: URL) -> tuple[object, ...]:
    """What two addresses of one database have in common, whoever uses it."""
    kind = url.get_backend_name()
    host = "this machine" if url.host in LOCAL else str(url.host).lower()
    port = url.port or (5432 if kind == "postgresql" else None)
    return kind, host, port, url.database or url.username
