"""Studies of the tiny pair ``mean`` on ``sign``, which trains in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.home import Home
from harness.interruption import listening
from harness.machine import Machine
from harness.recipes import named
from harness.registry import Registry
from harness.store import Store, open_store
from harness.tuning.plan import Plan
from harness.tuning.space import space_of
from harness.tuning.storage import Address, Opened, journal, open_storage
from harness.tuning.study import Study
from harness.tuning.worker import Worker


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def store(home: Home) -> Store:
    return open_store(home.path)


@pytest.fixture
def plan(registry: Registry) -> Callable[..., Plan]:
    """``plan(epochs=3, space={"scale": "0.5..2"}, sampler="random")``"""

    def make(
        space: dict[str, str] | None = None,
        sampler: str = "tpe",
        pruner: str = "none",
        seed: int = 0,
        parameters: int | None = None,
        **changes: object,
    ) -> Plan:
        settings = {"epochs": 2, "batch_size": 16, "lr": 0.05, **changes}
        base = named(registry, "mean", "sign", "standard", settings).recipe
        found = space_of(registry, "mean", "sign", base, space or {"scale": "0.5..2"})
        return Plan("sign", "accuracy", True, found, sampler, pruner, seed, parameters)

    return make


@pytest.fixture
def opened(home: Home) -> Callable[..., Opened]:
    """The storage of a study's journal, opened anew at every call."""
    return lambda name="s": open_storage(Address(journal(home, name)), home)


class InTurn:
    """Trains trials of a study in this process until none waits."""

    def __init__(self, worker: Worker, study: Study) -> None:
        self.worker, self.study = worker, study

    def run(self, limit: int | None = None) -> int:
        """0 where no trial waits any more, 130 after a signal."""
        with listening() as asked, asked.deferred():
            while (state := self.worker.train_one(limit, asked)[0]) not in (None, "interrupted"):
                pass
        return 130 if state == "interrupted" else 0


@pytest.fixture
def worker(registry: Registry, home: Home, store: Store, tmp_path: Path) -> Callable[[Study], InTurn]:
    """A worker in this process."""
    return lambda study: InTurn(Worker(study, registry, Machine(home, tmp_path, True, "cpu"), store), study)
