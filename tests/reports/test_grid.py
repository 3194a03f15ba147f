"""The overview: a state in every cell."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports import Frames
from reports.frames import Entry
from reports.grid import Line, grid
from reports.leaderboard import rankings

from .fakes import run, runs


def lines(*rows: dict[str, Any], tasks: tuple[str, ...] = (), architectures: tuple[str, ...]) -> list[Line]:
    records = Frames(runs(*rows) if rows else pd.DataFrame()).records()
    return grid(
        rankings(records),
        [Entry(name, name.title(), "", "accuracy") for name in tasks],
        [Entry(name, name.upper(), "") for name in architectures],
    )


def test_every_cell_has_a_state() -> None:
    (line,) = lines(
        run(arch="a"),
        run(arch="b", state="failed", reason="diverged at step 5"),
        run(arch="c", state="running"),
        run(arch="d", state="interrupted"),
        run(arch="e"),
        run(arch="e", seed=1, state="running"),
        run(arch="e", seed=2, state="failed"),
        architectures=("a", "b", "c", "d", "e", "f"),
    )
    assert [cell.state for cell in line.cells] == ["done", "failed", "running", "interrupted", "done", "not run"]
    assert line.cells[1].row is not None
    assert line.cells[1].row.reason == "diverged at step 5"
    assert line.cells[4].others == (("failed", 1), ("running", 1))


def test_registered_tasks_without_a_run_come_last_and_variants_count_as_runs() -> None:
    found = lines(
        run(arch="a", task="psmnist[permutation=cornn]"),
        run(arch="a", task="smnist", train_limit=5000),
        tasks=("adding", "psmnist", "smnist"),
        architectures=("a",),
    )
    assert [(line.name, line.cells[0].state) for line in found] == [
        ("psmnist[permutation=cornn]", "done"),
        ("smnist", "done"),
        ("adding", "not run"),
    ]


def test_an_empty_store_shows_what_could_be_run() -> None:
    found = lines(tasks=("adding", "smnist"), architectures=("a", "b"))
    assert [[cell.state for cell in line.cells] for line in found] == [["not run"] * 2] * 2


def test_the_best_mean_is_marked_in_the_direction_of_the_metric() -> None:
    (line,) = lines(
        run(arch="a", test=0.3, metric="mse", higher_is_better=False),
        run(arch="b", test=0.1, metric="mse", higher_is_better=False),
        run(arch="c", state="failed", metric="mse", higher_is_better=False),
        architectures=("a", "b", "c"),
    )
    assert [cell.best for cell in line.cells] == [False, True, False]


def test_of_several_recipes_the_validation_set_chooses() -> None:
    # The recipe with the better test mean loses: choosing by the test set would be selection on the test set.
    (line,) = lines(
        run(arch="a", recipe="one", recipe_hash="1", valid=0.80, test=0.90),
        run(arch="a", recipe="two", recipe_hash="2", valid=0.85, test=0.83),
        run(arch="a", recipe="three", recipe_hash="3", state="failed"),
        architectures=("a",),
    )
    (cell,) = line.cells
    assert cell.row is not None
    assert (cell.row.recipe, cell.recipes) == ("two", 3)
    assert cell.best
