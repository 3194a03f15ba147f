"""The standing over tasks: what counts, what is left out, and numbers that are those of the statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from reports.ranking.leaderboard import rankings
from reports.ranking.standing import Standing, standing

from .fakes import frames, run

ERROR: dict[str, Any] = {"metric": "mse", "higher_is_better": False}


def over(*rows: dict[str, Any]) -> Standing:
    return standing(rankings(frames(*rows).records()))


def scores(table: dict[str, list[float]], seeds: int = 1) -> list[dict[str, Any]]:
    """Runs of architectures a, b, c ... with these test values a task, the seeds a thousandth apart."""
    return [
        run(task=task, arch="abcdef"[number], seed=seed, test=test + seed / 1000, recipe_hash=f"{task}{number}")
        for task, tests in table.items()
        for number, test in enumerate(tests)
        for seed in range(seeds)
    ]


SIX = {f"t{number}": [0.9 + number / 100, 0.8, 0.5 + number / 100] for number in range(7)}


def test_the_numbers_are_those_of_the_tests() -> None:
    found = over(*scores(SIX))
    values = np.array(list(SIX.values()))
    assert found.mean_ranks == {"a": 1.0, "b": 2.0, "c": 3.0}
    assert found.comparison.friedman is not None
    assert found.comparison.friedman.p == pytest.approx(stats.friedmanchisquare(*values.T).pvalue, rel=1e-12)
    least = stats.wilcoxon(values[:, 0] - values[:, 1]).pvalue
    assert {(pair.one, pair.other) for pair in found.apart} == {("a", "b"), ("a", "c"), ("b", "c")}
    assert [pair.adjusted for pair in found.apart] == pytest.approx([3 * least] * 3, rel=1e-12)
    assert found.without_diagram == ""


def test_places_hold_the_shares_of_draws_in_their_own_order() -> None:
    found = over(*scores({"one": [0.2, 0.5, 0.9], "two": [0.3, 0.4, 0.8]}, seeds=3))
    assert [place.arch for place in found.places] == ["c", "b", "a"]
    assert [place.beats for place in found.places] == [(None, 1.0, 1.0), (0.0, None, 1.0), (0.0, 0.0, None)]
    assert [(place.low, place.high) for place in found.places] == [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]


def test_errors_are_ranked_the_other_way_round() -> None:
    rows = [run(task=task, arch=arch, test=test, **ERROR) for task in "xy" for arch, test in (("a", 0.1), ("b", 0.2))]
    assert over(*rows).mean_ranks == {"a": 1.0, "b": 2.0}


def test_only_the_whole_training_set_counts() -> None:
    rows = scores({"one": [0.2, 0.5], "two": [0.3, 0.4]})
    limited = [run(task="small", arch=arch, train_limit=100) for arch in "ab"]
    found = over(*rows, *limited)
    assert found.table.tasks == ("task-one", "task-two")
    assert [(ranking.task, reason) for ranking, reason in found.other_rankings] == [
        ("small", "Its runs did not have the whole training set.")
    ]


def test_a_task_counts_once_with_the_ranking_that_has_more_results() -> None:
    rows = scores({"one": [0.2, 0.5], "two": [0.3, 0.4]})
    last = [
        run(task="one", arch=arch, selection="final", test=test) for arch, test in zip("abc", (3, 2, 1), strict=True)
    ]
    found = over(*rows, *last, run(task="two", arch="c", recipe_hash="c"))
    assert found.table.tasks == ("task-one-final", "task-two")
    ((left, reason),) = found.other_rankings
    assert left.anchor == "task-one"
    assert reason.startswith("The task counts once")


def test_gaps_are_closed_and_told() -> None:
    rows = scores({"one": [0.2, 0.5, 0.9], "two": [0.3, 0.4, 0.8], "three": [0.1, 0.2]})
    found = over(*rows, run(task="three", arch="c", state="failed", recipe_hash="f"), run(task="four", arch="a"))
    assert found.table.archs == ("a", "b", "c")
    assert {(one.kind, one.name) for one in found.left_out} == {("task", "task-three"), ("task", "task-four")}
    assert [ranking.task for ranking in found.rankings] == ["one", "two"]


def test_an_architecture_takes_part_with_the_recipe_that_validation_chose() -> None:
    rows = scores({"one": [0.5, 0.6], "two": [0.5, 0.6]})
    tempting = [run(task=task, arch="a", recipe_hash="best", valid=0.1, test=0.99) for task in ("one", "two")]
    assert over(*rows, *tempting).mean_ranks == {"a": 2.0, "b": 1.0}


def test_few_tasks_are_warned_of_and_enough_are_not() -> None:
    assert any(warning.startswith("Only 2 tasks") for warning in over(*scores(dict(list(SIX.items())[:2]), 2)).warnings)
    assert over(*scores(SIX, seeds=2)).warnings == ()


@pytest.mark.parametrize(
    ("table", "has"),
    [
        ({"one": [0.5, 0.6], "two": [0.5, 0.7]}, "there are 2 and 2."),
        ({"one": [0.5, 0.6, 0.7]}, "there are 3 and 1."),
        ({}, "there are 0 and 0."),
    ],
)
def test_where_there_is_too_little_for_a_diagram_a_sentence_says_so(table: dict[str, list[float]], has: str) -> None:
    found = over(*scores(table))
    assert found.without_diagram.endswith(has)
    assert found.difference is None


def test_one_ranking_is_no_standing() -> None:
    found = over(*scores({"one": [0.5, 0.6, 0.7]}))
    assert (found.places, found.stability, found.mean_ranks) == ((), None, {})


def test_where_friedman_finds_nothing_no_pair_is_claimed() -> None:
    rng = np.random.default_rng(0)
    found = over(*scores({f"t{number}": list(rng.uniform(0.4, 0.6, 4)) for number in range(8)}))
    assert found.comparison.friedman is not None
    assert found.comparison.friedman.p > 0.05
    assert found.apart == ()
