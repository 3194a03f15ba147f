"""The desk of a campaign as its workers see it: a store and studies that are used as if they were here."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Literal

from optuna.trial import TrialState

from harness.engines.engine import Progressed, Said
from harness.errors import UserError
from harness.store import CurvePoint, Run, Store
from harness.store.database import Database
from harness.training import Pruned
from harness.tuning.plan import Plan
from harness.tuning.study import Claim

LOOK = 0.5
"""Seconds between two tries to have a lock."""
Group = Literal["news", "store", "locks", "studies"]


class Line:
    """A line from a worker to the desk, for one attempt at a unit."""

    def __init__(self, desk: Any, attempt: str) -> None:
        self._desk, self.attempt = desk, attempt
        self._ray = importlib.import_module("ray")
        self._waiting = ThreadPoolExecutor(1)
        self.lost: type[Exception] = self._ray.exceptions.RayError
        """Raised where the desk is gone."""

    def tell(self, event: Progressed | Said | str) -> str | None:
        """Pass an event on; the answer is why to stop, or None."""
        return self.call("news", "hear", event)

    def call(self, group: Group, method: str, *arguments: Any, **options: Any) -> Any:
        """What a method of the desk returns.

        A thread waits for it: while the main thread of a task waits, Ray lends the task's processors to others.
        """
        call = getattr(self._desk, method).options(concurrency_group=group)
        answer = call.remote(self.attempt, *arguments, **options)
        return self._waiting.submit(self._ray.get, answer).result()

    def ask(self, group: Group, method: str, *arguments: Any, **options: Any) -> Any:
        """The value that a method of the desk answers with; what it raised there is raised here."""
        kind, value = self.call(group, method, *arguments, **options)
        if kind == "is":
            return value
        raise Pruned(value) if kind == "pruned" else UserError(value)

    @contextmanager
    def alone(self, name: str, what: str, advice: str) -> Iterator[None]:
        """Hold a lock at the desk, which frees it when this worker dies; see :meth:`harness.locking.Locks.alone`."""
        told = False
        while (answer := self.call("locks", "lock", name, what, advice))[0] == "wait":
            if not told:
                self.tell(Said(None, f"{what} waits for a driver that was killed to let go of it"))
            told = True
            time.sleep(LOOK)
        if answer[0] == "refused":
            raise UserError(answer[1])
        try:
            yield
        finally:
            with suppress(self.lost):  # a desk that is gone holds nothing
                self.call("locks", "unlock", name)


class DeskStore(Store):
    """The store in a file of the driver's node, by the methods that training a run takes."""

    def __init__(self, line: Callable[[], Line], name: str) -> None:
        self._line, self._name = line, name

    @property
    def name(self) -> str:
        """Where the store is, for a person to read."""
        return self._name

    def _ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        return self._line().ask("store", "store", method, *arguments, **options)

    def add(self, run: Run) -> None:
        """See :class:`Store`, for all of these."""
        self._ask("add", run)

    def update(self, run_id: str, **values: Any) -> None:
        """Set fields of a run."""
        self._ask("update", run_id, **values)

    def log(self, run_id: str, points: Iterable[CurvePoint]) -> None:
        """Add points to a run's curve."""
        self._ask("log", run_id, list(points))

    def restart_curve(self, run_id: str, points: Iterable[CurvePoint]) -> None:
        """Replace a run's curve."""
        self._ask("restart_curve", run_id, list(points))

    def get(self, run: str) -> Run:
        """The run with this id."""
        return self._ask("get", run)

    def find(self, recipe_hash: str, seed: int, device: str) -> list[Run]:
        """The runs of one recipe, seed and kind of device."""
        return self._ask("find", recipe_hash, seed, device)

    def of_study(self, study: str) -> list[Run]:
        """The runs of a study's trials."""
        return self._ask("of_study", study)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete runs."""
        return self._ask("delete", ids)

    def alone(self, name: str, what: str, advice: str) -> Any:
        """Hold a lock of the store."""
        return self._line().alone(name, what, advice)

    def held(self, name: str) -> bool:
        """Whether a process has the lock `name` now."""
        return self._line().ask("locks", "held", name)


class ServedStore(Store):
    """The store on a database server, used from here. Its locks are held at the desk, and it is asked before a write.

    The server would see the death of a whole machine only after hours, and hold its locks so long.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.line: Callable[[], Line] | None = None

    def _permitted(self) -> None:
        if self.line is not None:
            self.line().ask("news", "permit")

    def add(self, run: Run) -> None:
        """Store a new run with its curve."""
        self._permitted()
        super().add(run)

    def update(self, run_id: str, **values: Any) -> None:
        """Set fields of a run."""
        self._permitted()
        super().update(run_id, **values)

    def log(self, run_id: str, points: Iterable[CurvePoint]) -> None:
        """Add points to a run's curve."""
        self._permitted()
        super().log(run_id, points)

    def restart_curve(self, run_id: str, points: Iterable[CurvePoint]) -> None:
        """Replace a run's curve."""
        self._permitted()
        super().restart_curve(run_id, points)

    def alone(self, name: str, what: str, advice: str) -> Any:
        """Hold a lock of the store."""
        assert self.line is not None
        return self.line().alone(name, what, advice)

    def held(self, name: str) -> bool:
        """Whether a process has the lock `name` now."""
        assert self.line is not None
        return self.line().ask("locks", "held", name)


class DeskStudy:
    """A study as :class:`harness.tuning.study.Trials` has it, kept at the desk wherever its storage is."""

    def __init__(self, line: Callable[[], Line], storage: str, name: str) -> None:
        """Raises :class:`UserError` where the desk cannot open the study."""
        self._line, self._storage, self.name = line, storage, name
        self.plan: Plan = self._ask("plan")
        self._local: bool = self._ask("local")

    def _ask(self, method: str, *arguments: Any) -> Any:
        return self._line().ask("studies", "study", self._storage, self.name, method, *arguments)

    @property
    def local(self) -> bool:
        """Whether workers give no signs of life: their deaths are seen at the desk."""
        return self._local

    def live(self) -> Mapping[str, Any]:
        """See :class:`harness.tuning.study.Trials`, for all of these."""
        return self._line().ask("studies", "live", self._storage, self.name)

    def leave(self) -> None:
        """End the life of this worker."""
        with suppress(self._line().lost):  # a desk that is gone keeps no life
            self._line().call("studies", "leave")

    def claim(self, worker: Mapping[str, Any], limit: int | None = None) -> Claim | None:
        """Take a trial that waits."""
        return self._ask("claim", worker, limit)

    def give_back(self, claim: Claim) -> None:
        """Let a trial wait again."""
        self._ask("give_back", claim)

    def tell(self, claim: Claim, state: TrialState, value: float | None = None, reason: str | None = None) -> None:
        """Say how a trial ended."""
        self._ask("tell", claim, state, value, reason)

    def note(self, claim: Claim, key: str, value: Any) -> None:
        """Set an attribute of a trial."""
        self._ask("note", claim, key, value)

    def beat(self, identity: int) -> None:
        """Give a sign of life of a trial."""
        self._ask("beat", identity)

    def report(self, claim: Claim, value: float, epoch: int) -> None:
        """Report a score."""
        self._ask("report", claim, value, epoch)

    def should_prune(self, claim: Claim) -> bool:
        """Whether a trial is not worth going on with."""
        return self._ask("should_prune", claim)
