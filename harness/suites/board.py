"""How a campaign stands while it is under way: what is over, what is trained now, and about how long the rest takes."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from harness.engines import Ended, Progressed, Unit

Kind = tuple[str, str, str]
"""What units of about the same length have in common: architecture, task label, ``run`` or ``trial``."""
Way = Literal["done", "failed", "refused"]
"""How a unit came to an end that is one."""


@dataclass
class Under:
    """A unit under way."""

    unit: Unit
    kind: Kind
    began: float
    """Time of a clock that only goes forward, as all times here."""
    first: Progressed | None = None
    """The first sign of life: what was done before belongs to another sitting."""
    first_at: float = 0.0
    latest: Progressed | None = None
    latest_at: float = 0.0

    def hear(self, event: Progressed, now: float) -> None:
        """Take in a sign of life."""
        if self.first is None:
            self.first, self.first_at = event, now
        self.latest, self.latest_at = event, now

    def pace(self) -> float | None:
        """Seconds an epoch in this sitting; None where it is too early to say."""
        if self.first is None or self.latest is None or self.latest.done <= self.first.done:
            return None
        return (self.latest_at - self.first_at) / (self.latest.done - self.first.done)

    def left(self) -> float | None:
        """Seconds that it has still to go; None where it is too early to say."""
        pace = self.pace()
        return None if pace is None or self.latest is None else pace * max(0.0, self.latest.epochs - self.latest.done)

    def whole(self) -> float | None:
        """Seconds that such a unit takes from its beginning; None where it is too early to say."""
        pace = self.pace()
        return None if pace is None or self.latest is None else pace * self.latest.epochs


@dataclass
class Board:
    """The books of one campaign for whoever shows it."""

    runs: Counter[Way] = field(default_factory=Counter)
    """Runs that are over, those of earlier commands among them."""
    trials: int = 0
    """Trials that are over, those of earlier commands among them."""
    waiting: Counter[Kind] = field(default_factory=Counter)
    """Units that have still to begin; runs whose recipe a search has still to find among them."""
    under: dict[str, Under] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    _took: dict[Kind, list[float]] = field(default_factory=lambda: defaultdict(list))

    def begin(self, unit: Unit, kind: Kind) -> None:
        """A unit begins."""
        self.waiting[kind] -= 1
        self.under[unit.key] = Under(unit, kind, self.clock())

    def hear(self, event: Progressed) -> None:
        """A sign of life of a unit."""
        if (under := self.under.get(event.key)) is not None:
            under.hear(event, self.clock())

    def end(self, event: Ended, way: Way | None) -> None:
        """A unit is over; a run without a `way` goes back to those that wait. Trials are counted in their studies."""
        under = self.under.pop(event.key)
        if way == "done" and not event.known:
            self._took[under.kind].append(self.clock() - under.began)
        if under.kind[2] == "trial":
            return
        if way is None:
            self.waiting[under.kind] += 1
        else:
            self.runs[way] += 1

    def settle(self, kind: Kind, way: Way, count: int = 1) -> None:
        """Runs that waited are over without having begun."""
        if count:
            self.waiting[kind] -= count
            self.runs[way] += count

    @property
    def over(self) -> int:
        """Runs that are over, in whatever way."""
        return sum(self.runs.values())

    @property
    def total(self) -> int:
        """All runs of the campaign."""
        under = sum(one.kind[2] == "run" for one in self.under.values())
        return self.over + under + sum(count for kind, count in self.waiting.items() if kind[2] == "run")

    @property
    def all_trials(self) -> int:
        """All trials of the campaign."""
        under = sum(one.kind[2] == "trial" for one in self.under.values())
        return self.trials + under + sum(count for kind, count in self.waiting.items() if kind[2] == "trial")

    def left(self) -> float | None:
        """Seconds until all is over, at the pace and with as many units at once as now; None where nothing is known.

        A unit that has still to begin is taken to last as long as those of its architecture and task did; else as those
        of its task, else as all others. Trials of one study follow each other, however much is free.
        """
        if not self.under:
            return None
        lengths = self._lengths()
        if not lengths:
            return None
        waiting = {kind: count * _like(kind, lengths) for kind, count in self.waiting.items() if count > 0}
        under = {key: self._left_of(one, lengths) for key, one in self.under.items()}
        chains = {kind: seconds for kind, seconds in waiting.items() if kind[2] == "trial"}
        for key, one in self.under.items():
            if one.kind in chains:
                chains[one.kind] += under[key]
        work = sum(waiting.values()) + sum(under.values())
        return max(work / len(self.under), *chains.values(), *under.values())

    def _left_of(self, one: Under, lengths: dict[Kind, float]) -> float:
        left = one.left()
        return left if left is not None else max(0.0, _like(one.kind, lengths) - (self.clock() - one.began))

    def _lengths(self) -> dict[Kind, float]:
        """Kind -> seconds of a unit: of those that ended, else by the pace of those under way."""
        seen: dict[Kind, list[float]] = defaultdict(list)
        for one in self.under.values():
            if (whole := one.whole()) is not None:
                seen[one.kind].append(whole)
        return {kind: fmean(times) for kind, times in {**seen, **self._took}.items() if times}


def _like(kind: Kind, lengths: dict[Kind, float]) -> float:
    """Length of a unit of this kind, or of those most like it."""
    if kind in lengths:
        return lengths[kind]
    of_its_task = {other: length for other, length in lengths.items() if other[1] == kind[1]} or lengths
    of_both = {other: length for other, length in of_its_task.items() if other[2] == kind[2]} or of_its_task
    return fmean(of_both.values())
