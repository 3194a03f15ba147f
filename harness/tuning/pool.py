"""Several trials of a study at once, on any engine: a worker that dies takes nothing with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from harness.engines import Ended, Engine, Event, Progressed, Said, TrialUnit
from harness.errors import UserError
from harness.interruption import Interruption, listening
from harness.tuning import tally
from harness.tuning.study import Study

LOOK = 0.25
"""Seconds between two looks at the workers."""
COUNT = 1.0
"""Seconds between two looks at the trials."""
DEATHS = 3
"""Workers for each one asked for that may die without an end of a trial in between, before the pool gives up."""


@dataclass
class Pool:
    """Trains what a study lacks, up to `size` trials at once.

    Attributes:
        engine: where they are trained. It is left open.
        unit: a trial of the study; each one that is begun gets a key of its own.
        show: hears how the study stands, about once a second.
        tell: hears a line for the person now and then: of a worker that died, or what one said.
    """

    study: Study
    engine: Engine
    unit: TrialUnit
    size: int
    show: Callable[[Study], None] = lambda study: None
    tell: Callable[[str], None] = lambda line: None
    _deadline: float | None = None
    _under: dict[str, bool] = field(default_factory=dict)
    """Key of a unit under way -> whether it is known to have a trial."""
    _deaths: int = 0
    _over: int = 0
    _shown_at: float = -COUNT
    _numbers: count[int] = field(default_factory=count)

    def run(self, timeout: float | None = None) -> str | None:
        """Train until no trial is open, or for `timeout` seconds.

        Returns why that ended early: ``timeout``, or the signal that asked for an end; None where all is done. Raises
        :class:`UserError` with the sentence of a worker that cannot go on, and where workers die again and again.
        """
        self._deadline = time.monotonic() + timeout if timeout is not None else None
        try:
            with listening() as asked, asked.deferred():
                while True:
                    if reason := self._end(asked):
                        return reason
                    self._show()
                    if not self._begin():
                        return None
                    self._hear()
        finally:
            self._dismiss()
            self.show(self.study)

    def hear(self, event: Event) -> None:
        """Take in an event; engine ``local`` tells of some in the middle of a poll."""
        if isinstance(event, Progressed):
            self._under[event.key] = True
            self._show()
            if self._late():  # engine `local` is in the middle of a trial, and hears of it now
                self.engine.stop()
        elif isinstance(event, Said):
            self.tell(event.line)
        else:
            self._under.pop(event.key, None)
            self._look_at(event)

    def _end(self, asked: Interruption) -> str | None:
        return "timeout" if self._late() else asked.reason()

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _show(self) -> None:
        if time.monotonic() - self._shown_at >= COUNT:
            self._shown_at = time.monotonic()
            self.show(self.study)

    def _begin(self) -> bool:
        """Begin units for the trials that wait; whether there is anything left to wait for."""
        trials = self.study.trials()
        if tally.ended(trials) > self._over:
            self._over, self._deaths = tally.ended(trials), 0
        waiting = tally.claimable(trials, self.unit.trials) - list(self._under.values()).count(False)
        for _ in range(min(self.engine.free(), self.size - len(self._under), waiting)):
            key = f"{self.unit.key}, {next(self._numbers)}"
            self.engine.begin(replace(self.unit, key=key))
            self._under[key] = False
        if self._under:
            return True
        if tally.counts(trials)["running"]:  # of other pools; whoever looks after them takes what they lose
            self.study.recover()
            return True
        return tally.claimable(trials, self.unit.trials) > 0

    def _hear(self) -> None:
        if not self._under:
            time.sleep(LOOK)
        for event in self.engine.poll(LOOK):
            self.hear(event)

    def _look_at(self, event: Ended) -> None:
        """Look after a unit that has ended: by itself, by a sentence for the person, or with its worker."""
        if event.how == "refused":
            raise UserError(event.sentence)
        if event.how == "over":
            return
        self._deaths += 1
        lost = self.study.recover()
        trials = f"; trial {', '.join(map(str, lost))} begins again where it was" if lost else ""
        self.tell(f"warning: a worker ended {event.sentence}{trials}")
        if self._deaths >= DEATHS * self.size:
            raise UserError(
                f"{self._deaths} workers in a row ended before their trials did, the last {event.sentence}: mend that,"
                " and give the same command again"
            )

    def _dismiss(self) -> None:
        """Ask all workers to stop, wait for their checkpoints, and take in trials of any that died over it."""
        try:
            if self._under:
                self.engine.stop()
            while self._under:
                for event in self.engine.poll(LOOK):
                    if isinstance(event, Ended):
                        self._under.pop(event.key, None)
        except KeyboardInterrupt:  # asked once more: at once, then
            self.engine.close()
            self._under.clear()
        self.study.recover()
