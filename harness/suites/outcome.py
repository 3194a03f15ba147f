"""What became of a campaign, for the summary and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.interruption import EXIT_CODES
from harness.suites.board import Board


@dataclass
class Outcome:
    """What became of the runs and searches of a campaign."""

    board: Board
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Name of a unit or a search, and why it failed; those that failed in an earlier campaign too."""
    refusals: dict[str, list[str]] = field(default_factory=dict)
    """Sentence -> names of what it concerns."""
    stopped: str | None = None
    """Why the campaign ended early: ``stopped by SIGINT``."""

    def fail(self, name: str, reason: str) -> None:
        """Something failed."""
        self.failures.append((name, reason))

    def refuse(self, sentence: str, names: Sequence[str]) -> bool:
        """Something was refused; whether this sentence is new."""
        new = sentence not in self.refusals
        self.refusals.setdefault(sentence, []).extend(names)
        return new

    @property
    def exit_code(self) -> int:
        """0 where all is done, 1 where something failed, 2 where something was refused; after a signal, its own."""
        if self.stopped is not None:
            return EXIT_CODES.get(self.stopped, 130)
        return 2 if self.refusals else int(bool(self.failures))
