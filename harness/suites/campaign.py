"""A campaign: all that is missing of a suite is trained, on whatever engine, and can be ended and begun again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from harness.engines import Ended, Engine, Event, Progressed, Said
from harness.errors import UserError
from harness.home import Home
from harness.interruption import Interruption, listening
from harness.locking import run_lock
from harness.store import Store
from harness.suites.agenda import Pending
from harness.suites.board import Board, Under, Way
from harness.suites.books import LIVES, Books
from harness.suites.cells import Cell, Grid
from harness.suites.driver import driving
from harness.suites.outcome import Outcome
from harness.suites.searching import Studies
from harness.suites.standing import Standing

LOOK = 0.25
"""Seconds between two looks at the engine, where nothing happens."""


FEW = 4
"""Of so many units each may die over and over before all others are taken to do the same."""


class Watch:
    """Sees a campaign go on. The default shows nothing."""

    def show(self, board: Board) -> None:
        """Called often, whenever something may have changed."""

    def ended(self, under: Under, event: Ended, way: Way) -> None:
        """A unit came to an end that is one."""

    def tell(self, line: str) -> None:
        """A line for the person."""


class Campaign:
    """Trains what a grid lacks. Use :meth:`run` once.

    Args:
        grid: the suite, worked out.
        open_engine: opens where units are trained; takes what hears of progress while the engine is polled.
        studies: makes the studies of cells that are tuned.
        stand: how cells stand by what is stored; see :func:`harness.suites.standing.standings`.
        chosen: the cells of the grid to be trained, if not all.
        redo: train what failed in an earlier campaign anew.
    """

    def __init__(
        self,
        grid: Grid,
        store: Store,
        open_engine: Callable[[Callable[[Event], None]], Engine],
        home: Home,
        studies: Studies,
        stand: Callable[[Sequence[Cell]], Sequence[Standing]],
        chosen: Sequence[Cell] | None = None,
        redo: bool = False,
        watch: Watch | None = None,
    ) -> None:
        self.grid, self.store, self.home, self._open_engine = grid, store, home, open_engine
        cells = [cell for cell in (grid.cells if chosen is None else chosen) if cell.skip is None]
        self.watch = watch or Watch()
        self.books = Books(cells, studies, stand, redo, self._tell, self._close)
        self.board, self.outcome = self.books.board, self.books.outcome
        self._events: deque[Event] = deque()
        self._said: set[str] = set()
        self._broken = False
        self._deaths = 0
        self._widest = 1

    def run(self) -> Outcome:
        """Train until nothing is left that can be trained, or until a signal asks for an end.

        Raises:
            UserError: another driver is at this suite; the store or the engine cannot be used; units die again and
                again. What was under way has been stopped with checkpoints.
        """
        with driving(self.grid.name, self.store, self.home), listening() as asked:
            skipped = [(cell.arch, cell.task, cell.skip) for cell in self.grid.cells if cell.skip is not None]
            self.store.replace_skipped(self.grid.name, skipped)
            self.engine = self._open_engine(self.hear)
            try:
                with asked.deferred():
                    self._drive(asked)
            except KeyboardInterrupt:  # asked twice: at once, then
                self.outcome.stopped = asked.reason() or "stopped by SIGINT"
            finally:
                self.engine.close()
        self.watch.show(self.board)
        return self.outcome

    def _drive(self, asked: Interruption) -> None:
        try:
            self.books.plan()
            self.outcome.stopped = self._work(asked)
        except KeyboardInterrupt:
            raise
        except Exception:
            self._stop(asked)
            raise
        self._stop(asked)

    def hear(self, event: Event) -> None:
        """Take in an event. Engine ``local`` tells of progress in the middle of :meth:`Engine.poll`."""
        if isinstance(event, Progressed):
            self.board.hear(event)
        elif isinstance(event, Said):
            self._tell(event.line)
        elif event.key in self.board.under:
            under = self.board.under[event.key]
            if event.how != "died" or under.first is not None:
                self._deaths = 0
            else:
                self._deaths += 1
            way = self.books.ended(event)
            if way is not None:
                self.watch.ended(under, event, way)
            self._refuse_to_go_on(event)
        self.watch.show(self.board)

    def _work(self, asked: Interruption) -> str | None:
        """Begin units and hear of them; why that ended early."""
        while not (reason := asked.reason()):
            self._begin_units()
            self.watch.show(self.board)
            if self.books.empty:
                return None
            if not self._poll(asked) and not self.board.under:  # others are at what is left
                time.sleep(LOOK)
        return reason

    def _poll(self, asked: Interruption) -> bool:
        """Hear what happened; whether anything did. What an error keeps from being heard is heard the next time."""
        try:
            self._events.extend(self.engine.poll(LOOK))
        except BaseException:
            self._broken = True  # of such an engine no ends are to be expected
            raise
        happened = bool(self._events)
        self.books.stopping = self.books.stopping or asked.reason() is not None  # as may be why units ended
        while self._events:
            self.hear(self._events.popleft())
        return happened

    def _begin_units(self) -> None:
        while self.engine.free() > 0 and (item := self.books.next()) is not None:
            unit = item.unit if isinstance(item, Pending) else item.unit()
            try:
                self.engine.begin(unit)
            except UserError as error:
                self.books.not_begun(item, str(error))
                continue
            self.board.begin(unit, item.kind)
            self._widest = max(self._widest, len(self.board.under))

    def _refuse_to_go_on(self, event: Ended) -> None:
        """End a campaign whose units do nothing but die: something is wrong with all of them."""
        if self._deaths >= LIVES * max(FEW, self._widest) and not self.books.stopping:
            raise UserError(
                f"{self._deaths} processes in a row ended before they came to train, the last {event.sentence}: mend"
                " that, and give the same command again"
            )

    def _stop(self, asked: Interruption) -> None:
        """Ask whatever is under way to stop, and wait for its checkpoints."""
        self.books.stopping = True
        if self.board.under and not self._broken:
            self.engine.stop()
        while self.board.under and not self._broken:
            self._poll(asked)
            self.watch.show(self.board)

    def _close(self, run_id: str, reason: str) -> None:
        """Let a run that worker after worker died over be a failed one, unless somebody else is at it by now."""
        with suppress(UserError):
            run = self.store.get(run_id)
            lock = run_lock(run.recipe_hash, run.seed, run.device)
            with self.store.alone(lock, f"run {run_id}", "wait for it"):
                if run.state in ("running", "interrupted"):
                    self.store.update(run_id, state="failed", reason=reason)

    def _tell(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self.watch.tell(line)
