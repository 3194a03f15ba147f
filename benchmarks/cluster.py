"""The model of ``benchmarks/simulation.py``: workers, a desk, a store, a driver, and nodes that fail.

A worker takes a unit from the driver, calls the store for its run, trains, tells the desk of its progress every so
often and waits for the answer, logs its curve after an epoch but not more than once a second, and calls the store at
the end. The desk is one process of Python: it computes for one call at a time, in order. A SQLite store is behind the
desk and has one writer, for which calls wait while the desk goes on with others; a server has several, and is called
by the workers themselves after they asked the desk whether they still may. Nodes fail after exponential times; their
units begin again at the last checkpoint where there is a shared folder, else from the start. There is always a next
unit.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from random import Random

from events import Clock, Process, Servers, Steps, Waiting

QUIET = 300.0
"""Seconds that a worker trains in one piece where it tells nobody."""


@dataclass(frozen=True)
class Costs:
    """Seconds, as measured."""

    call: float
    """The desk computes for a call, its store not counted."""
    latency: float
    """Of a call to a desk that is idle, beyond the service."""
    write: float
    """One transaction of the store."""
    computing: float
    """The part of it in which whoever asked for it computes: the desk, for a store behind it."""
    begin: float
    """The driver is busy with the begin and the end of a unit."""
    writers: int = 1
    """Transactions that the store has at once."""
    behind_desk: bool = True
    """Whether the store is a file that only the desk writes."""
    checkpoint: float = 0.0
    exponential: bool = False
    """Whether services last exponential times with these means, for comparisons with theory."""


@dataclass(frozen=True)
class Cluster:
    """Workers, and the nodes that they are on."""

    workers: int
    per_node: int = 16
    mean_time_between_failures: float = math.inf
    """Of one node, in seconds."""
    repair: float = 300.0
    """Seconds until the workers of a failed node are there again."""


@dataclass(frozen=True)
class Habits:
    """What workers do besides training."""

    progress_every: float = 1.0
    checkpoint_every: float = 10.0
    shared: bool = False
    """Whether the next worker of a unit sees its checkpoints."""
    calls_at_start: int = 3
    calls_at_end: int = 3
    """Of the store."""
    desk_calls: int = 2
    """Of the desk alone, at the start and again at the end: to be known, and for a lock."""
    lives: float = 3
    """A unit over which so many workers died is given up."""


@dataclass
class Unit:
    """A run: how long it is and how far it came, in seconds of training."""

    seconds: float
    log_every: float
    done: float = 0.0
    since_log: float = 0.0
    deaths: int = 0


@dataclass(frozen=True)
class Answer:
    """What came out, over the time that was watched."""

    utilisation: float
    """Share of the workers' time in which they trained, whether or not the work was lost later."""
    kept: float
    """Share of their time in which they trained what was not lost."""
    runs_per_hour: float
    """Kept training, counted in runs of mean length."""
    desk_busy: float
    store_busy: float
    driver_busy: float
    wait: float
    """Mean seconds in the queue of the desk."""
    longest_queue: int
    deaths: int
    given_up: int
    finished: int
    turnaround: float
    """Mean seconds from the first begin of a finished unit to its end, where it began in this time; else nan."""


Draw = Callable[[Random], tuple[float, float]]
"""Draws a run: its seconds of training, and the seconds between two writes of its curve."""


