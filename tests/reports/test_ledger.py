"""The ledger: which runs a published number is judged by, and what is told where there are none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reports.ledger import NOT_RUN, SMALLER, VERDICTS, counts, ledger
from reports.protocols import contents
from reports.published import load
from reports.records import PublishedRecipe
from reports.verdict import NOT_REPRODUCED, REPRODUCED, UNDECIDED

from .fakes import hostile_texts
from .ledgers import LABEL, NUMBER, OURS, SEEDS, SHIPPED, TOML, entry, number, runs


def test_one_seed_run_twice_counts_once() -> None:
    twice = runs(0.95) + runs(0.94, run="again", created="2026-04-01T00:00:00+00:00")
    found = entry(NUMBER, twice)
    assert found.ours is not None
    assert found.ours.test is not None
    assert found.ours.test.values == (0.94,)


def test_trials_and_runs_that_are_not_done_never_count() -> None:
    trial = [replace(one, trial=3) for one in runs(0.99)]
    failed = [replace(one, state="failed", test=None) for one in runs(0.99)]
    assert entry(NUMBER, trial).reason == "No run of this pair is done."
    found = entry(NUMBER, failed)
    assert (found.verdict, found.reason) == (NOT_RUN, "No run of the published recipe is done.")
    assert found.ours is None
    assert found.deviations == ("Split frozen.", "Tested once.")


def test_another_recipe_is_a_smaller_budget_with_every_difference_named() -> None:
    found = entry(NUMBER, runs(0.99, recipe="standard", recipe_hash="ours", epochs=8))
    assert found.verdict == SMALLER
    assert found.deviation is None
    assert [(one.field, one.published, one.ours) for one in found.differences] == [
        ("training.epochs", "120", "8"),
        ("layer.hidden_size", "256", "128"),
    ]
    assert found.reason == (
        "No run of the published recipe is done; the closest of our results, 8 of 120 epochs, differs in 2 settings."
    )
    assert found.deviations


def test_fewer_samples_are_a_smaller_budget_and_other_settings_alone_are_not() -> None:
    limited = entry(NUMBER, runs(0.9, recipe_hash="ours", train_limit=5000), {"ours": TOML})
    assert (limited.verdict, limited.ours is not None) == (SMALLER, True)
    assert "5,000 training samples" in limited.reason
    other = entry(NUMBER, runs(0.9, recipe_hash="ours"), {"ours": TOML.replace("bias = true", "bias = false")})
    assert (other.verdict, other.deviation, other.ours is not None) == (NOT_RUN, None, True)


def test_a_training_that_was_cut_short_is_a_smaller_budget() -> None:
    cut = [replace(one, epochs_done=32) for one in runs(0.9, recipe_hash="cut by max_time", epochs=120)]
    found = entry(NUMBER, cut, {"cut by max_time": TOML})
    assert found.verdict == SMALLER
    assert "32 of 120 epochs" in found.reason


def test_another_variant_is_no_smaller_budget_and_failed_seeds_are_told() -> None:
    other = entry(NUMBER, runs(0.9, recipe_hash="ours", task="psmnist", epochs=8))
    assert (other.verdict, other.ours is not None) == (NOT_RUN, True)
    assert "another variant" in other.reason
    lost = [
        replace(one, seed=90 + one.seed, run=f"lost{one.seed}", state="failed", test=None) for one in runs(0.9, 0.9)
    ]
    assert entry(NUMBER, runs(*SEEDS) + lost).reason.endswith("2 further seeds failed, and say nothing here.")


def test_every_kind_of_setting_is_told_as_a_recipe_writes_it() -> None:
    toml = TOML.replace("bias = true", "bias = false").replace("milestones = [100]", "train_limit = 5000")
    toml = toml.replace('"cornn"\n[layer]', '"unicornn"\n[layer]')
    ours = runs(0.9, recipe_hash="ours", task="psmnist", train_limit=5000)
    found = entry(NUMBER, ours, {"ours": toml})
    assert {one.field: (one.published, one.ours) for one in found.differences} == {
        "layer.bias": ("true", "false"),
        "training.milestones": ("100", "none"),
        "training.train_limit": ("none", "5000"),
        "variant.permutation": ("cornn", "unicornn"),
    }


def test_of_an_unknown_recipe_only_what_the_run_tells_is_compared() -> None:
    found = entry(NUMBER, runs(0.9, recipe_hash="gone", epochs=8), {"gone": "no = [toml"})
    assert [(one.field, one.published, one.ours) for one in found.differences] == [
        ("training.epochs", "120", "8"),
        ("other settings", "as published", "not known"),
    ]


def test_the_closest_row_is_of_the_same_variant_then_of_all_samples_then_of_fewest_differences() -> None:
    far = runs(0.9, recipe_hash="far", task="psmnist", epochs=120)
    limited = runs(0.9, recipe_hash="limited", train_limit=5000)
    short = runs(0.9, recipe_hash="short", epochs=8)
    near = runs(0.9, recipe_hash="near", epochs=4)
    tomls = {
        "far": TOML,
        "limited": TOML,
        "short": OURS,
        "near": TOML.replace("epochs = 120", "epochs = 4"),
    }
    everything = far + limited + short + near
    for left, nearest in ((everything, "near"), (far + limited + short, "short"), (far + limited, "limited")):
        for given in (left, left[::-1]):
            found = entry(NUMBER, given, tomls)
            assert found.ours is not None
            assert found.ours.recipe_hash == nearest


@pytest.mark.parametrize(
    "other",
    [
        {"hidden": 128},  # the shipped recipe is of the larger network
        {"layers": 2},
        {"recipes": ""},  # the protocol is another one
        {"recipes": "unicornn"},
        {"variant_known": False, "task": "psmnist"},
        {"variant_known": False},
    ],
)
def test_a_number_of_another_protocol_is_never_judged_by_the_shipped_recipe(other: dict[str, Any]) -> None:
    found = entry(number(value=0.1, **other), runs(*SEEDS))
    assert found.verdict == NOT_RUN
    assert found.ours is not None
    assert found.reason == "The protocol of this number is not shipped here; the closest of our results is shown."
    assert found.deviations == ()


def test_without_a_shipped_protocol_what_was_recorded_is_compared() -> None:
    of = number(recipes="", variant_known=False, task="psmnist", hidden=512, layers=None, parameters=67_466)
    found = entry(of, runs(0.9, recipe_hash="ours", train_limit=100))
    assert [(one.field, one.published, one.ours) for one in found.differences] == [
        ("task", "not known", LABEL),
        ("layer.hidden_size", "512", "128"),
        ("layer.num_layers", "not known", "1"),
        ("training.train_limit", "not known", "100"),
    ]


def test_parameters_are_compared_without_the_embedding() -> None:
    of = number(recipes="", parameters=30_100, hidden=128, layers=1)
    ours = runs(0.9, recipe_hash="ours", parameters=2_530_100, parameters_without_embedding=30_100)
    assert entry(of, ours).differences == ()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"task": ""}, "This project does not have the task: psMNIST."),
        ({"arch": ""}, "This project does not have the architecture: coRNN."),
        ({"value": None}, "The number exists only as a figure: there is no value to compare with."),
        ({"metric": ""}, "No run measures this: test accuracy %."),
    ],
)
def test_what_cannot_be_compared_is_not_run_and_says_why(changed: dict[str, Any], reason: str) -> None:
    found = entry(number(**changed), runs(*SEEDS))
    assert (found.verdict, found.reason, found.ours, found.deviation) == (NOT_RUN, reason, None, None)


def test_another_metric_of_the_same_task_is_not_compared() -> None:
    assert entry(NUMBER, runs(0.9, metric="mse", higher_is_better=False)).verdict == NOT_RUN


def test_the_order_is_by_task_architecture_year_and_source_and_foreign_numbers_are_last() -> None:
    numbers = [
        number(id="6", task="", task_published="speech"),
        number(id="5", arch="", arch_published="LEM"),
        number(id="4", task="smnist"),
        number(id="3", arch="lstm"),
        number(id="2", year=2022, source="A"),
        number(id="1", source="B"),
        number(id="0", source="A"),
    ]
    for given in (numbers, numbers[::-1]):
        assert [one.number.id for one in ledger(given, [], {}, [])] == ["0", "1", "2", "3", "4", "5", "6"]


def test_hostile_texts_change_no_verdict_and_break_nothing() -> None:
    for text in hostile_texts():
        texts = dict.fromkeys(("recipe", "device", "backends", "created", "version", "arch_title"), text)
        found = entry(NUMBER, runs(*SEEDS, **texts))
        assert found.verdict == UNDECIDED, "as it is with plain texts"
        assert text not in found.reason
        strange = runs(0.9, recipe_hash=text, run="strange", task=f"psmnist[{text}]")
        assert entry(NUMBER, strange, {text: text}).verdict == NOT_RUN
    settings = OURS.replace('"best"', "'''</td><script>'''")
    assert ("training.selection", "</td><script>") in {
        (one.field, one.ours) for one in entry(NUMBER, runs(0.9, recipe_hash="ours"), {"ours": settings}).differences
    }


def test_a_shipped_recipe_that_is_no_toml_counts_as_not_shipped() -> None:
    broken = PublishedRecipe("cornn", LABEL, "published", "a = [", "", "Split frozen.")
    (found,) = ledger([NUMBER], runs(*SEEDS), {}, [broken])
    assert (found.verdict, found.deviations) == (NOT_RUN, ())
    assert "not shipped here" in found.reason


def test_all_published_numbers_have_an_entry_and_without_runs_none_is_judged() -> None:
    numbers = load()
    entries = ledger(numbers, [], {}, [SHIPPED])
    assert {one.number.id for one in entries} == {one.id for one in numbers}
    assert counts(entries) == {REPRODUCED: 0, NOT_REPRODUCED: 0, UNDECIDED: 0, SMALLER: 0, NOT_RUN: len(numbers)}
    assert list(counts(entries)) == list(VERDICTS)


def test_the_shipped_recipe_judges_the_numbers_of_its_own_protocol_only() -> None:
    entries = ledger(load(), runs(0.97, 0.973, 0.974), contents({"published": TOML}), [SHIPPED])
    judged = {one.number.id for one in entries if one.verdict in (REPRODUCED, NOT_REPRODUCED, UNDECIDED)}
    assert judged == {"cornn-code-psmnist-cornn-256", "cornn-psmnist-cornn"}
    shown = {one.number.id for one in entries if one.verdict == NOT_RUN and one.ours}
    assert shown == {"wrnn-psmnist-cornn-128"}


def test_what_there_is_a_result_for_comes_before_what_was_not_run() -> None:
    numbers = [number(id=name, year=year) for name, year in (("late", 2030), ("early", 1990))]
    others = [number(id="other", task="adding", task_published="adding", year=1980)]
    found = ledger([*others, *numbers], runs(0.99), contents({"published": TOML}), [SHIPPED])
    assert [entry.number.id for entry in found] == ["early", "late", "other"]
    assert [entry.verdict == NOT_RUN for entry in found] == [False, False, True]
