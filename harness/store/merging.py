"""Runs, timings and skipped pairs that come from elsewhere, brought into a store inside one transaction.

A stored run of the same id and content stays. One that is unfinished gives way to a later copy of itself, and an
unfinished copy to a later stored one. Any other difference is a contradiction, as is any between two timings of one id.
Of a pair that a suite leaves out the reason that comes last counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeVar

from sqlalchemy import Connection, select

from harness.errors import UserError
from harness.store import rows, skips, timings
from harness.store.line import Entry, document
from harness.store.run import Run
from harness.store.schema import LOCK, runs
from harness.store.schema import timings as timings_table
from harness.store.skips import Skip
from harness.store.study_line import StudyLine
from harness.store.timing import Timing

Verdict = Literal["new", "updated", "known"]
"""What becomes of an entry: it is stored, takes the place of the stored one, or changes nothing."""

Several = TypeVar("Several", Run, Timing, Skip, StudyLine)


class Merger:
    """Merges into the store whose writing transaction `connection` is, a page at a time.

    Args:
        place: where an entry of this number is, for the sentence about a contradiction: ``runs.jsonl, line 3``.
    """

    def __init__(self, connection: Connection, place: Callable[[int], str]) -> None:
        self.connection, self.place = connection, place
        self.counts: dict[Verdict, int] = {"new": 0, "updated": 0, "known": 0}
        """How many entries got which verdict."""
        connection.execute(LOCK)  # two who merge the same runs at once would both take them for new

    def runs(self, found: Sequence[tuple[int, Run]]) -> None:
        """Merge runs with their curves. A contradiction is a :class:`UserError`."""
        for page in _pages(found):
            self._runs(page)

    def timings(self, found: Sequence[tuple[int, Timing]]) -> None:
        """Merge timings. A contradiction is a :class:`UserError`."""
        for page in _pages(found):
            self._timings(page)

    def skips(self, found: Iterable[Skip]) -> None:
        """Merge skipped pairs."""
        stored = {skip.pair: skip.reason for skip in skips.read(self.connection)}
        changed: list[Skip] = []
        for skip in found:
            before = stored.get(skip.pair)
            stored[skip.pair] = skip.reason
            if before == skip.reason:
                self.counts["known"] += 1
                continue
            self.counts["new" if before is None else "updated"] += 1
            changed.append(skip)
        if changed:
            skips.put(self.connection, changed)

    def _runs(self, page: Sequence[tuple[int, Run]]) -> None:
        same = select(runs).where(runs.c.id.in_([run.id for _, run in page])).with_for_update()
        stored = {run.id: run for run in rows.read(self.connection, same, with_curves=True)}
        accepted: dict[str, Run] = {}
        replaced: list[str] = []
        for number, run in page:
            verdict = _judge(stored.get(run.id), run)
            if verdict is None:
                raise self._contradiction(number, "run", stored[run.id], run)
            self.counts[verdict] += 1
            if verdict == "updated" and run.id not in accepted:
                replaced.append(run.id)
            if verdict != "known":
                stored[run.id] = accepted[run.id] = run
        rows.remove(self.connection, replaced)
        rows.write(self.connection, list(accepted.values()))

    def _timings(self, page: Sequence[tuple[int, Timing]]) -> None:
        same = select(timings_table).where(timings_table.c.id.in_([timing.id for _, timing in page]))
        stored = {timing.id: timing for timing in timings.read(self.connection, same)}
        new: list[Timing] = []
        for number, timing in page:
            known = stored.setdefault(timing.id, timing)
            if known is timing:
                new.append(timing)
            elif document(known) != document(timing):
                raise self._contradiction(number, "timing", known, timing)
            self.counts["new" if known is timing else "known"] += 1
        timings.write(self.connection, new)

    def _contradiction(self, number: int, kind: str, stored: Run | Timing, new: Run | Timing) -> UserError:
        """Of two entries of one id, with the names of the fields in which they differ."""
        one, other = document(stored), document(new)
        difference = ", ".join(name for name in one if one[name] != other[name])
        return UserError(
            f"{self.place(number)}: {kind} {new.id} is already stored with other content ({difference}): delete one of"
            " the two; nothing was imported"
        )


def of_kind(found: Iterable[tuple[int, Entry]], kind: type[Several]) -> list[tuple[int, Several]]:
    """The entries of one kind, with their numbers."""
    return [(number, one) for number, one in found if isinstance(one, kind)]


def _pages(found: Sequence[tuple[int, Several]]) -> Iterable[Sequence[tuple[int, Several]]]:
    return (found[start : start + rows.PAGE] for start in range(0, len(found), rows.PAGE))


def _judge(stored: Run | None, run: Run) -> Verdict | None:
    """What to do with `run`; None where it contradicts the stored one. All but what is done may still go on."""
    if stored is None:
        return "new"
    if stored.state != "done" and run.updated > stored.updated:
        return "updated"
    if run.state != "done" and run.updated < stored.updated:
        return "known"
    return "known" if document(stored) == document(run) else None
