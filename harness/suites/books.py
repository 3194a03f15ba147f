"""The books of a campaign: what is missing, what each end of a unit means for it, and what comes next."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from harness.engines import Ended, RunUnit
from harness.errors import UserError
from harness.locking import BUSY
from harness.suites.agenda import Agenda, Pending, kind_of
from harness.suites.board import Board, Way
from harness.suites.cells import Cell
from harness.suites.outcome import Outcome
from harness.suites.searching import PAUSE, Searching, Studies
from harness.suites.standing import Standing

LIVES = 3
"""How often a unit may die before it is left alone."""
AGAIN, GIVEN_UP = "it begins again where it was", "it is left alone"


class Books:
    """What is left of some cells, and what became of the rest.

    Args:
        studies: makes the studies of cells that are tuned.
        stand: how cells stand by what is stored; see :func:`harness.suites.standing.standings`.
        redo: train what failed in an earlier campaign anew.
        tell: hears a line for the person, the same one only once.
        close: ends a stored run, by its id, over which worker after worker died, with the reason.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        studies: Studies,
        stand: Callable[[Sequence[Cell]], Sequence[Standing]],
        redo: bool,
        tell: Callable[[str], None],
        close: Callable[[str, str], None] = lambda run, reason: None,
    ) -> None:
        self.cells, self.studies, self.stand, self.redo, self.tell = cells, studies, stand, redo, tell
        self.close = close
        self.board, self.agenda = Board(), Agenda(cells)
        self.outcome = Outcome(self.board)
        self.stopping = False
        """Whether what is under way was asked to stop: nothing is held against it then."""

    @property
    def empty(self) -> bool:
        """Whether nothing is left."""
        return not self.agenda.runs and not self.agenda.searches

    # -- what is missing -----------------------------------------------------------------------------------------------

    def plan(self) -> None:
        """Put on the agenda what is missing."""
        for standing in self.stand(self.cells):
            self.board.waiting[kind_of(standing.cell)] += len(standing.cell.seeds)
            if standing.cell.search is not None and not standing.seeds:
                self._begin_search(standing.cell)
            else:
                self._take(standing)

    def _begin_search(self, cell: Cell) -> None:
        assert cell.search is not None
        try:
            searching = Searching(cell, cell.search, self.studies.begin(cell))
        except UserError as error:
            self._refuse(cell, str(error))
            return
        self.agenda.searches[searching.key] = searching
        self._look(searching)

    def _take(self, standing: Standing) -> None:
        """The runs of a cell whose recipe is known: those that are over are counted, the others go on the agenda."""
        cell, recipe, kind = standing.cell, standing.final, kind_of(standing.cell)
        if recipe is None:  # a search that found nothing
            self._fail_cell(cell, standing.reason or "its search found no recipe")
            return
        states = {seed: head.state for seed, head in standing.seeds.items()}
        done = [seed for seed in cell.seeds if states.get(seed) == "done"]
        failed = [seed for seed in cell.seeds if states.get(seed) in ("failed", "pruned")]
        alone = [] if self.redo else failed
        for seed in alone:
            self.outcome.fail(f"{cell.name}, seed {seed}", standing.seeds[seed].reason or "")
        self.board.settle(kind, "done", len(done))
        self.board.settle(kind, "failed", len(alone))
        todo = [seed for seed in cell.seeds if seed not in done and seed not in alone]
        self.board.waiting[kind] -= self.agenda.add(cell, recipe, todo, redo=failed)

    # -- what comes next -----------------------------------------------------------------------------------------------

    def next(self) -> Pending | Searching | None:
        """What to begin now; see :meth:`Agenda.next`. Searches that others are at are looked after first."""
        now = time.monotonic()
        for searching in list(self.agenda.searches.values()):
            if searching.under is None and not searching.ready(now) and now >= searching.look_after:
                self._look(searching)
        return self.agenda.next(now)

    def _look(self, searching: Searching) -> None:
        """See how a search stands, and take what it found once it is complete."""
        self.board.trials += searching.look(time.monotonic())
        self._count_trials()
        if searching.elsewhere:
            self.tell(f"{searching.cell.name}: a trial of study {searching.key} is trained by another process: waiting")
        self._close(searching)

    def _count_trials(self) -> None:
        """Trials that wait, by what is known of the studies now."""
        for kind in [kind for kind in self.board.waiting if kind[2] == "trial"]:
            self.board.waiting[kind] = 0
        for one in self.agenda.searches.values():
            self.board.waiting[one.kind] += one.left - (one.under is not None)

    def _close(self, searching: Searching) -> None:
        """Go on with what a search found, where all its trials are over or none can be had any more."""
        cell = searching.cell
        if not searching.complete and (searching.open or searching.elsewhere or searching.under is not None):
            return
        del self.agenda.searches[searching.key]
        self._count_trials()
        if not searching.complete:
            self._refuse(cell, f"study {searching.key} has no trial that waits: was it changed by others?")
            return
        try:
            self.studies.best(cell, searching.study)
        except UserError as error:
            self._fail_cell(cell, str(error))
            return
        [standing] = self.stand([cell])
        self._take(standing)

    def not_begun(self, item: Pending | Searching, sentence: str) -> None:
        """The engine refuses to begin what came next."""
        if isinstance(item, Searching):
            item.under = None
            self._give_up(item)
            self._refuse(item.cell, sentence)
            return
        del self.agenda.runs[item.unit.key]
        self.board.settle(item.kind, "refused", 1)
        self._drop(item, sentence)

    # -- what became of it ---------------------------------------------------------------------------------------------

    def ended(self, event: Ended) -> Way | None:
        """Take in the end of a unit; in what way it is over, None where it is to begin again."""
        unit = self.board.under[event.key].unit
        if isinstance(unit, RunUnit):
            return self._run_ended(self.agenda.runs[event.key], event)
        searching = next(one for one in self.agenda.searches.values() if one.under == event.key)
        return self._trial_ended(searching, event)

    def _run_ended(self, run: Pending, event: Ended) -> Way | None:
        name = run.unit.name
        way: Way | None = None
        if event.how == "over" and event.state == "done":
            way = "done"
        elif event.how == "over" and event.state != "interrupted":
            way = self._failed(name, event.sentence)
        elif event.how == "refused" and BUSY not in event.sentence:
            way = "refused"
        elif event.how == "refused":
            self.tell(f"{name}: {event.sentence}")
            run.begin_after = time.monotonic() + PAUSE
        elif not self.stopping:
            way = self._died(run, event)
        self.board.end(event, way)
        if way is None:
            self.agenda.wait(run)
        else:
            del self.agenda.runs[run.unit.key]
        if way == "refused":
            self._drop(run, event.sentence)
        return way

    def _died(self, run: Pending, event: Ended) -> Way | None:
        """A process ended under a run, or others stopped it: it has some more lives."""
        run.deaths += 1
        stopped = f"it was {event.sentence or 'interrupted'}"
        ended = f"its process ended {event.sentence}" if event.how == "died" else stopped
        self.tell(f"warning: {run.unit.name}: {ended}{_at(event)}; {AGAIN if run.deaths < LIVES else GIVEN_UP}")
        if run.deaths < LIVES:
            return None
        reason = f"it was begun {LIVES} times; the last time {ended}"
        begun = self.board.under[event.key].latest
        if begun is not None:
            self.close(begun.run, reason)
        return self._failed(run.unit.name, reason)

    def _trial_ended(self, searching: Searching, event: Ended) -> Way | None:
        searching.under = None
        way: Way | None = None
        if event.how == "over" and event.state in ("done", "pruned", "failed"):
            way = "failed" if event.state == "failed" else "done"
        elif event.how == "died" and not self.stopping:
            searching.deaths += 1
            self.tell(f"warning: {searching.cell.name}: a process ended {event.sentence} over a trial{_at(event)}")
        elif event.state == "interrupted":
            searching.deaths += 1
        self.board.end(event, way)
        if event.how == "refused" and BUSY not in event.sentence:
            self._give_up(searching)
            self._refuse(searching.cell, event.sentence)
        elif not self.stopping:
            self._look(searching)
            if event.how == "refused":
                searching.look_after = time.monotonic() + PAUSE
            if searching.deaths >= LIVES:  # where a trial is the cause, the study has let it fail by now
                self._give_up(searching)
                self._fail_cell(searching.cell, f"its processes ended before a trial did, the last {event.sentence}")
        self._count_trials()
        return way

    def _failed(self, name: str, reason: str) -> Way:
        self.outcome.fail(name, reason)
        return "failed"

    def _give_up(self, searching: Searching) -> None:
        self.agenda.searches.pop(searching.key, None)
        self._count_trials()

    def _fail_cell(self, cell: Cell, reason: str) -> None:
        """No run of this cell can be had."""
        self.tell(f"{cell.name}: {reason}")
        self.outcome.fail(cell.name, reason)
        self.board.settle(kind_of(cell), "failed", len(cell.seeds))

    def _refuse(self, cell: Cell, sentence: str) -> None:
        """A cell is refused before it came to its runs."""
        self.tell(sentence)
        self.outcome.refuse(sentence, [cell.name])
        self.board.settle(kind_of(cell), "refused", len(cell.seeds))

    def _drop(self, run: Pending, sentence: str) -> None:
        """A run was refused: those of its cell that would be refused likewise aren't begun."""
        self.tell(sentence)
        dropped = self.agenda.give_up(run.cell, self.board.under)
        self.outcome.refuse(sentence, [run.unit.name, *(one.unit.name for one in dropped)])
        self.board.settle(kind_of(run.cell), "refused", len(dropped))


def _at(event: Ended) -> str:
    return f" on {event.where}" if event.where and event.where not in event.sentence else ""
