"""Simulated time: a clock with a heap of events, servers with a queue, and processes that can be killed.

A process is a generator. What it yields says what it waits for: :meth:`Clock.pause` for a while, :meth:`Servers.serve`
for its turn and the service.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

Resume = Callable[[], None]
Waiting = Callable[[Resume], None]
"""Takes what is called when the waiting is over."""
Steps = Generator[Waiting, None, None]


class Clock:
    """The time, and what happens next. Events of one moment happen in the order in which they were set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0
        self._heap: list[tuple[float, int, Resume]] = []

    def after(self, seconds: float, happens: Resume) -> None:
        """Call `happens` when `seconds` have passed."""
        self.events += 1
        heapq.heappush(self._heap, (self.now + seconds, self.events, happens))

    def pause(self, seconds: float) -> Waiting:
        """What a process yields to wait `seconds`."""
        return lambda resume: self.after(seconds, resume)

    def run(self, until: float) -> None:
        """Let everything happen that is due by `until`."""
        while self._heap and self._heap[0][0] <= until:
            self.now, _, happens = heapq.heappop(self._heap)
            happens()
        self.now = until


@dataclass
class Process:
    """A generator that a clock drives. After :meth:`kill` it never goes on; what it asked for is still served."""

    steps: Steps
    dead: bool = False

    def resume(self) -> None:
        """Go on to the next thing to wait for."""
        if self.dead:
            return
        for waiting in self.steps:
            waiting(self.resume)
            return
        self.dead = True

    def kill(self) -> None:
        """End it where it stands."""
        self.dead = True
        self.steps.close()


@dataclass
class Servers:
    """`count` servers with one queue, first come, first served."""

    clock: Clock
    count: int = 1
    served: int = 0
    busy_seconds: float = 0.0
    """Of all servers together; a service counts when it ends."""
    waited_seconds: float = 0.0
    """In the queue, before the service."""
    longest_queue: int = 0
    _free: int = field(init=False)
    _queue: deque[tuple[float, float, Resume]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._free = self.count

    def serve(self, seconds: float) -> Waiting:
        """What a process yields to be served for `seconds` when its turn comes."""
        return lambda resume: self._arrive(seconds, resume)

    def forget(self) -> None:
        """Count anew from now on; who waits still waits."""
        self.served, self.busy_seconds, self.waited_seconds = 0, 0.0, 0.0
        self.longest_queue = len(self._queue)

    def _arrive(self, seconds: float, resume: Resume) -> None:
        self._queue.append((self.clock.now, seconds, resume))
        self.longest_queue = max(self.longest_queue, len(self._queue))
        self._next()

    def _next(self) -> None:
        if not self._free or not self._queue:
            return
        self._free -= 1
        since, seconds, resume = self._queue.popleft()
        self.waited_seconds += self.clock.now - since
        self.clock.after(seconds, lambda: self._done(seconds, resume))

    def _done(self, seconds: float, resume: Resume) -> None:
        self._free += 1
        self.served += 1
        self.busy_seconds += seconds
        self._next()
        resume()
