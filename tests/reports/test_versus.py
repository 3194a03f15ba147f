"""Rows against each other: the statistics of the pages, in words."""

from __future__ import annotations

import pytest

from reports import rankings, versus
from reports.statistics.effects import effect

from .fakes import frames, run

ONE = {"arch": "lstm", "arch_title": "LSTM", "recipe_hash": "a"}
OTHER = {"arch": "gru", "arch_title": "GRU", "recipe_hash": "b"}


def rows_of(*values: tuple[dict[str, str], float], metric: str = "accuracy") -> list[dict[str, object]]:
    made = [
        run(**names, seed=seed, test=value, metric=metric, higher_is_better=metric == "accuracy")
        for seed, (names, value) in enumerate(values)
    ]
    [ranking] = rankings(frames(*made).records())
    chosen = [ranking.chosen("lstm"), ranking.chosen("gru")]
    return versus(ranking, [row for row in chosen if row])


def test_the_difference_and_its_interval_are_those_of_welch() -> None:
    first, second = rows_of((ONE, 0.90), (ONE, 0.92), (ONE, 0.94), (OTHER, 0.80), (OTHER, 0.84))
    expected = effect([0.80, 0.84], [0.90, 0.92, 0.94])
    assert (first["difference"], first["sentence"]) == (None, "")
    assert second["difference"] == pytest.approx(-0.10)
    assert (second["difference_low"], second["difference_high"]) == (expected.low, expected.high)
    assert (second["p"], second["g"], second["superiority"]) == (expected.p, expected.g, 0.0)
    assert str(second["sentence"]).startswith("gru - lstm: −10.00 points, 95 % interval −")
    assert "gru is better in 0 % of the 6 pairs of seeds" in str(second["sentence"])


def test_every_row_knows_how_many_the_ranking_has() -> None:
    made = [run(arch=name, recipe_hash=name, test=0.5) for name in ("lstm", "gru", "rnn")]
    made.append(run(arch="cornn", recipe_hash="cornn", state="failed", test=None))
    [ranking] = rankings(frames(*made).records())
    assert [row["of"] for row in versus(ranking, ranking.rows[:2])] == [3, 3], "a failed run has no rank"


def test_of_errors_the_lower_one_is_the_better() -> None:
    _, second = rows_of((ONE, 2.0), (ONE, 2.5), (OTHER, 1.0), (OTHER, 1.5), metric="rmse")
    assert second["superiority"] == 1.0
    assert str(second["sentence"]).startswith("gru - lstm: −1.000, 95 %")


def test_a_single_seed_has_a_difference_and_no_interval() -> None:
    _, second = rows_of((ONE, 0.9), (OTHER, 0.95))
    assert second["difference"] == pytest.approx(0.05)
    assert second["difference_low"] is second["p"] is second["superiority"] is None
    sentence = str(second["sentence"])
    assert sentence.startswith("gru - lstm: +5.00 points, no interval.")
    assert "%" not in sentence, "one seed has no probability"


def test_a_row_without_a_result_says_so() -> None:
    made = [run(**ONE, test=0.9), run(**OTHER, state="failed", test=None)]
    [ranking] = rankings(frames(*made).records())
    _, second = versus(ranking, [row for row in (ranking.chosen("lstm"), ranking.chosen("gru")) if row])
    assert second["difference"] is None
    assert "nothing to compare" in str(second["sentence"])


def test_rows_are_named_by_what_tells_them_apart() -> None:
    made = [
        run(arch="lstm", recipe=recipe, recipe_hash=recipe_hash, test=0.9, created=f"2026-03-0{day}T11:58:00+00:00")
        for recipe, recipe_hash, day in (
            ("standard", "aaaa11112222", 4),
            ("standard", "bbbb11112222", 5),
            ("own", "c", 6),
        )
    ]
    [ranking] = rankings(frames(*made).records())
    one, other, own = sorted(ranking.rows, key=lambda row: row.recipe_hash)
    assert [row["name"] for row in versus(ranking, [one, own])] == ["lstm:standard", "lstm:own"]
    assert [row["name"] for row in versus(ranking, [one, other, own])] == [
        *("lstm:aaaa1111", "lstm:bbbb1111", "lstm:own"),
    ]
    first, second = versus(ranking, [one, other])
    assert [row["label"] for row in (first, second)] == ["standard (aaaa1111)", "standard (bbbb1111)"]
    assert str(second["sentence"]).startswith("lstm:bbbb1111 - lstm:aaaa1111: 0.00 points")
    assert (first["since"], second["since"]) == ("2026-03-04", "2026-03-05")
    assert (ranking.chosen("lstm", "bbbb"), ranking.chosen("lstm", "bbb")) == (other, None)
