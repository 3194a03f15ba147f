"""Units of the tiny pair, and an engine driven as a campaign drives it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.engines import Conditions, Ended, Engine, Event, RunUnit
from harness.recipes import named
from harness.registry import Registry

from ...processes import PATIENCE


@pytest.fixture
def here(plugin: str, tmp_path: Path) -> Conditions:
    """The conditions of campaigns on this machine, with the tiny pair and a home of the test's own."""
    home = tmp_path / "home"
    home.mkdir()
    return Conditions(str(home), str(tmp_path), f"sqlite:///{home / 'store.sqlite'}", offline=True, plugins=(plugin,))


@pytest.fixture
def unit(plugin: str) -> Callable[..., RunUnit]:
    """``unit(seed, epochs=3)``: the tiny pair from a seed."""

    def make(seed: int = 0, task: str = "sign", redo: bool = False, **changes: object) -> RunUnit:
        settings = {"epochs": 3, "batch_size": 16, "lr": 0.05, "dropout": 0.2, **changes}
        found = named(Registry((plugin,)), "mean", task, "standard", settings)
        document, key = found.recipe.to_dict(), f"{found.recipe.hash}-{seed}"
        return RunUnit(key, f"mean, seed {seed}", document, found.name, found.recipe.hash, seed, "cpu", redo)

    return make


def drive(engine: Engine, units: Iterable[RunUnit], heard: Callable[[Event], Any] = lambda event: None) -> list[Event]:
    """Begin units where the engine is free, and return all events up to the last end."""
    waiting, under_way, events = list(units), set(), []
    deadline = time.monotonic() + PATIENCE
    while waiting or under_way:
        assert time.monotonic() < deadline, events
        while waiting and engine.free():
            under_way.add(waiting[0].key)
            engine.begin(waiting.pop(0))
        for event in engine.poll(0.5):
            events.append(event)
            heard(event)
            if isinstance(event, Ended):
                under_way.remove(event.key)
    return events


def ends(events: Iterable[Event]) -> list[Ended]:
    return [event for event in events if isinstance(event, Ended)]
