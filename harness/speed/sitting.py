"""One sitting: the cases that fit take turns, so that whatever else the machine does hits all of them alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import torch

from harness.errors import UserError, explained, one_line
from harness.registry import Registry
from harness.speed import conditions
from harness.speed.cases import Case
from harness.speed.floors import Copy, Product, buffers
from harness.speed.probe import Probe, probe
from harness.speed.subject import Laps, Subject, backends_that_ran, turn
from harness.store import Phase, Timing

Report = Callable[[str, float, float], None]
"""Hears what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True)
class Limits:
    """How often, and for how long."""

    repeats: int = 10
    """Turns of a case, after a first one that warms up."""
    max_time: float = 60.0
    """Seconds for the turns of one case; one that needs more for a single turn is skipped."""


@dataclass
class Entrant:
    """A case that takes part: what it needs, and what was measured of it so far."""

    timing: Timing
    subject: Subject
    turn_seconds: float
    """What a turn takes, from the probe and then from the last turn."""
    copy: Copy | None = None
    spent: float = 0.0
    turns: int = 0
    failure: str | None = None
    """Why it takes no more turns, where one ended in an error."""

    def take(self, act: Callable[[Subject], Laps], clock: Callable[[], float]) -> None:
        """Take a turn: the first warms up, the others are kept."""
        start, phases = clock(), self.timing.phases
        for name, laps in act(self.subject).items():
            if self.turns == 0:
                phases[name] = Phase(first=laps[0][0])
            else:
                phases[name].wall.extend(wall for wall, _ in laps)
                phases[name].cpu.extend(cpu for _, cpu in laps)
        ran = backends_that_ran()
        if self.turns:
            _add(self.timing.backends, ran)
        if self.copy is not None:
            self.copy()
        self.turn_seconds = clock() - start
        self.spent += self.turn_seconds
        self.turns += 1

    def has_time(self, limits: Limits) -> bool:
        """Whether there is time for another turn; the warming up and one turn always take place."""
        if self.failure is not None:
            return False
        return self.turns < 2 or self.spent + self.turn_seconds <= limits.max_time


