"""Campaigns without training: an engine that only says how units end, and cells with recipes of the tiny pair."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.engines import Ended, Event, Progressed, Said, Unit
from harness.errors import UserError
from harness.home import Home
from harness.recipes import named
from harness.registry import Registry
from harness.store import Run, Store, open_store
from harness.suites.board import Board, Under, Way
from harness.suites.campaign import Campaign, Watch
from harness.suites.cells import Cell, Grid
from harness.suites.outcome import Outcome
from harness.suites.standing import standings

BUSY = "mean on sign with seed 0 is being trained by another process now: wait for it"
Script = dict[str, Sequence[str]]


class FakeEngine:
    """Ends units in the order in which they were begun, one a poll.

    `script` says by the name of a unit how its lives end: ``done`` (the default), ``fail``, ``die``, ``SIGINT`` (sent
    to this process, and the unit goes on), ``hang`` (until it is told to stop), ``deaf`` (even then); anything else is
    the sentence of a refusal.
    """

    def __init__(self, store: Store, size: int = 1, script: Script | None = None) -> None:
        self.store, self.size, self.script = store, size, {name: deque(ways) for name, ways in (script or {}).items()}
        self.begun: list[str] = []
        self.redone: list[str] = []
        self.under: list[Unit] = []
        self.most: list[set[str]] = []
        self.stopped = self.closed = 0

    def free(self) -> int:
        return self.size - len(self.under)

    def begin(self, unit: Unit) -> None:
        assert self.free() > 0, "more than the engine has room for"
        assert unit.key not in {one.key for one in self.under}, "two units of one key"
        self.begun.append(unit.name)
        if getattr(unit, "redo", False):
            self.redone.append(unit.name)
        self.under.append(unit)
        self.most.append({one.name for one in self.under})

    def poll(self, timeout: float) -> list[Event]:
        events: list[Event] = []
        for unit in list(self.under):
            event = self._event(unit)
            if isinstance(event, Ended):
                self.under.remove(unit)
            if event is not None:
                events.append(event)
                break
        return events

    def stop(self) -> None:
        self.stopped += 1

    def close(self) -> None:
        self.closed += 1

    def _event(self, unit: Unit) -> Event | None:
        ways = self.script.setdefault(unit.name, deque())
        way = ways[0] if ways else "done"
        if way in ("hang", "deaf"):
            if not self.stopped:
                return Progressed(unit.key, "r", 0.5, 2, 1.0)
            return Ended(unit.key, "over", "interrupted", "stopped by SIGTERM") if way == "hang" else None
        if ways:
            ways.popleft()
        if hasattr(signal, way):
            os.kill(os.getpid(), getattr(signal, way))
            return Said(unit.key, f"{way} was sent")
        if way == "die":
            return Ended(unit.key, "died", None, "by SIGKILL")
        if way not in ("done", "fail"):
            return Ended(unit.key, "refused", None, way)
        return self.over(unit, way)

    def over(self, unit: Unit, way: str) -> Ended:
        """Store the run of a unit that came to its end."""
        run = run_of(unit, "done" if way == "done" else "failed")
        self.store.add(run)
        return Ended(unit.key, "over", run.state, run.reason or "", run.id, "here", False, 0.5, 0.5, 1.0)


def run_of(unit: Unit, state: str = "done") -> Run:
    """The run that a unit of a run leaves in the store."""
    return Run(
        arch="mean",
        task="sign",
        seed=unit.seed,
        metric="accuracy",
        recipe=dict(unit.recipe),
        recipe_name=unit.recipe_name,
        recipe_hash=unit.recipe_hash,
        state=state,
        reason="it came to nothing" if state == "failed" else None,
        metrics={"valid": 0.5, "test": 0.5},
        data_checksum="sum",
    )


class Notes(Watch):
    """Writes down what a person would be told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ends: list[tuple[str, Way]] = []

    def show(self, board: Board) -> None:
        assert board.over <= board.total
        assert all(count >= 0 for count in board.waiting.values()), board.waiting

    def ended(self, under: Under, event: Ended, way: Way) -> None:
        self.ends.append((under.unit.name, way))

    def tell(self, line: str) -> None:
        self.lines.append(line)


class NoStudies:
    """For campaigns without searches."""

    def begin(self, cell: Cell):
        raise UserError(f"{cell.name} was not to be tuned")

    def best(self, cell: Cell, study):
        raise UserError(f"{cell.name} was not to be tuned")


class Rig:
    """A home, a store and a grid, and campaigns over them, one after the other.

    The cells are those of architectures ``a``, ``b``, ... on tasks; each has another recipe of the tiny pair.
    """

    def __init__(self, tmp_path: Path, registry: Registry, archs: str = "ab", tasks: str = "t", seeds: int = 2) -> None:
        self.home, self.registry = Home(tmp_path / "home"), registry
        self.store = open_store(self.home.path)
        cells = [
            Cell(
                arch, task, tuple(range(seeds)), named(registry, "mean", "sign", "standard", {"batch_size": 8 + number})
            )
            for number, (task, arch) in enumerate((task, arch) for task in tasks for arch in archs)
        ]
        self.grid = Grid("tiny", "Tiny", tmp_path / "tiny.toml", tuple(cells))
        self.notes = Notes()
        self.engine = FakeEngine(self.store)

    def cells(self, *cells: Cell) -> None:
        """Have these cells in place of the usual ones."""
        self.grid = replace(self.grid, cells=cells)

    def stand(self, cells: Sequence[Cell]):
        part = replace(self.grid, cells=tuple(cells))
        return standings(part, self.store, self.home, registry=self.registry)

    def run(
        self,
        script: Script | None = None,
        size: int = 1,
        make: Callable[..., FakeEngine] = FakeEngine,
        studies=None,
        **options,
    ) -> Outcome:
        """A campaign to its end."""
        self.notes, self.engine = Notes(), make(self.store, size, script)
        return Campaign(
            grid=self.grid,
            store=self.store,
            open_engine=lambda live: self.engine,
            home=self.home,
            studies=studies or NoStudies(),
            stand=self.stand,
            watch=self.notes,
            **options,
        ).run()
