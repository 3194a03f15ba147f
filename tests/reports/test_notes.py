"""The warnings of a row: each one appears when it must, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from reports.ranking.leaderboard import rankings
from reports.records import Entry

from .fakes import frames, run


def warnings(*rows: dict[str, Any], of: str = "lstm", chance: float | None = None) -> list[str]:
    metric = rows[0]["metric"]
    task = rows[0]["task"].partition("[")[0]
    tasks = [Entry(task, task, "", metric, chance=chance), Entry("other", "Other", "", metric, chance=1.0)]
    (ranking,) = rankings(frames(*rows).records(), tasks)
    (row,) = [row for row in ranking.rows if row.arch == of]
    return [str(note) for note in row.notes]


def chance_notes(*rows: dict[str, Any], chance: float | None = None) -> list[str]:
    return [note for note in warnings(*rows, chance=chance) if "chance" in note or "constant" in note]


SOME = (run(seed=0), run(seed=1), run(seed=9))


def test_three_equal_seeds_need_no_warning() -> None:
    assert warnings(*SOME) == []


@pytest.mark.parametrize(
    ("tests", "told"),
    [
        ((0.1, 0.1, 0.1), ["At chance in every seed: the chance level is 10.00 %."]),
        ((0.06, 0.1, 0.07), ["Worse than a constant predictor: the chance level is 10.00 %."]),
        ((0.18, 0.18, 0.18), ["Hardly better than chance: the chance level is 10.00 %."]),
        ((0.9, 0.1, 0.1), ["At chance in seeds 1 and 2: the chance level is 10.00 %."]),
        ((0.2, 0.2, 0.2), []),
    ],
)
def test_a_row_that_learned_hardly_anything(tests: tuple[float, ...], told: list[str]) -> None:
    rows = [run(seed=seed, test=test) for seed, test in enumerate(tests)]
    assert chance_notes(*rows, chance=0.1) == told
    assert chance_notes(*rows) == [], "nobody knows what chance reaches"


@pytest.mark.parametrize(
    ("test", "told"),
    [
        (0.57, ["Worse than a constant predictor: the chance level is 0.1667."]),
        (0.159, ["Hardly better than chance: the chance level is 0.1667."]),
        (0.1675, ["At chance in every seed: the chance level is 0.1667."]),
        (0.149, []),
    ],
)
def test_an_error_that_is_hardly_lower_than_that_of_a_constant(test: float, told: list[str]) -> None:
    rows = [run(seed=seed, test=test, metric="mse", higher_is_better=False) for seed in range(3)]
    assert warnings(*rows, chance=1 / 6) == told


def test_the_chance_level_of_the_data_counts_more_than_what_the_task_states() -> None:
    constant = [run(seed=seed, test=0.24, chance_test=0.24) for seed in range(3)]
    assert chance_notes(*constant, chance=0.1) == ["At chance in every seed: the chance level is 24.00 %."]
    older = [run(seed=seed, test=0.24, data_checksum="a") for seed in range(3)]
    newer = run(arch="gru", recipe_hash="b", test=0.9, chance_test=0.24, data_checksum="a")
    assert chance_notes(*older, newer, chance=0.1) == ["At chance in every seed: the chance level is 24.00 %."]
    other = newer | {"data_checksum": "b"}
    assert chance_notes(*older, other, chance=0.22) == ["Hardly better than chance: the chance level is 22.00 %."]


def test_seeds_on_different_data_are_each_held_against_their_own_chance_level() -> None:
    rows = [run(seed=seed, test=level, chance_test=level) for seed, level in enumerate((0.2, 0.25))]
    assert chance_notes(*rows) == ["At chance in every seed."]


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


def test_a_learning_rate_that_nobody_chose() -> None:
    rows = [run(seed=seed, default=True) for seed in (0, 1, 9)]
    assert warnings(*rows) == ["Default learning rate: none was chosen for this architecture on this task."]
    assert warnings(run(default=True, test=None, state="failed")) == ["Seed 0 failed."]


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


def test_an_interval_that_cannot_be() -> None:
    words = "The interval goes beyond what is possible: these seeds are too few, or differ too much, to place the mean."
    wide = [run(seed=seed, test=test) for seed, test in enumerate((0.90, 0.99, 0.95))]
    assert warnings(*wide) == [words]
    errors = [{"metric": "mse", "higher_is_better": False, "seed": seed} for seed in range(3)]
    low = [run(**of, test=test) for of, test in zip(errors, (0.01, 0.05, 0.16), strict=True)]
    assert warnings(*low) == [words]
    high = [run(**of, test=test) for of, test in zip(errors, (1.9, 2.0, 2.1), strict=True)]
    assert warnings(*high) == []


def of_epochs(arch: str, epochs: int) -> list[dict[str, Any]]:
    return [run(arch=arch, seed=seed, epochs=epochs, epochs_done=epochs) for seed in (0, 1, 9)]


def test_another_budget_than_that_of_most_rows() -> None:
    three = (*SOME, *of_epochs("gru", 30), *of_epochs("cornn", 40))
    assert warnings(*three, of="cornn") == [
        "Another budget than most rows of the ranking: 40 epochs, where most have 30."
    ]
    assert warnings(*three) == warnings(*three, of="gru") == []
    even = (*SOME, *of_epochs("cornn", 40))
    assert warnings(*even) == warnings(*even, of="cornn") == [], "neither is the usual one"
    few = (*SOME, *of_epochs("gru", 30), *of_epochs("cornn", 10))
    assert warnings(*few, of="cornn") == ["Few epochs: 10, where the longest-trained row of the ranking has 30."]


def test_another_size_than_that_of_most_rows() -> None:
    def found(size: int) -> list[str]:
        other = [run(arch="gru", seed=seed, parameters_without_embedding=size) for seed in (0, 1, 9)]
        third = [run(arch="cornn", seed=seed) for seed in (0, 1, 9)]
        return warnings(*SOME, *third, *other, of="gru")

    assert found(74_000) == found(61_000) == []
    assert found(75_000) == [
        "Another size than most rows of the ranking: 75,000 parameters, where the median is 67,466."
    ]
    assert found(60_000) == [
        "Another size than most rows of the ranking: 60,000 parameters, where the median is 67,466."
    ]


def test_other_seeds_than_those_of_most_rows() -> None:
    third = [run(arch="cornn", seed=seed) for seed in (0, 1, 9)]
    more = [run(arch="gru", seed=seed) for seed in (0, 1, 9, 7333812731619086336)]
    assert warnings(*SOME, *third, *more, of="gru") == [
        "Other seeds than most rows of the ranking: seeds 0, 1, 9 and 7333812731619086336, "
        "where most have seeds 0, 1 and 9."
    ]
    one = warnings(*SOME, *third, run(arch="gru", seed=1), of="gru")
    assert one == ["One seed: there is no interval, and another seed may change the rank."]


def test_few_epochs_compared_with_the_row_that_was_trained_longest() -> None:
    def found(epochs: int) -> list[str]:
        short = [run(arch="gru", seed=seed, epochs_done=epochs) for seed in (0, 1, 2)]
        return warnings(*SOME, *short, of="gru")

    assert found(14) == ["Few epochs: 14, where the longest-trained row of the ranking has 30."]
    assert found(15) == []
    long = [run(arch="gru", seed=seed, epochs_done=100) for seed in (0, 1, 2)]
    assert warnings(*SOME, *long, of="gru") == []
    assert warnings(*SOME, *long) == ["Few epochs: 30, where the longest-trained row of the ranking has 100."]


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
    assert warnings(*SOME, *elsewhere, of="gru") == [f"Another {words} than the first row of the ranking: {value}"]
    assert warnings(*SOME, *elsewhere) == []


def test_backends_that_differ_between_seeds_and_not_between_rows() -> None:
    mixed = warnings(run(seed=0), run(seed=1), run(seed=2, backends="eager"))
    assert mixed == ["The backend differs between its seeds: eager and torch"]
    other = [run(arch="gru", seed=seed, test=0.1, backends="eager") for seed in (0, 1, 2)]
    assert warnings(*SOME, *other, of="gru") == []


def test_a_state_that_nobody_knows_is_cut() -> None:
    (found,) = warnings(run(state="x" * 10_000))
    assert len(found) < 80