@dataclass
class Sitting:
    """Measures `cases` and tells :class:`~harness.store.Timing` after Timing: those skipped first, then the others.

    Args:
        stop: asked between two turns; a reason ends the sitting, and what was measured is told.
        probe: tries a case in a process of its own.
        act: times all phases of a subject once.
    """

    registry: Registry
    limits: Limits
    threads: int
    preset: str | None = None
    report: Report = lambda what, done, total: None
    stop: Callable[[], str | None] = lambda: None
    probe: Callable[..., Probe] = probe
    act: Callable[[Subject], Laps] = turn
    clock: Callable[[], float] = time.perf_counter
    mistakes: list[Timing] = field(default_factory=list)
    """Cases that no machine could measure, as their architecture refuses the size or the backend; they aren't told."""
    id: str = field(default_factory=lambda: uuid4().hex[:12])

    def measure(self, cases: Sequence[Case]) -> Iterator[Timing]:
        """Probe every case, time those that fit in turns, and yield what became of each that was reached."""
        environment = conditions.before(self.threads)
        entrants: list[Entrant] = []
        for number, case in enumerate(cases):
            self.report("trying the cases", number, len(cases))
            found = self._enter(case, environment)
            if self.stop() is not None:
                break
            if isinstance(found, Entrant):
                entrants.append(found)
            elif found is not None:
                yield found
        self.report("trying the cases", 1, 1)
        product = self._references(entrants)
        self._take_turns(entrants, product)
        environment |= conditions.after()  # the one mapping of all timings of this sitting
        for entrant in entrants:
            if entrant.turns > 1:
                yield self._told(entrant, product)
            elif entrant.failure is not None:
                timing = entrant.timing
                timing.phases.clear()
                timing.state, timing.reason = "skipped", f"a repetition failed: {entrant.failure}"
                yield timing

    def _enter(self, case: Case, environment: dict[str, Any]) -> Entrant | Timing | None:
        """Try a case: ready to take turns, or the timing that says why not, or nothing where it is a mistake."""
        found = self.probe(case, self.registry.files, self.threads, self.limits.max_time, self.stop)
        timing = Timing(
            sitting=self.id,
            preset=self.preset,
            threads=self.threads,
            layer=dict(case.changes),
            environment=environment,
            memory=found.memory or {},
            **{name: getattr(case, name) for name in case.__dataclass_fields__ if name != "changes"},
        )
        reason = found.reason
        if reason is None:
            try:
                with explained(case.name):
                    subject = Subject(case, self.registry)
                    timing.layer, timing.work = subject.layer, subject.work(self.registry)
                return Entrant(timing, subject, found.seconds)
            except UserError as error:
                reason = str(error)
        timing.state, timing.reason = "skipped", reason
        if found.wrong:
            self.mistakes.append(timing)
            return None
        return timing

    def _references(self, entrants: Iterable[Entrant]) -> dict[tuple[str, str], Product]:
        """Give every entrant whose work is known a copy of that size; a product for each device and dtype."""
        moved = {id(one): sum(part["bytes"] for part in one.timing.work.values()) for one in entrants}
        products: dict[tuple[str, str], Product] = {}
        shared: dict[str, Any] = {}
        for one in entrants:
            device, dtype = one.subject.device, one.timing.dtype
            if moved[id(one)]:
                if str(device) not in shared:
                    shared[str(device)] = buffers(device, moved.values())
                one.copy = Copy(shared[str(device)], moved[id(one)])
            if (str(device), dtype) not in products:
                products[str(device), dtype] = Product(device, getattr(torch, dtype))
        return products

    def _take_turns(self, entrants: Sequence[Entrant], products: dict[tuple[str, str], Product]) -> None:
        backends_that_ran()
        start = self.clock()
        self.report("measuring", 0, 1)
        with _no_garbage_collection():
            for number in range(self.limits.repeats + 1):
                for product in products.values():
                    product()
                for place, entrant in enumerate(entrants):
                    if self.stop() is not None:
                        return
                    if entrant.has_time(self.limits):
                        try:
                            entrant.take(self.act, self.clock)
                        except KeyboardInterrupt:
                            raise
                        except BaseException as error:  # such as too little memory: the others go on
                            entrant.failure = one_line(error)
                    left = _left(entrants, place, number, self.limits)
                    done = self.clock() - start
                    self.report("measuring", done, done + left)

    def _told(self, entrant: Entrant, products: dict[tuple[str, str], Product]) -> Timing:
        """The timing of an entrant that is through."""
        timing, repeats = entrant.timing, self.limits.repeats
        product = products[str(entrant.subject.device), timing.dtype].told()
        if entrant.copy is not None and product["seconds"]:
            timing.references = {"copy": entrant.copy.told(), "product": product}
        if entrant.turns <= repeats:
            failed = None if entrant.failure is None else f"the next one failed: {entrant.failure}"
            why = failed or self.stop() or f"no more fitted into --max-time {self.limits.max_time:g} s"
            timing.reason = f"{entrant.turns - 1} of {repeats} repetitions: {why}"
        return timing


def _left(entrants: Sequence[Entrant], place: int, number: int, limits: Limits) -> float:
    """Seconds that the turns still take, after that of the entrant at `place` in round `number`."""
    left = 0.0
    for at, one in enumerate(entrants):
        rounds = limits.repeats - number + (at > place)
        left += min(rounds * one.turn_seconds, max(0.0, limits.max_time - one.spent))
    return left


def _add(counts: dict[str, dict[str, int]], more: dict[str, dict[str, int]]) -> None:
    for operation, backends in more.items():
        for backend, count in backends.items():
            known = counts.setdefault(operation, {})
            known[backend] = known.get(backend, 0) + count


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """No search for garbage while the clock runs: it would hit a case at random."""
    before = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
