"""The warnings of a row: each one appears when it must, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from reports.ranking.leaderboard import rankings

from .fakes import frames, run


def warnings(*rows: dict[str, Any], of: str = "lstm") -> list[str]:
    (ranking,) = rankings(frames(*rows).records())
    (row,) = [row for row in ranking.rows if row.arch == of]
    return [str(note) for note in row.notes]


SOME = (run(seed=0), run(seed=1), run(seed=9))


def test_three_equal_seeds_need_no_warning() -> None:
    assert warnings(*SOME) == []


def test_two_seeds() -> None:
    expected = ["Two seeds: the interval rests on a single difference, and is wide for want of more."]
    assert warnings(run(seed=0), run(seed=1)) == expected


def test_one_seed() -> None:
    assert warnings(run()) == ["One seed: there is no interval, and another seed may change the rank."]


def test_a_seed_that_was_run_more_than_once() -> None:
    assert warnings(*SOME, run(seed=1)) == ["Run more than once (seed 1): only the newest run of a seed counts."]


def test_a_run_without_a_finite_result() -> None:
    expected = ["Ended without a finite test value and is not in the mean (seeds 2 and 3)."]
    assert warnings(*SOME, run(seed=2, test=float("nan")), run(seed=3, test=float("inf"))) == expected


@pytest.mark.parametrize(
    ("state", "words"),
    [("failed", "failed"), ("running", "still running"), ("interrupted", "interrupted"), ("pruned", "ended early")],
)
def test_seeds_that_are_left_out_of_the_mean(state: str, words: str) -> None:
    others = [run(seed=seed, state=state, reason="because") for seed in (2, 5, 7)]
    assert warnings(*SOME, *others) == [f"Seeds 2, 5 and 7 {words}, not in the mean: because"]


def test_different_reasons_are_told_apart_and_long_ones_are_cut() -> None:
    found = warnings(run(state="failed", reason="x" * 1000), run(seed=1, state="failed", reason="diverged at step 3"))
    assert found[0] == "Seed 1 failed: diverged at step 3"
    assert found[1].startswith("Seed 0 failed: xxx")
    assert len(found[1]) < 300


def test_many_seeds_are_not_all_named() -> None:
    (found,) = warnings(*(run(seed=seed, state="running") for seed in range(40)))
    assert found == "Seeds 0, 1, 2, 3, 4, 5, 6, 7 and others still running."


def test_few_epochs_compared_with_the_row_that_was_trained_longest() -> None:
    def found(epochs: int) -> list[str]:
        short = [run(arch="gru", seed=seed, epochs_done=epochs) for seed in (0, 1, 2)]
        return warnings(*SOME, *short, of="gru")

    assert found(14) == ["Few epochs: 14, where the longest-trained row has 30."]
    assert found(15) == []
    long = [run(arch="gru", seed=seed, epochs_done=100) for seed in (0, 1, 2)]
    assert warnings(*SOME, *long, of="gru") == []
    assert warnings(*SOME, *long) == ["Few epochs: 30, where the longest-trained row has 100."]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("device", "cuda: H100", "device"),
        ("threads", 64, "number of threads"),
        ("version", "0.2.0", "version of this program"),
    ],
)
def test_machines_and_versions_that_differ(name: str, value: object, words: str) -> None:
    usual = str(run()[name])
    mixed = warnings(run(seed=0), run(seed=1), run(seed=2) | {name: value})
    assert mixed == [f"The {words} differs between its seeds: {' and '.join(sorted([usual, str(value)]))}"]
    elsewhere = [run(arch="gru", seed=seed, test=0.1) | {name: value} for seed in (0, 1, 2)]
    assert warnings(*SOME, *elsewhere, of="gru") == [f"Another {words} than the first row: {value}"]
    assert warnings(*SOME, *elsewhere) == []


def test_backends_that_differ_between_seeds_and_not_between_rows() -> None:
    mixed = warnings(run(seed=0), run(seed=1), run(seed=2, backends="eager"))
    assert mixed == ["The backend differs between its seeds: eager and torch"]
    other = [run(arch="gru", seed=seed, test=0.1, backends="eager") for seed in (0, 1, 2)]
    assert warnings(*SOME, *other, of="gru") == []


def test_a_state_that_nobody_knows_is_cut() -> None:
    (found,) = warnings(run(state="x" * 10_000))
    assert len(found) < 80
