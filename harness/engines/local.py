"""Units in this very process, one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from harness.engines.engine import Conditions, Ended, Event, Progressed, Said
from harness.engines.hand import Hand
from harness.engines.unit import Unit
from harness.store import Store


class Local:
    """An :class:`~harness.engines.engine.Engine` that trains a unit while it is polled.

    Args:
        live: hears of progress and lines as they come; :meth:`poll` returns lines and ends only.
    """

    def __init__(self, conditions: Conditions, live: Callable[[Event], None] = lambda event: None) -> None:
        self._conditions, self._live = conditions, live
        self._waiting: deque[Unit] = deque()
        self._hand: Hand | None = None
        self._stopping = False

    def free(self) -> int:
        """One, where nothing waits."""
        return int(not self._waiting)

    def begin(self, unit: Unit) -> None:
        """Let a unit wait for the next poll."""
        self._waiting.append(unit)

    def poll(self, timeout: float) -> list[Event]:
        """Train the unit that waits, however long that takes; a signal stops it, and is known to whoever polls."""
        if not self._waiting:
            return []
        unit = self._waiting.popleft()
        if self._stopping:
            return [Ended(unit.key, "over", "interrupted", "stopped before it began")]
        if self._hand is None:
            self._hand = Hand(self._conditions, Store.open(self._conditions.store_url), self._tell)
        return [self._hand.carry_out(unit)]

    def stop(self) -> None:
        """Train nothing more; what is trained, as who hears of progress asks for this, stops at its next step."""
        self._stopping = True

    def close(self) -> None:
        """Let go of the data."""
        self._waiting.clear()
        self._hand = None

    def _tell(self, event: Progressed | Said) -> str | None:
        self._live(event)
        return "stopped" if self._stopping else None
