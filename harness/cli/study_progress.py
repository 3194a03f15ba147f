"""Progress of a study on standard error: a line for all its workers, redrawn in a terminal, now and then in a log."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import Self

from harness.cli.progress import LINE_EVERY, LONGEST
from harness.cli.terminal import clean, duration, score, tell
from harness.tuning import tally
from harness.tuning.study import Study

LEFT = ", about "
"""What the time left begins with, in a line of progress."""


class StudyProgress:
    """Shows how a study stands on the way to a number of `trials`."""

    def __init__(self, trials: int) -> None:
        self.trials = trials
        self._started_at = self._told_at = time.monotonic()
        self._before: int | None = None
        self._line = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last line where it is, as the state of the study."""
        if self._line:
            line, _, _ = self._line.partition(LEFT)
            print(f"\r\x1b[K{line}" if sys.stderr.isatty() else line, file=sys.stderr, flush=True)

    def show(self, study: Study) -> None:
        """Tell how the study stands, in a log only when it is time for a line."""
        trials, now = study.trials(), time.monotonic()
        over = tally.ended(trials)
        if self._before is None:
            self._before = over
        self._line = self._state(study, over, now)
        if sys.stderr.isatty():
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{self._line[:width]}", end="", file=sys.stderr, flush=True)
        elif now - self._told_at >= min(max(LINE_EVERY, (now - self._started_at) / 20), LONGEST):
            self._told_at = now
            print(self._line, file=sys.stderr, flush=True)

    def tell(self, line: str) -> None:
        """A line above the one that moves."""
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        tell(line)

    def _state(self, study: Study, over: int, now: float) -> str:
        trials = study.trials()
        found, best = tally.counts(trials), tally.best(trials, study.plan.higher_is_better)
        ways = ", ".join(f"{found[word]} {word}" for word in ("pruned", "failed") if found[word])
        line = f"{study.name}: {over} of {self.trials} trials done{f' ({ways})' if ways else ''}"
        if found["running"]:
            line += f", {found['running']} running"
        if best is not None:
            line += f", best valid {score(study.plan.metric, best.value)} (trial {best.number})"
        new, left = over - (self._before or 0), self.trials - over
        if new > 0 and left > 0:
            line += f"{LEFT}{duration((now - self._started_at) / new * left)} left"
        return clean(line)