@dataclass
class Campaign:
    """A cluster at work. One object is one experiment: call :meth:`watch` once."""

    costs: Costs
    cluster: Cluster
    habits: Habits
    draw: Draw
    seed: int = 0
    clock: Clock = field(default_factory=Clock)
    trained: float = 0.0
    lost: float = 0.0
    deaths: int = 0
    given_up: int = 0
    finished: int = 0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.desk, self.driver = Servers(self.clock), Servers(self.clock)
        self.store = Servers(self.clock, self.costs.writers)
        self.waiting: deque[Unit] = deque()
        self._times: list[float] = []
        self._began: dict[int, float] = {}

    def watch(self, seconds: float, warm_up: float = 0.0) -> Answer:
        """Let the cluster work, and count what happens in `seconds` after `warm_up`.

        At time zero all workers are in the middle of a run, as if they had been at work for long.
        """
        sample = [self.draw(self.random) for _ in range(2000)]
        mean = sum(length for length, _ in sample) / len(sample)
        weights = [length for length, _ in sample]
        for node in range(math.ceil(self.cluster.workers / self.cluster.per_node)):
            size = min(self.cluster.per_node, self.cluster.workers - node * self.cluster.per_node)
            found = self.random.choices(sample, weights, k=size)  # who looks at any moment meets long runs more often
            units = [Unit(*one, done=one[0] * self.random.random()) for one in found]
            Process(self._node(units)).resume()
        self.clock.run(warm_up)
        for servers in (self.desk, self.driver, self.store):
            servers.forget()
        self.trained = self.lost = 0.0
        self.deaths = self.given_up = self.finished = 0
        self._times.clear(), self._began.clear()
        self.clock.run(warm_up + seconds)
        return self._answer(seconds, mean)

    def _answer(self, seconds: float, mean: float) -> Answer:
        worked = seconds * self.cluster.workers
        kept = max(0.0, self.trained - self.lost)
        return Answer(
            utilisation=self.trained / worked,
            kept=kept / worked,
            runs_per_hour=kept / mean / seconds * 3600,
            desk_busy=self.desk.busy_seconds / seconds,
            store_busy=self.store.busy_seconds / seconds / self.costs.writers,
            driver_busy=self.driver.busy_seconds / seconds,
            wait=self.desk.waited_seconds / max(1, self.desk.served),
            longest_queue=self.desk.longest_queue,
            deaths=self.deaths,
            given_up=self.given_up,
            finished=self.finished,
            turnaround=sum(self._times) / len(self._times) if self._times else math.nan,
        )

    def _node(self, units: list[Unit]) -> Steps:
        """A node: its workers until it fails, then new ones, and so on."""
        begun: list[Unit | None] = list(units)
        while True:
            at_work: list[Unit | None] = list(begun)
            workers = [Process(self._worker(place, at_work)) for place in range(len(begun))]
            for worker in workers:
                worker.resume()
            if math.isinf(self.cluster.mean_time_between_failures):
                return
            yield self.clock.pause(self.random.expovariate(1 / self.cluster.mean_time_between_failures))
            for worker, unit in zip(workers, at_work, strict=True):
                worker.kill()
                if unit is not None:
                    self._died(unit)
            yield self.clock.pause(self.cluster.repair)
            begun = [None] * len(begun)

    def _died(self, unit: Unit) -> None:
        saved = unit.done // self.habits.checkpoint_every * self.habits.checkpoint_every if self.habits.shared else 0.0
        self.lost += unit.done - saved
        self.deaths += 1
        unit.done, unit.deaths, unit.since_log = saved, unit.deaths + 1, 0.0
        if unit.deaths < self.habits.lives:
            self.waiting.append(unit)
        else:
            self.given_up += 1
            self.lost += saved
            self._began.pop(id(unit), None)

    def _worker(self, place: int, at_work: list[Unit | None]) -> Steps:
        """A worker of a node; ``at_work[place]`` is its unit."""
        unit = at_work[place]
        if unit is not None:
            if math.isfinite(self.habits.progress_every):  # or all would tell at the same moments
                yield self.clock.pause(self.random.random() * self.habits.progress_every)
            yield from self._finish(unit)
        while True:
            at_work[place] = None
            yield self.driver.serve(self._service(self.costs.begin))
            unit = self.waiting.popleft() if self.waiting else Unit(*self.draw(self.random))
            at_work[place] = unit
            if not unit.deaths:
                self._began[id(unit)] = self.clock.now
            for _ in range(self.habits.desk_calls):
                yield from self._call_desk(0.0)
            for _ in range(self.habits.calls_at_start):
                yield from self._call_store()
            yield from self._finish(unit)

    def _finish(self, unit: Unit) -> Generator[Waiting, None, None]:
        slowed = 1 + self.costs.checkpoint / self.habits.checkpoint_every
        while unit.done < unit.seconds:
            piece = min(unit.seconds - unit.done, self.habits.progress_every, QUIET)
            start = self.clock.now
            try:
                yield self.clock.pause(piece * slowed)
            except GeneratorExit:
                came = min(piece, (self.clock.now - start) / slowed)
                unit.done, self.trained = unit.done + came, self.trained + came
                raise
            unit.done, unit.since_log, self.trained = unit.done + piece, unit.since_log + piece, self.trained + piece
            if math.isfinite(self.habits.progress_every):
                yield from self._call_desk(0.0)
            if unit.since_log >= unit.log_every:
                unit.since_log = 0.0
                yield from self._call_store()
        for _ in range(self.habits.calls_at_end):
            yield from self._call_store()
        for _ in range(self.habits.desk_calls):
            yield from self._call_desk(0.0)
        self.finished += 1
        if (began := self._began.pop(id(unit), None)) is not None:
            self._times.append(self.clock.now - began)

    def _call_store(self) -> Generator[Waiting, None, None]:
        if self.costs.behind_desk:
            yield from self._call_desk(self.costs.computing)
        else:
            yield from self._call_desk(0.0)  # may this worker still write?
            yield self.clock.pause(self.costs.computing)
        if self.costs.write > self.costs.computing:
            yield self.store.serve(self._service(self.costs.write - self.costs.computing))

    def _call_desk(self, computing: float) -> Generator[Waiting, None, None]:
        if self.costs.latency:
            yield self.clock.pause(self.costs.latency)
        if self.costs.call + computing:
            yield self.desk.serve(self._service(self.costs.call + computing))

    def _service(self, mean: float) -> float:
        return self.random.expovariate(1 / mean) if self.costs.exponential and mean else mean


def fixed(seconds: float, log_every: float = math.inf) -> Draw:
    """All runs are equally long."""
    return lambda random: (seconds, log_every)


def one_of(lengths: Sequence[tuple[float, float]]) -> Draw:
    """Each of `lengths` is as likely as any other."""
    return lambda random: random.choice(lengths)
