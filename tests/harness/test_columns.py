"""Runs read as columns for frames and lists: the same as runs that are read one by one."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.cli import again, run_command
from harness.cli.frames import all_frames, stored_curves
from harness.environment import collect, device_label
from harness.registry import Registry
from harness.store import CurvePoint, Run, Store, open_store

from .stores import Places

ENVIRONMENT = collect(1) | {"backend": "cpu"}
RECIPE: dict[str, Any] = {"arch": "lstm", "task": "psmnist", "training": {"epochs": 7, "selection": "final"}}
VARIED: list[dict[str, Any]] = [
    {},
    {"environment": ENVIRONMENT | {"pid": 77, "load_average": [0.5, 1.0, 2.25]}, "metrics": {"valid": math.nan}},
    {"environment": {"pid": 5}},
    {"environment": {}, "recipe": {"training": 5}, "epochs_done": 3},
    {"environment": {"hostname": 'a"},', **ENVIRONMENT}, "warnings": ["one", "two"], "reason": "lost"},
    {"environment": ENVIRONMENT | {"threads": 4}, "recipe": RECIPE | {"code": {"lstm": "x"}}, "seconds": math.nan},
    {"backends": {"lstm": {"eager": 2, "cpu": 1200}}, "metric": "mse", "metrics": {"valid": 0.5, "test": math.inf}},
    {"device": "cuda:1", "recipe": RECIPE | {"training": {"epochs": True, "train_limit": 2**70}}, "seed": 2**40},
    {"task": "psmnist[permutation=cornn]", "recipe_name": "published", "state": "failed", "data_checksum": "c"},
]


@pytest.fixture
def store(places: Places, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HARNESS_STORE", places())
    return open_store()


@pytest.fixture
def runs(store: Store) -> list[Run]:
    """Runs of all kinds, oldest first, and after them a trial."""
    first = Run("lstm", "psmnist", 3, "accuracy", RECIPE, "standard", "0" * 16, environment=ENVIRONMENT)
    curve = [CurvePoint(1, 10, 0.5, 1.0, math.nan, 0.25, 0.01)]
    made = [
        replace(first, id=f"{number:012x}", created=f"2025-01-01T00:00:{number:02}.000000Z", curve=curve, **changes)
        for number, changes in enumerate([*VARIED, {"study": "one", "trial": 0}])
    ]
    for run in made:
        store.add(run)
    return made[:-1]


@pytest.fixture
def harness(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """``harness("list", "runs")`` -> exit code, output, complaints."""
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: (run_command(arguments), *capsys.readouterr())


def test_a_frame_has_what_the_runs_themselves_say(store: Store, runs: list[Run]) -> None:
    found = all_frames(store, Registry())
    shipped = again.shipped_recipes(Registry())
    frame = found["runs"].astype(object).where(found["runs"].notna(), None).set_index("run", drop=False)
    assert list(frame["run"]) == [run.id for run in runs]
    for run in runs:
        told = frame.loc[run.id]
        for name in ("arch", "task", "metric", "higher_is_better", "seed", "state", "reason", "operations", "created"):
            assert told[name] == getattr(run, name)
        assert told["command"] == again.command(run, shipped)
        assert told["device"] == device_label(run.environment, run.device)
        assert told["warnings"] == "\n".join(run.warnings)
        assert (told["environment"] is None) == (run.environment == {})
        for split in ("valid", "test"):
            score = run.metrics.get(split)
            assert told[split] == (None if score is None or math.isnan(score) else score)
    assert list(frame["epochs"]) == [7, 7, 7, 3, 7, 7, 7, 0, 7]
    assert list(frame["threads"]) == [1, 1, None, None, 1, 4, 1, 1, 1]
    assert set(frame["train_limit"]) == {None}
    assert frame["environment"].iloc[0] == frame["environment"].iloc[1], "what passes makes no other environment"


def test_curves_that_another_process_reads_are_the_same(store: Store, runs: list[Run]) -> None:
    found, other = store.curves_frame(trials=False), stored_curves(None)
    assert other["run"].tolist() == found["run"].tolist() == [run.id for run in runs]
    assert other.drop(columns="run").equals(found.drop(columns="run"))


def test_a_list_shows_the_newest_and_tells_how_many_there_are(store: Store, runs: list[Run], harness: Any) -> None:
    newest = [run.id for run in reversed(runs)]
    listed, count = store.listed(limit=2)
    assert ([one.id for one in listed], count) == (newest[:2], len(runs))
    code, out, said = harness("list", "runs", "--limit", "2")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == newest[:2]
    assert said == "the newest 2 of 9 runs; --limit 0 shows all of them\n"
    assert harness("list", "runs", "--limit", "9")[2] == harness("list", "runs", "--limit", "0")[2] == ""
    assert harness("list", "runs", "--state", "failed", "--limit", "1")[2] == ""
    assert [one["run"] for one in json.loads(harness("list", "runs", "--json")[1])] == newest


def test_a_table_ends_where_nobody_reads_on(
    store: Store, runs: list[Run], harness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.cli.list_.NEWEST", 3)
    _, out, said = harness("list", "runs")
    assert len(out.splitlines()) == 1 + 3
    assert said.startswith("the newest 3 of 9 runs")
    assert len(json.loads(harness("list", "runs", "--json")[1])) == 9
