"""What a report remembers of itself in its folder, and what changed since the one before it.

``report.json`` holds the current content and that of the report before, so that rendering the same store twice into
one folder tells the same changes, and the list of its pages, so that those that are gone can be removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, StringConstraints, TypeAdapter

from reports import formats
from reports.ranking.leaderboard import Ranking
from reports.report import Report

FILE = "report.json"

# The file lies among others and may be anybody's: what this program would not have written makes it a foreign one.
Text = Annotated[str, StringConstraints(pattern=r"\A[^\x00-\x08\x0b-\x1f\x7f-\x9f]*\z", max_length=20_000)]
Address = Annotated[str, StringConstraints(pattern=r"\A([a-z0-9-]+/)?[a-z0-9-]+\.html\z", max_length=200)]
Count = Annotated[int, Field(ge=0, le=10**12)]


@dataclass(frozen=True)
class Line:
    """A row of a ranking as it was; `mean` is in the unit of the metric, `n` counts its seeds, `runs` its runs."""

    arch: Text
    title: Text
    recipe: Text
    recipe_hash: Text
    state: Text
    n: Count
    mean: FiniteFloat | None
    rank: Count | None
    runs: Count


@dataclass(frozen=True)
class Kept:
    """A ranking as it was."""

    task: Text
    title: Text
    metric: Text
    train_limit: int | None
    selection: Text
    anchor: Text
    lines: tuple[Line, ...]
    other_way: bool = False
    """Whether it differs from one before it in nothing but which values are better."""

    @property
    def identity(self) -> tuple[str, str, int | None, bool, bool]:
        """What makes it the same ranking in another report."""
        return self.task, self.metric, self.train_limit, self.selection == "final", self.other_way


@dataclass(frozen=True)
class Snapshot:
    """The content of a report, as far as changes are told of it. `until` is when its newest run was begun, or ""."""

    until: Text
    runs: Count
    rankings: tuple[Kept, ...]


@dataclass(frozen=True)
class Memory:
    """What ``report.json`` holds."""

    current: Snapshot | None = None
    previous: Snapshot | None = None
    pages: tuple[Address, ...] = ()
    format: Literal[1] = 1

    def before(self, now: Snapshot) -> Snapshot | None:
        """The report to compare `now` with: where nothing changed since, the one that was compared with before."""
        return self.previous if now == self.current else self.current


@dataclass(frozen=True)
class Change:
    """A row of `ranking` that is new (no `before`), gone (no `after`) or says something else."""

    ranking: Kept
    before: Line | None
    after: Line | None

    @property
    def line(self) -> Line:
        """The row as it is, or as it was where it is gone."""
        line = self.after or self.before
        assert line is not None
        return line


@dataclass(frozen=True)
class Changes:
    """What is different from a report whose data went up to `since`; new and gone rankings are told as a whole."""

    since: str
    runs: int
    """How many runs there are more; negative where there are fewer."""
    new: tuple[Kept, ...]
    gone: tuple[Kept, ...]
    rows: tuple[Change, ...]

    @property
    def summary(self) -> str:
        """All of it as a list of counts: ``"2 runs more, 1 new row"``; "" where nothing that is told here changed."""
        counts = (
            (max(self.runs, 0), "run more", "runs more"),
            (max(-self.runs, 0), "run fewer", "runs fewer"),
            (len(self.new), "new ranking", "new rankings"),
            (len(self.gone), "ranking gone", "rankings gone"),
            (sum(row.before is None for row in self.rows), "new row", "new rows"),
            (sum(row.after is None for row in self.rows), "row gone", "rows gone"),
            (sum(None not in (row.before, row.after) for row in self.rows), "row changed", "rows changed"),
        )
        return formats.listed(f"{number:,} {one if number == 1 else more}" for number, one, more in counts if number)


def snapshot(report: Report) -> Snapshot:
    """What is kept of `report`."""
    kept: dict[object, Kept] = {}
    for ranking in report.rankings:
        one = _kept(ranking)
        one = replace(one, other_way=True) if one.identity in kept else one
        kept[one.identity] = one
    return Snapshot(report.until, len(report.runs), tuple(kept.values()))


def changes(before: Snapshot, now: Snapshot) -> Changes:
    """What is different in `now`, in its order, what is gone last."""
    old = {ranking.identity: ranking for ranking in before.rankings}
    new = {ranking.identity: ranking for ranking in now.rankings}
    return Changes(
        since=before.until,
        runs=now.runs - before.runs,
        new=tuple(ranking for key, ranking in new.items() if key not in old),
        gone=tuple(ranking for key, ranking in old.items() if key not in new),
        rows=tuple(row for key, ranking in new.items() if key in old for row in _rows(old[key].lines, ranking)),
    )


def remembered(folder: Path) -> Memory:
    """What the report in `folder` remembers; nothing where there is none, or where its file is not one of ours."""
    try:
        return _adapter().validate_json((folder / FILE).read_bytes(), strict=True)
    except (OSError, ValueError):  # pydantic's error is a ValueError
        return Memory()


def remembering(memory: Memory, now: Snapshot, pages: Iterable[str]) -> bytes:
    """The content of ``report.json`` after a report `now` with these `pages`, made in a folder with this `memory`."""
    after = Memory(now, memory.before(now), tuple(sorted(pages)))
    return _adapter().dump_json(after) + b"\n"


@cache
def _adapter() -> TypeAdapter[Memory]:
    return TypeAdapter(Memory)


def _kept(ranking: Ranking) -> Kept:
    lines = tuple(
        Line(
            arch=_short(row.arch),
            title=_short(row.title),
            recipe=_short(row.recipe),
            recipe_hash=_short(row.recipe_hash),
            state=_short(row.state),
            n=row.test.n if row.test else 0,
            mean=row.test.mean if row.test else None,
            rank=row.rank,
            runs=len(row.runs),
        )
        for row in ranking.rows
    )
    return Kept(
        task=_short(ranking.task),
        title=_short(ranking.title),
        metric=_short(ranking.metric),
        train_limit=ranking.train_limit,
        selection=_short(ranking.selection),
        anchor=ranking.anchor,
        lines=lines,
    )


def _short(text: str) -> str:
    # A name of any length can be told from others by its beginning, and is shown clipped.
    return text[:2000]


def _rows(before: Sequence[Line], ranking: Kept) -> list[Change]:
    old = {(line.arch, line.recipe_hash): line for line in before}
    found = []
    for after in ranking.lines:
        was = old.pop((after.arch, after.recipe_hash), None)
        # A name that is written otherwise is no news.
        if was is None or replace(was, title=after.title, recipe=after.recipe) != after:
            found.append(Change(ranking, was, after))
    return found + [Change(ranking, line, None) for line in old.values()]
