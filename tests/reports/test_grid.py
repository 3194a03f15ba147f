"""The overview: a state in every cell."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports import Frames
from reports.ranking.grid import Grid, Line, grid
from reports.ranking.leaderboard import rankings
from reports.records import Entry

from .fakes import run, runs


def made(
    *rows: dict[str, Any],
    tasks: tuple[str, ...] = (),
    architectures: tuple[str, ...],
    **known: Any,
) -> Grid:
    records = Frames(runs(*rows) if rows else pd.DataFrame()).records()
    return grid(
        rankings(records),
        [Entry(name, name.title(), "", "accuracy") for name in tasks],
        [Entry(name, name.upper(), "") for name in architectures],
        **known,
    )


def line(found: Grid, name: str) -> Line:
    (one,) = [line for line in found.lines if line.entry.name == name]
    return one


def test_every_cell_has_a_state() -> None:
    found = made(
        run(arch="a"),
        run(arch="b", state="failed", reason="diverged at step 5"),
        run(arch="c", state="running"),
        run(arch="d", state="interrupted"),
        run(arch="e"),
        run(arch="e", seed=1, state="running"),
        run(arch="e", seed=2, state="failed"),
        architectures=("a", "b", "c", "d", "e", "f"),
    )
    states = [[cell.state for cell in line.cells] for line in found.lines]
    assert states == [["done"], ["failed"], ["running"], ["interrupted"], ["done"], ["not run"]]
    assert line(found, "b").cells[0].reason == "diverged at step 5"
    assert line(found, "e").cells[0].others == (("failed", 1), ("running", 1))


def test_what_was_left_out_says_why_and_a_run_outweighs_it() -> None:
    found = made(
        run(arch="a", task="one"),
        run(arch="b", task="one", train_limit=5),
        architectures=("a", "b", "c"),
        skipped={("a", "one"): "too slow", ("b", "one"): "too slow", ("c", "one"): "too large"},
    )
    cells = {line.entry.name: [(cell.state, cell.reason) for cell in line.cells] for line in found.lines}
    assert cells == {
        "a": [("done", ""), ("skipped", "too slow")],
        "b": [("skipped", "too slow"), ("done", "")],
        "c": [("skipped", "too large"), ("skipped", "too large")],
    }
    assert found.left == ()


def test_what_was_left_out_without_a_cell_to_stand_in_is_listed() -> None:
    skips = {("a", "other"): "no data", ("gone", "one"): "too slow"}
    found = made(run(arch="a", task="one"), architectures=("a",), skipped=skips)
    assert [(left.arch, left.task, left.reason) for left in found.left] == [
        ("a", "other", "no data"),
        ("gone", "one", "too slow"),
    ]


def test_registered_tasks_without_a_run_have_no_column_and_variants_count_as_runs() -> None:
    found = made(
        run(arch="a", task="psmnist[permutation=cornn]"),
        run(arch="a", task="smnist", train_limit=5000),
        tasks=("adding", "psmnist", "smnist"),
        architectures=("a",),
    )
    assert [ranking.task for ranking in found.columns] == ["psmnist[permutation=cornn]", "smnist"]
    assert [task.name for task in found.idle] == ["adding"]


def test_an_empty_store_shows_what_could_be_run() -> None:
    found = made(tasks=("adding", "smnist"), architectures=("a", "b"))
    assert [(line.entry.name, line.cells) for line in found.lines] == [("a", ()), ("b", ())]
    assert [task.name for task in found.idle] == ["adding", "smnist"]


def test_lines_go_by_mean_rank_then_by_name() -> None:
    found = made(run(arch="a"), architectures=("a", "b", "c", "d"), mean_ranks={"c": 1.5, "b": 2.0})
    assert [line.entry.name for line in found.lines] == ["c", "b", "a", "d"]


def test_the_best_mean_is_marked_in_the_direction_of_the_metric() -> None:
    found = made(
        run(arch="a", test=0.3, metric="mse", higher_is_better=False),
        run(arch="b", test=0.1, metric="mse", higher_is_better=False),
        run(arch="c", state="failed", metric="mse", higher_is_better=False),
        architectures=("a", "b", "c"),
    )
    assert [line.cells[0].best for line in found.lines] == [False, True, False]


def test_of_several_recipes_the_validation_set_chooses() -> None:
    # The recipe with the better test mean loses: choosing by the test set would be selection on the test set.
    found = made(
        run(arch="a", recipe="one", recipe_hash="1", valid=0.80, test=0.90),
        run(arch="a", recipe="two", recipe_hash="2", valid=0.85, test=0.83),
        run(arch="a", recipe="three", recipe_hash="3", state="failed"),
        architectures=("a",),
    )
    (cell,) = found.lines[0].cells
    assert cell.row is not None
    assert (cell.row.recipe, cell.recipes) == ("two", 2), "one that has no result was not chosen among"
    assert cell.best  # of what the column shows
