"""Progress of runs on standard error: a moving bar in a terminal, a line now and then in a log file."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from harness.cli.data_report import DRAW_EVERY as DRAW_EVERY
from harness.cli.data_report import LINE_EVERY as LINE_EVERY
from harness.cli.data_report import DataReport as DataReport
from harness.cli.terminal import clean, duration, score, tell
from harness.execution import Monitor
from harness.store import Run
from harness.training import Progress

LONGEST = 60.0
"""Seconds between two lines of a long run, where there is no terminal."""
WIDE = 100
"""Columns of a terminal from which on there is room for a bar beside the words."""


class TerminalMonitor(Monitor):
    """Shows loss, validation metric and time left of the run under way; prints a line for each run that ended, which
    is a result and goes to standard output.

    Args:
        metric: name of the task's metric.
        epochs: planned epochs of a run.
    """

    def __init__(self, metric: str, epochs: int) -> None:
        self.metric, self.epochs = metric, epochs
        self.console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        name, state = (TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[state]"))
        drawing = [BarColumn(12)] if self.console.width >= WIDE else []  # what is written matters more
        self.bar = Bar(name, *drawing, state, console=self.console, transient=True)
        self._drawn_at = 0.0
        self._started_at = 0.0
        self._started_with: float | None = None
        self._name = ""
        self._limit = math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hide()

    def on_start(self, run: Run, resumed: Progress | None) -> None:
        """Name the run, and say where one that was cut off goes on."""
        self._name = _name_of(run)
        self._limit = run.recipe.get("training", {}).get("max_time") or math.inf
        self._started_at = self._drawn_at = time.monotonic()
        self._started_with = None
        if resumed is None:
            self.console.print(f"{self._name}: run {run.id} begins", soft_wrap=True)
        else:
            where = f"epoch {resumed.epoch}, step {resumed.step} of the next"
            self.console.print(f"{self._name}: run {run.id} goes on after {where}", soft_wrap=True)
        for task in self.bar.task_ids:
            self.bar.remove_task(task)
        self.bar.add_task(self._name, total=self.epochs, completed=resumed.epoch if resumed else 0, state="")
        if self.console.is_terminal:
            self.bar.start()

    def on_step(self, progress: Progress, steps: int, loss: Callable[[], float]) -> None:
        """Redraw, but not at every step."""
        if self._started_with is None:
            self._started_with = progress.epoch + (progress.step - 1) / steps
        now = time.monotonic()
        if now - self._drawn_at < self._pause(now):
            return
        self._drawn_at = now
        self._show(progress, progress.epoch + progress.step / steps, f"loss {loss():.4g}")

    def on_epoch(self, progress: Progress) -> None:
        """Show the validation, in a terminal always, elsewhere when it is time for a line."""
        now = time.monotonic()
        if self.console.is_terminal or now - self._drawn_at >= self._pause(now):
            self._drawn_at = now
            self._show(progress, progress.epoch, f"loss {progress.curve[-1].train_loss:.4g}")

    def on_end(self, run: Run, *, known: bool) -> None:
        """One line for a run that ended."""
        self._hide()
        parts = ("valid", "test") if run.trial is None else ("valid",)
        scores = ", ".join(f"{part} {score(self.metric, run.metrics.get(part))}" for part in parts)
        note = "done before" if known else run.state
        reason = f": {clean(run.reason)}" if run.reason else ""
        print(f"{_name_of(run)}: {note}{reason} ({scores}; {duration(run.seconds)}, run {run.id})", flush=True)
        for warning in run.warnings:
            tell(f"warning: {warning}")

    def _hide(self) -> None:
        """Take the bar off the screen, so that others may write there: the preparation of data, a line about a run."""
        if self.console.is_terminal:
            self.bar.stop()

    def _pause(self, now: float) -> float:
        """Seconds to wait between two signs of life."""
        if self.console.is_terminal:
            return DRAW_EVERY
        return min(max(LINE_EVERY, (now - self._started_at) / 20), LONGEST)

    def _show(self, progress: Progress, done: float, loss: str) -> None:
        state = f"epoch {min(progress.epoch + (not progress.over), self.epochs)}/{self.epochs}, {loss}"
        if progress.curve:
            state += f", valid {score(self.metric, progress.curve[-1].valid)}"
        pace = (time.monotonic() - self._started_at) / max(done - (self._started_with or 0.0), 1e-9)
        left = 0.0 if progress.over else min(pace * (self.epochs - done), max(0.0, self._limit - progress.seconds))
        state += f", {duration(left)} left"
        if self.console.is_terminal:
            self.bar.update(self.bar.task_ids[0], completed=done, state=state)
        else:
            self.console.print(f"{self._name}: {state}", soft_wrap=True)


def _name_of(run: Run) -> str:
    which = f"seed {run.seed}" if run.trial is None else f"trial {run.trial} of {run.study}"
    return clean(f"{run.arch} on {run.task}, {which}")
