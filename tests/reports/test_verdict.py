"""Verdicts by the seeds of one protocol, with intervals that are worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from reports.statistics import summarise
from reports.verdict import NOT_REPRODUCED, REPRODUCED, UNDECIDED, further_run

from .ledgers import SEEDS, entry, number, runs

# Three seeds 0.90, 0.92, 0.97: mean 0.93, s = sqrt(0.0013), t(0.975, 2) = 4.30265273.
T = 0.95 * math.sqrt(2 / (4 * 0.975 * 0.025))
HALF_MEAN = T * math.sqrt(0.0013 / 3)  # 0.0896
HALF_RUN = T * math.sqrt(0.0013 * (1 + 1 / 3))  # 0.1791


def test_the_interval_for_one_further_run_by_hand() -> None:
    summary = summarise(SEEDS, higher_is_better=True)
    assert summary is not None
    assert further_run(summary) == pytest.approx((0.93 - HALF_RUN, 0.93 + HALF_RUN), rel=1e-12)
    alone = summarise([0.9], higher_is_better=True)
    assert alone is not None
    assert further_run(alone) is None


def test_a_published_mean_is_compared_with_the_interval_of_our_mean() -> None:
    inside, outside = (entry(number(value=0.93 + HALF_MEAN + off), runs(*SEEDS)) for off in (-1e-6, 1e-6))
    assert inside.verdict == REPRODUCED
    assert inside.interval == pytest.approx((0.93 - HALF_MEAN, 0.93 + HALF_MEAN), rel=1e-12)
    assert inside.reason == (
        "The published number lies in the 95 % interval of our mean of 3 seeds, 84.04 to 101.96 %."
    )
    assert inside.deviation == pytest.approx(-HALF_MEAN, abs=2e-6)
    assert outside.verdict == NOT_REPRODUCED
    assert "worse" in outside.reason
    assert inside.differences == outside.differences == ()
    assert inside.deviations == outside.deviations == ("Split frozen.", "Tested once.")


@pytest.mark.parametrize("kind", ["single run", "not stated", "best run"])
def test_one_published_run_is_compared_with_the_interval_for_one_further_run(kind: Any) -> None:
    # Outside the interval of the mean (to 1.0196 of the seeds, scaled down here to stay below 1), inside that of a run.
    seeds = [value / 2 for value in SEEDS]
    inside, outside = (
        entry(number(kind=kind, value=(0.93 + HALF_RUN) / 2 + off), runs(*seeds)) for off in (-1e-6, 1e-6)
    )
    assert (inside.verdict, outside.verdict) == (REPRODUCED, NOT_REPRODUCED)
    assert entry(number(kind="mean", value=(0.93 + HALF_RUN) / 2 - 1e-6), runs(*seeds)).verdict == NOT_REPRODUCED
    assert ("not stated" in inside.reason) == (kind == "not stated")


def test_a_best_run_is_reproduced_by_our_best_seed_and_a_single_run_is_not() -> None:
    # Eleven seeds of which one stands out: 0.9 ten times and 0.99 once. mean 0.9081818, s = 0.0271360,
    # t(0.975, 10) = 2.228139, so one further run ends at 0.9081818 + 2.228139 * 0.0271360 * sqrt(12 / 11) = 0.97133.
    seeds = [0.9] * 10 + [0.99]
    best = entry(number(kind="best run", value=0.98), runs(*seeds))
    assert best.interval == pytest.approx((0.84503, 0.97133), abs=5e-6)
    assert best.verdict == REPRODUCED
    assert "Our best seed is as good" in best.reason
    assert entry(number(kind="single run", value=0.98), runs(*seeds)).verdict == NOT_REPRODUCED
    assert entry(number(kind="best run", value=0.995), runs(*seeds)).verdict == NOT_REPRODUCED


def test_an_interval_that_holds_twice_the_published_error_decides_nothing() -> None:
    # Seeds 0.90 and 0.94: mean 0.92, s = 0.0283, t(0.975, 1) = 12.706, so their mean is 0.92 +- 0.2541.
    few = entry(number(value=0.95), runs(0.90, 0.94))
    assert few.verdict == UNDECIDED
    assert few.interval == pytest.approx((0.6659, 1.1741), abs=5e-5)
    assert few.reason == (
        "Our mean is worse; the published number and one of twice its error both lie in the 95 % interval of our mean"
        " of 2 seeds, 66.59 to 117.41 %."
    )
    assert entry(number(value=0.92), runs(0.90, 0.94)).verdict == REPRODUCED, "our mean is as good"
    assert entry(number(value=0.94, kind="best run"), runs(0.90, 0.94)).verdict == REPRODUCED, "our best is as good"


@pytest.mark.parametrize(("off", "verdict"), [(-1e-6, REPRODUCED), (1e-6, UNDECIDED)])
def test_the_limit_is_twice_the_published_error(off: float, verdict: str) -> None:
    seeds = [value - 0.02 for value in SEEDS]  # mean 0.91, and the interval begins at 0.91 - HALF_MEAN = 0.8204
    half_the_error = (1 - (0.91 - HALF_MEAN)) / 2  # 0.0898, of a published number of 0.9102
    assert entry(number(value=1 - half_the_error + off), runs(*seeds)).verdict == verdict


@pytest.mark.parametrize(("seeds", "verdict"), [((1.0, 1.3), UNDECIDED), ((1.04, 1.05, 1.06), REPRODUCED)])
def test_the_error_of_an_error_is_itself(seeds: tuple[float, ...], verdict: str) -> None:
    of = number(metric="rmse", value=1.03)
    assert entry(of, runs(*seeds, metric="rmse", higher_is_better=False)).verdict == verdict


def test_better_than_published_is_reproduced_and_says_that_it_is_better() -> None:
    found = entry(number(value=0.5), runs(*SEEDS))
    assert found.verdict == REPRODUCED
    assert found.reason.startswith("Our mean is better; the published number lies outside the 95 % interval")
    assert found.deviation == pytest.approx(0.43)


def test_of_an_error_lower_is_better() -> None:
    rmse = {"metric": "rmse", "higher_is_better": False}
    of = number(metric="rmse", value=1.06)
    low = entry(of, runs(0.80, 0.81, 0.82, **rmse))
    high = entry(of, runs(1.30, 1.31, 1.32, **rmse))
    assert (low.verdict, high.verdict) == (REPRODUCED, NOT_REPRODUCED)
    assert low.deviation == pytest.approx(-0.25)
    assert high.deviation == pytest.approx(0.25)
    assert "%" not in high.reason.replace("95 %", "")
    best = entry(replace(of, kind="best run", value=1.0), runs(*[1.3] * 10, 1.0, **rmse))
    assert "Our best seed is as good" in best.reason


@pytest.mark.parametrize(("ours", "verdict"), [(0.95, REPRODUCED), (0.96, REPRODUCED), (0.9499, UNDECIDED)])
@pytest.mark.parametrize("kind", ["mean", "single run", "best run", "not stated"])
def test_one_seed_reproduces_only_what_it_is_at_least_as_good_as(kind: Any, ours: float, verdict: str) -> None:
    found = entry(number(kind=kind), runs(ours))
    assert found.verdict == verdict
    assert found.reason.startswith("One seed, no interval")
    assert found.interval is None
    assert found.deviation == pytest.approx(ours - 0.95)


def test_seeds_that_agree_reproduce_their_own_value() -> None:
    # math.fsum([0.7] * 3) / 3 is a rounding error below 0.7.
    assert entry(number(value=0.7), runs(0.7, 0.7, 0.7)).verdict == REPRODUCED
    assert entry(number(value=0.91), runs(0.9, 0.9, 0.9)).verdict == NOT_REPRODUCED
