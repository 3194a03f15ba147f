"""What the verbs about runs make of the trials of studies: left out unless a study is named, and in no ranking."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import run_command
from harness.cli.frames import frames, summary
from harness.home import Home
from harness.recipe import content_hash
from harness.registry import Registry
from harness.store import CurvePoint, Run, Store, open_store
from reports import table

Harness = Callable[..., tuple[int, str, str]]
RECIPE: dict[str, Any] = {"arch": "lstm", "task": "psmnist", "layer": {"hidden_size": 8}, "training": {"lr": 0.001}}


def a_run(**changes: Any) -> Run:
    given: dict[str, Any] = {"arch": "lstm", "task": "psmnist", "metric": "accuracy", "recipe": RECIPE, "seed": 3}
    given |= {"recipe_name": "standard", "recipe_hash": content_hash(RECIPE), "state": "done"}
    return Run(**given | {"metrics": {"valid": 0.5, "test": 0.25}} | changes)


def a_trial(number: int, **changes: Any) -> Run:
    curve = [CurvePoint(1, 100, 2.0, 2.0, 3.0, 0.625, 1e-3)]
    given = {"study": "pair", "trial": number, "metrics": {"valid": 0.625, "test": None}, "curve": curve}
    return a_run(**given | changes)


@pytest.fixture
def store() -> Store:
    """Two seeds of a recipe and three trials of the very same recipe: done, pruned and under way."""
    store = open_store()
    for run in (
        a_run(seed=0),
        a_run(seed=1),
        a_trial(0),
        a_trial(1, state="pruned", reason="behind the median"),
        a_trial(2, state="interrupted", reason="stopped by SIGTERM"),
        a_trial(0, study="other"),
    ):
        store.add(run)
    return store


@pytest.fixture
def harness(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Harness:
    """``harness("show", "abc")`` -> exit code, output, complaints."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
        return run_command(arguments), *capsys.readouterr()

    return run


def listed(harness: Harness, *options: str) -> list[tuple[Any, ...]]:
    code, out, _ = harness("list", "runs", *options, "--json")
    assert code == 0
    return [(run["study"], run["trial"], run["seed"], run["state"]) for run in json.loads(out)]


def test_list_runs_shows_trials_of_a_study_that_is_named_only(store: Store, harness: Harness) -> None:
    assert listed(harness) == [(None, None, 1, "done"), (None, None, 0, "done")]
    trials = [("pair", 2, 3, "interrupted"), ("pair", 1, 3, "pruned"), ("pair", 0, 3, "done")]
    assert listed(harness, "--study", "pair") == trials
    assert listed(harness, "--study", "pair", "--state", "pruned") == [trials[1]]
    assert listed(harness, "--study", "none") == listed(harness, "--state", "pruned") == []
    assert harness("list", "runs", "--state", "prune")[2].startswith("error: a run is never 'prune' (did you mean 'pru")


def test_list_runs_has_a_column_for_the_trial_where_it_tells_something(store: Store, harness: Harness) -> None:
    assert "trial" not in harness("list", "runs")[1].splitlines()[0]
    heading, *rows = harness("list", "runs", "--study", "pair")[1].splitlines()
    assert heading.split()[:2] == ["run", "trial"]
    assert [row.split()[1] for row in rows] == ["2", "1", "0"]
    assert rows[1].split()[-5:-2] == ["62.50", "%", "-"], "no trial has a test score"


def test_show_and_compare_tell_study_and_trial(store: Store, harness: Harness) -> None:
    pruned = store.of_study("pair")[1]
    run = store.runs()[0]
    code, out, _ = harness("show", pruned.id)
    assert code == 0
    assert "lstm on psmnist, seed 3: pruned" in out
    assert "pair, trial 1" in out
    assert "behind the median" in out
    assert "study" not in harness("show", run.id)[1]
    assert json.loads(harness("show", pruned.id, "--json")[1])["trial"] == 1
    lines = harness("compare", pruned.id, run.id)[1].splitlines()
    assert [line.split() for line in lines if line.startswith(("study", "trial"))] == [
        ["study", "pair", "-"],
        ["trial", "1", "-"],
    ]


def test_delete_takes_the_trials_of_a_study_that_is_named_only(store: Store, harness: Harness) -> None:
    folder = Home.find().folder("runs", store.of_study("pair")[2].id)
    assert harness("delete", "--state", "interrupted", "--yes")[1] == "no stored run is meant: nothing was deleted\n"
    assert harness("delete", "--study", "pair", "--state", "pruned", "--yes")[1] == "deleted 1 run\n"
    assert folder.is_dir()
    assert harness("delete", "--study", "pair", "--yes")[1] == "deleted 2 runs\n"
    assert not folder.exists()
    assert [run.study for run in store.each()] == [None, None, "other"]
    assert harness("delete", store.of_study("other")[0].id, "--yes")[1] == "deleted 1 run\n"
    assert harness("delete", "--task", "psmnist", "--yes")[1] == "deleted 2 runs\n"
    assert harness("delete", "--timings", "--study", "pair")[0] == 2


def test_export_carries_trials_to_another_home(store: Store, harness: Harness, tmp_path: Path) -> None:
    file, home = str(tmp_path / "runs.jsonl"), str(tmp_path / "home")
    assert harness("export", "--out", file)[1] == f"{file}: 6 runs\n"
    assert harness("import", file, "--home", home)[1] == f"{file}: 6 runs; 6 new, 0 updated, 0 known already\n"
    assert open_store(home).of_study("pair") == store.of_study("pair")


def test_trials_are_in_no_ranking_no_mean_and_no_count(store: Store, harness: Harness, tmp_path: Path) -> None:
    [row] = table(frames(store, Registry()))
    assert (row["n"], row["mean"], row["valid"]) == (2, 0.25, 0.5)
    assert "mean over 2 seeds" in (summary(store, store.runs()) or "")
    told = harness("report", "--out", str(tmp_path / "site"))[1]
    assert told.endswith("2 finished of 2 stored runs, beside 4 trials of studies\n")
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    for word in ("behind the median", "SIGTERM", "pruned", "62.50"):
        assert word not in page
    store.delete([run.id for run in store.each() if run.study])
    assert harness("report", "--out", str(tmp_path / "again"))[0] == 0
    assert (tmp_path / "again" / "index.html").read_text(encoding="utf-8") == page
