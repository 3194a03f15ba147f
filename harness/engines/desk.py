"""What all workers of a campaign on a cluster share, kept on the driver's node: store, studies, locks, news.

A store or a study in a file can be used on one machine only, so workers elsewhere use it through the desk. A worker is
known by its *attempt* at a unit: once that is over, or its node was taken for dead, nothing of it is heeded any more,
and its locks are free.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Literal

from harness.engines.engine import Conditions
from harness.engines.versions import here
from harness.errors import UserError
from harness.locking import Life
from harness.registry import Registry
from harness.store import Store
from harness.training import Pruned
from harness.tuning.storage import Opened, address, open_storage
from harness.tuning.study import Study, worker_attribute

PATIENCE = 60.0
"""Seconds from its beginning on in which a desk waits for locks: a driver that was killed may hold them still."""
GROUPS = {"news": 1, "store": 4, "locks": 1, "studies": 1}
"""What a desk does at once: a long wait for one of these must not hinder the others."""
Answer = tuple[Literal["is", "refused", "pruned", "wait"], Any]
"""A value, or a sentence: exceptions would lose their type on the way."""


class Desk:
    """Answers the workers, one call after the other in each of the groups."""

    def __init__(self, conditions: dict[str, Any]) -> None:
        """Raises :class:`UserError` where the store cannot be opened."""
        self.conditions = Conditions.from_dict(conditions)
        self.begun = time.monotonic()
        self._store = Store.open(self.conditions.store_url)
        self._registry = Registry(self.conditions.plugins)
        self._studies: dict[tuple[str, str], tuple[Opened, Study]] = {}
        self._held: dict[str, dict[str, ExitStack]] = {}
        self._lives: dict[str, list[Life]] = {}
        self._over: set[str] = set()
        self._news: list[tuple[str, Any]] = []
        self._reason: str | None = None
        self._guard = threading.Lock()
        self._keeper = ThreadPoolExecutor(1)  # a lock must be given back by the thread that took it

    # What the driver asks.

    def versions(self) -> dict[str, str]:
        """What is installed where the desk is."""
        return here()

    def news(self) -> list[tuple[str, Any]]:
        """What the workers told since the last call: attempts with events, or with the id of the node they are on."""
        with self._guard:
            found, self._news = self._news, []
        return found

    def stop(self, reason: str) -> None:
        """Ask every worker to stop, by the answer to the next thing that it tells."""
        self._reason = reason

    def over(self, attempt: str) -> None:
        """Heed an attempt no longer, and give back what it held."""
        self._over.add(attempt)
        self._keeper.submit(self._clear, attempt).result()

    # What the workers ask.

    def hear(self, attempt: str, event: Any) -> str | None:
        """Take an event, or the id of the node where an attempt begins; returns why to stop, or None."""
        if attempt in self._over:
            return "stopped, as its node was taken for dead"
        with self._guard:
            self._news.append((attempt, event))
        return self._reason

    def store(self, attempt: str, method: str, *arguments: Any, **options: Any) -> Answer:
        """Call a method of the store."""
        return self._answer(attempt, lambda: getattr(self._store, method)(*arguments, **options))

    def lock(self, attempt: str, name: str, what: str, advice: str) -> Answer:
        """Hold a lock for an attempt. In the first minute one that is held elsewhere is to be waited for."""
        answer = self._answer(attempt, self._keeper.submit(self._take, attempt, name, what, advice).result)
        early = time.monotonic() - self.begun < PATIENCE and self._reason is None and attempt not in self._over
        return ("wait", answer[1]) if early and answer[0] == "refused" else answer

    def unlock(self, attempt: str, name: str) -> None:
        """Give a lock back."""
        self._keeper.submit(self._give, attempt, name).result()

    def held(self, attempt: str, name: str) -> Answer:
        """Whether a process has the lock `name` now."""
        return self._answer(attempt, self._keeper.submit(self._store.held, name).result)

    def permit(self, attempt: str) -> Answer:
        """Whether an attempt may write into a store that it has open itself; refused where it was taken for dead."""
        return self._answer(attempt, lambda: True)

    def study(self, attempt: str, storage: str, name: str, method: str, *arguments: Any) -> Answer:
        """Call a method of a study, or read an attribute of it."""

        def call() -> Any:
            study = self._study(storage, name)[1]
            found = getattr(study, method)
            return found(*arguments) if callable(found) else found

        return self._answer(attempt, call)

    def live(self, attempt: str, storage: str, name: str) -> Answer:
        """Begin the life of a worker of a study; what its claims say of it. Its death is that of the attempt."""

        def call() -> dict[str, Any]:
            life = Life(self._study(storage, name)[0].lives / f"worker-{attempt}.lock")
            self._keeper.submit(self._begin, attempt, life).result()
            return worker_attribute(life.file)

        return self._answer(attempt, call)

    def leave(self, attempt: str) -> None:
        """End the life of a worker."""
        self._keeper.submit(self._end_lives, attempt).result()

    def _study(self, storage: str, name: str) -> tuple[Opened, Study]:
        if (storage, name) not in self._studies:
            where = address(storage)
            with where.explained():
                opened = open_storage(where, self.conditions.machine().home, create=False)
                self._studies[storage, name] = opened, Study.load(opened, name, self._registry)
        return self._studies[storage, name]

    def _answer(self, attempt: str, call: Callable[[], Any]) -> Answer:
        try:
            self._refuse_dead(attempt)
            return "is", call()
        except UserError as error:
            return "refused", str(error)
        except Pruned as verdict:
            return "pruned", str(verdict)

    def _refuse_dead(self, attempt: str) -> None:
        if attempt in self._over:
            raise UserError("this worker was taken for dead, and another one goes on with what it did")

    def _take(self, attempt: str, name: str, what: str, advice: str) -> None:
        self._refuse_dead(attempt)
        with ExitStack() as stack:
            stack.enter_context(self._store.alone(name, what, advice))
            self._held.setdefault(attempt, {})[name] = stack.pop_all()

    def _begin(self, attempt: str, life: Life) -> None:
        self._refuse_dead(attempt)
        life.begin()
        self._lives.setdefault(attempt, []).append(life)

    def _end_lives(self, attempt: str) -> None:
        for life in self._lives.pop(attempt, ()):
            life.end()

    def _give(self, attempt: str, name: str) -> None:
        stack = self._held.get(attempt, {}).pop(name, None)
        if stack is not None:
            stack.close()

    def _clear(self, attempt: str) -> None:
        for stack in self._held.pop(attempt, {}).values():
            stack.close()
        self._end_lives(attempt)
