"""Progress of a campaign on standard error: all runs under way in a terminal, a line now and then in a log."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.cli.progress import DRAW_EVERY, LINE_EVERY, LONGEST
from harness.cli.terminal import clean, duration, score, tell
from harness.engines import Ended, RunUnit
from harness.suites.board import Board, Under, Way
from harness.suites.campaign import Watch

ROOM = 4
"""Lines of a terminal that are left free above the runs under way."""


class SuiteProgress(Watch):
    """Shows how a campaign goes on.

    Args:
        suite: its name.
        metric: the metric of a task's label.
    """

    def __init__(self, suite: str, metric: Callable[[str], str]) -> None:
        self.suite, self.metric = clean(suite), metric
        self.console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self._started_at = time.monotonic()
        self._shown_at = -math.inf
        self._board: Board | None = None
        self._line_before = ""

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the state of the whole as the last line."""
        self.live.stop()
        if self._board is not None:
            self.console.print(self._whole(self._board, left=False), soft_wrap=True)

    def show(self, board: Board) -> None:
        """Draw anew in a terminal, tell of the whole in a log; neither at every call."""
        self._board, now = board, time.monotonic()
        if now - self._shown_at < self._pause(now):
            return
        self._shown_at = now
        if self.console.is_terminal:
            self.live.update(self._drawing(board), refresh=True)
        elif (line := self._whole(board)) != self._line_before:
            self._line_before = line
            self.console.print(line, soft_wrap=True)

    def ended(self, under: Under, event: Ended, way: Way) -> None:
        """One line for each run that ended; trials are counted only."""
        unit, (_, task, _) = under.unit, under.kind
        if not isinstance(unit, RunUnit) or way == "refused":
            return
        state = "done before" if event.known and way == "done" else way
        parts = {"valid": event.valid, "test": event.test}
        scores = ", ".join(f"{part} {score(self.metric(task), value)}" for part, value in parts.items())
        about = [scores, duration(event.seconds)] if event.how == "over" else [duration(event.seconds)]
        if event.run is not None:
            about[-1] += f", run {event.run}"
        if event.where and event.where != platform.node():
            about[-1] += f" on {event.where}"
        reason = f": {event.sentence}" if event.sentence else ""
        self.console.print(clean(f"{unit.name}: {state}{reason} ({'; '.join(about)})"), soft_wrap=True)

    def tell(self, line: str) -> None:
        """A line above those that move in a terminal."""
        if self.console.is_terminal:
            self.console.print(clean(line), soft_wrap=True)
        else:
            tell(line)

    def _pause(self, now: float) -> float:
        if self.console.is_terminal:
            return DRAW_EVERY
        return min(max(LINE_EVERY, (now - self._started_at) / 20), LONGEST)

    def _drawing(self, board: Board) -> Text:
        """The runs under way, as many as there is room for, and the whole."""
        under = sorted(board.under.values(), key=lambda one: one.began)
        room = max(1, self.console.height - ROOM)
        lines = [self._line(one) for one in under[:room]]
        if len(under) > room:
            lines.append(f"and {len(under) - room} more")
        return Text("\n".join([*lines, self._whole(board)]), no_wrap=True, overflow="ellipsis")

    def _line(self, one: Under) -> str:
        """How a unit under way stands."""
        latest = one.latest
        if latest is None:
            return clean(f"{one.unit.name}: is made ready")
        words = [f"epoch {min(int(latest.done) + 1, latest.epochs)}/{latest.epochs}"]
        if latest.loss is not None:
            words.append(f"loss {latest.loss:.4g}")
        if latest.valid is not None:
            words.append(f"valid {score(self.metric(one.kind[1]), latest.valid)}")
        if (left := one.left()) is not None:
            words.append(f"{duration(left)} left")
        return clean(f"{one.unit.name}: {', '.join(words)}")

    def _whole(self, board: Board, left: bool = True) -> str:
        """How the whole stands."""
        ways = ", ".join(f"{board.runs[way]} {way}" for way in ("failed", "refused") if board.runs[way])
        words = [f"{self.suite}: {board.over} of {board.total} runs over{f' ({ways})' if ways else ''}"]
        if board.all_trials:
            words.append(f"{board.trials} of {board.all_trials} trials")
        if left and board.under:
            words.append(f"{len(board.under)} under way")
        if left and (seconds := board.left()) is not None:
            words.append(f"about {duration(seconds)} left")
        return clean(", ".join(words))
