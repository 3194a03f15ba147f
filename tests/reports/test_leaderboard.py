"""Which runs share a ranking, which share a row, and in what order the rows stand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from reports import Frames, table
from reports.ranking.leaderboard import rankings

from .fakes import frames, run, runs, store


def of(*rows: dict[str, Any]) -> list[Any]:
    return rankings(frames(*rows).records())


def test_runs_of_other_variants_limits_and_metrics_never_share_a_ranking() -> None:
    found = of(
        run(task="psmnist"),
        run(task="psmnist[permutation=cornn]"),
        run(task="psmnist", train_limit=5000),
        run(task="psmnist", train_limit=500),
        run(task="psmnist", metric="mse", higher_is_better=False),
    )
    assert [(ranking.task, ranking.metric, ranking.train_limit) for ranking in found] == [
        ("psmnist", "accuracy", None),
        ("psmnist", "accuracy", 500),
        ("psmnist", "accuracy", 5000),
        ("psmnist", "mse", None),
        ("psmnist[permutation=cornn]", "accuracy", None),
    ]
    assert all(len(ranking.rows) == 1 for ranking in found)


def test_whose_weights_were_tested_is_part_of_the_protocol() -> None:
    best, final = of(run(selection="best"), run(selection=""), run(selection="final", arch="gru"))
    assert ([row.arch for row in best.rows], best.anchor) == (["lstm"], "task-psdigits")
    assert ([row.arch for row in final.rows], final.anchor) == (["gru"], "task-psdigits-final")
    assert (best.selection, final.selection) == ("best", "final")


def test_every_ranking_has_an_anchor_of_its_own_that_stays_readable() -> None:
    found = of(
        run(task="psmnist[permutation=cornn]", train_limit=5000),
        run(task="a b"),
        run(task="a-b"),
        run(task="a/b"),
        run(task="שלום"),
    )
    assert sorted(ranking.anchor for ranking in found) == [
        "task",
        "task-a-b",
        "task-a-b--2",
        "task-a-b--3",
        "task-psmnist-permutation-cornn-first-5000",
    ]


def test_seeds_of_one_recipe_share_a_row_and_other_recipes_do_not() -> None:
    (ranking,) = of(
        run(seed=0, test=0.90),
        run(seed=1, test=0.94),
        run(seed=0, test=0.93, recipe="published", recipe_hash="b"),
        run(seed=0, test=0.91, recipe_hash="another hash under the same name"),
    )
    assert [(row.recipe, row.test.n, row.rank) for row in ranking.rows] == [
        ("published", 1, 1),
        ("standard", 2, 2),
        ("standard", 1, 3),
    ]
    assert ranking.rows[1].test.mean == pytest.approx(0.92, rel=1e-15)
    assert ranking.rows[1].test.best == 0.94


@pytest.mark.parametrize(("metric", "order"), [("accuracy", ["b", "a"]), ("mse", ["a", "b"]), ("rmse", ["a", "b"])])
def test_ranks_respect_the_direction_of_the_metric(metric: str, order: list[str]) -> None:
    fixed = {"metric": metric, "higher_is_better": metric == "accuracy"}
    (ranking,) = of(run(arch="a", test=0.1, **fixed), run(arch="b", test=0.2, **fixed))
    assert [row.arch for row in ranking.rows] == order
    assert [row.rank for row in ranking.rows] == [1, 2]


def test_the_mean_ranks_and_not_the_best_seed() -> None:
    (ranking,) = of(run(arch="steady", test=0.9), run(arch="lucky", test=0.99), run(arch="lucky", test=0.5, seed=1))
    assert [row.arch for row in ranking.rows] == ["steady", "lucky"]


def test_a_seed_counts_once_with_its_newest_run() -> None:
    (ranking,) = of(
        run(seed=0, test=0.5, created="2026-01-02T00:00:00+00:00"),
        run(seed=0, test=0.7, created="2026-01-03T00:00:00+00:00"),
        run(seed=0, test=0.6, created="2026-01-01T00:00:00+00:00"),
    )
    (row,) = ranking.rows
    assert (row.test.values, row.test.half_width, row.repeated) == ((0.7,), None, (0,))


def test_a_run_that_is_done_replaces_failed_attempts_at_its_seed() -> None:
    (ranking,) = of(
        run(seed=0, test=0.5, created="2026-01-01T00:00:00+00:00"),
        run(seed=0, test=None, state="failed", reason="killed", created="2026-01-02T00:00:00+00:00"),
    )
    (row,) = ranking.rows
    assert ([one.state for one in row.runs], row.test.values, row.notes[1:]) == (["done"], (0.5,), ())


def test_only_runs_that_are_done_count() -> None:
    (ranking,) = of(
        run(seed=0, test=0.5),
        run(seed=1, test=0.9, state="running"),
        run(seed=2, test=0.9, state="failed"),
        run(seed=3, test=0.9, state="interrupted"),
        run(seed=4, test=math.nan),
    )
    assert ranking.rows[0].test.values == (0.5,)


def test_rows_without_a_result_come_last_without_a_rank() -> None:
    (ranking,) = of(
        run(arch="d", state="failed"),
        run(arch="c", state="interrupted"),
        run(arch="b", state="running"),
        run(arch="a", test=math.inf),
        run(arch="e", test=0.1),
    )
    assert [(row.arch, row.rank, row.state) for row in ranking.rows] == [
        ("e", 1, "done"),
        ("a", None, "done"),
        ("b", None, "running"),
        ("c", None, "interrupted"),
        ("d", None, "failed"),
    ]
    assert [row.arch for row in ranking.ranked] == ["e"]


def test_a_row_tells_the_parameters_epochs_and_times_of_the_runs_that_count() -> None:
    (ranking,) = of(
        run(seed=0, epochs_done=20, seconds=10.0),
        run(seed=1, epochs_done=30, seconds=20.0),
        run(seed=2, epochs_done=3, seconds=900.0, device="cuda: elsewhere", state="failed"),
    )
    row = ranking.rows[0]
    assert (row.whole("epochs_done"), row.whole("epochs"), row.seconds) == ([20, 30], [30], 15.0)
    assert row.texts("device") == ["cpu: AMD EPYC 9R14"]


def test_the_time_of_a_step_is_the_median_over_the_runs_that_tell_it() -> None:
    (ranking,) = of(
        run(seed=0, seconds=10.0, steps=100),
        run(seed=1, seconds=10.0, steps=50),
        run(seed=2, seconds=10.0, steps=10),
        run(seed=3, seconds=10.0, steps=None),
        run(seed=4, seconds=None, steps=10),
        run(seed=5, seconds=10.0, steps=0),
        run(seed=6, seconds=900.0, steps=1, state="failed"),
    )
    assert ranking.rows[0].step_seconds == 0.2
    (ranking,) = of(run(steps=None))
    assert ranking.rows[0].step_seconds is None


def test_the_table_has_the_rows_of_the_page_as_plain_values() -> None:
    first, second = table(frames(run(test=0.95), run(test=0.96, seed=1), run(arch="gru", state="failed", reason="no")))
    assert {key: first[key] for key in ("rank", "arch", "n", "best", "score", "parameters", "state")} == {
        "rank": 1,
        "arch": "lstm",
        "n": 2,
        "best": 0.96,
        "score": "95.50 ± 6.35 %",
        "parameters": 67_466,
        "state": "done",
    }
    assert first["low"] == pytest.approx(0.955 - 0.005 * math.tan(0.475 * math.pi), rel=1e-10)
    assert {key: second[key] for key in ("rank", "mean", "n", "score", "warnings")} == {
        "rank": None,
        "mean": None,
        "n": 0,
        "score": "–",
        "warnings": ["Seed 0 failed: no"],
    }
    assert first.keys() == second.keys()


def test_the_table_of_nothing_is_empty() -> None:
    assert table(Frames(runs())) == []


def test_the_table_does_not_depend_on_the_order_of_the_rows() -> None:
    whole = store()
    shuffled = Frames(
        whole.runs.sample(frac=1, random_state=7),
        whole.curves.sample(frac=1, random_state=8),
        whole.architectures.iloc[::-1],
        whole.tasks.iloc[::-1],
    )
    assert table(shuffled) == table(whole)


def test_values_of_which_the_larger_or_the_smaller_are_better_are_in_no_common_ranking() -> None:
    rows = [run(run=name, arch=name, metric="f", higher_is_better=name in "ab", test=0.5) for name in "abcd"]
    found = rankings(frames(*rows).records())
    assert [(one.higher_is_better, [row.arch for row in one.rows]) for one in found] == [
        (True, ["a", "b"]),
        (False, ["c", "d"]),
    ]
    assert len({one.anchor for one in found}) == 2


def test_of_two_recipes_of_one_name_validation_chooses() -> None:
    rows = [
        run(run="a", recipe="own", recipe_hash="a" * 16, valid=0.6, test=0.9),
        run(run="b", recipe="own", recipe_hash="b" * 16, valid=0.7, test=0.1),
        run(run="c", recipe="other", recipe_hash="c" * 16, valid=0.9, test=0.5),
    ]
    (ranking,) = rankings(frames(*rows).records())
    arch = rows[0]["arch"]
    chosen = [ranking.chosen(arch, recipe) for recipe in ("own", "other", None, "none")]
    assert [row and row.recipe_hash[0] for row in chosen] == ["b", "c", "c", None]
