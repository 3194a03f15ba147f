"""Pairs that suites leave out as rows: what is read and written inside one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from sqlalchemy import Connection, delete, insert, inspect, select

from harness.store.schema import LOCK, skipped


@dataclass(frozen=True, order=True)
class Skip:
    """A pair that a suite leaves out."""

    suite: str
    arch: str
    task: str
    """Label with the variant where it isn't the default one."""
    reason: str

    @property
    def pair(self) -> tuple[str, str, str]:
        """Suite, architecture and task: what there is once."""
        return self.suite, self.arch, self.task


COLUMNS = [field.name for field in fields(Skip)]


def read(connection: Connection) -> Iterator[Skip]:
    """All of them, by task, architecture and suite; none from a store older than their table."""
    if inspect(connection).has_table(skipped.name):
        found = [Skip(*row) for row in connection.execute(select(*(skipped.c[name] for name in COLUMNS)))]
        yield from sorted(found, key=lambda one: (one.task, one.arch, one.suite))  # databases order letters differently


def replace(connection: Connection, suite: str, cells: Iterable[tuple[str, str, str]]) -> None:
    """Let those of a suite be `cells` (architecture, task, reason) and no others."""
    put(connection, [Skip(suite, *cell) for cell in cells], of=suite)


def put(connection: Connection, new: Iterable[Skip], of: str | None = None) -> None:
    """Store some, in place of those of the same suite and pair, or of all of the suite `of`."""
    connection.execute(LOCK)
    skipped.create(connection, checkfirst=True)
    if of is not None:
        connection.execute(delete(skipped).where(skipped.c.suite == of))
    by_pair = {one.pair: one for one in new}
    for one in by_pair.values():
        same = (skipped.c.suite == one.suite, skipped.c.arch == one.arch, skipped.c.task == one.task)
        connection.execute(delete(skipped).where(*same))
    if by_pair:
        connection.execute(
            insert(skipped), [{name: getattr(one, name) for name in COLUMNS} for one in by_pair.values()]
        )
