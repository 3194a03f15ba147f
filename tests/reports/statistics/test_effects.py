"""Sizes of effects, against examples that are worked out by hand."""

from __future__ import annotations

import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.statistics.effects import effect, superiority


def test_welch_by_hand() -> None:
    # 1 2 3 and 3 4 5: difference -2, both variances 1, squared error 1/3 + 1/3, degrees (2/3)^2 / (2 (1/3)^2 / 2) = 4.
    # The tables print t(0.975, 4) = 2.776. t = -2 / sqrt(2/3), t^2 = 6; the distribution with four degrees is
    # F(t) = 1/2 + 3/8 t / sqrt(1 + t^2/4) (1 - t^2 / (12 (1 + t^2/4))): with t^2 = 6, 1/2 + 3/8 sqrt(2.4) 0.8.
    found = effect([1, 2, 3], [3, 4, 5])
    assert found.difference == -2
    assert found.low is not None
    assert found.high is not None
    assert round((found.high - found.low) / 2 / math.sqrt(2 / 3), 3) == 2.776
    assert found.low + found.high == pytest.approx(-4, rel=1e-12)
    assert found.p == pytest.approx(2 * (0.5 - 0.375 * math.sqrt(2.4) * 0.8), rel=1e-9)


def test_welch_of_unequal_spreads_is_that_of_scipy() -> None:
    # 1 2 3 and 2 4 6 8: difference -3, squared errors 1/3 and 5/3, degrees 4 / (1/18 + 25/27) = 216/53
    one, other = [1.0, 2.0, 3.0], [2.0, 4.0, 6.0, 8.0]
    found, theirs = effect(one, other), stats.ttest_ind(one, other, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert theirs.df == pytest.approx(216 / 53, rel=1e-12)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-12)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-12)


def test_hedges_g_by_hand() -> None:
    # As above: pooled variance (2 * 1 + 3 * 20/3) / 5 = 4.4, d = -3 / sqrt(4.4); m = 5:
    # Gamma(5/2) / (sqrt(5/2) Gamma(2)) = (3/4) sqrt(pi) / sqrt(2.5) = 0.84075, near 1 - 3 / (4 * 5 - 1) = 0.842.
    found = effect([1, 2, 3], [2, 4, 6, 8])
    assert found.g == pytest.approx(-3 / math.sqrt(4.4) * 0.75 * math.sqrt(math.pi / 2.5), rel=1e-12)
    # two seeds each: m = 2 and the factor is Gamma(1) / Gamma(1/2) = 1 / sqrt(pi); d = -2 / sqrt(1/2)
    assert effect([1, 2], [3, 4]).g == pytest.approx(-2 * math.sqrt(2 / math.pi), rel=1e-12)


def test_superiority_by_hand() -> None:
    # of 12 pairs of 1 2 3 with 2 4 6 8 one is larger (3 over 2) and one equal (2 and 2): 1.5 / 12
    assert superiority([1, 2, 3], [2, 4, 6, 8]) == 1.5 / 12
    assert effect([1, 2, 3], [2, 4, 6, 8], higher_is_better=True).superiority == 1.5 / 12
    assert effect([1, 2, 3], [2, 4, 6, 8], higher_is_better=False).superiority == 10.5 / 12
    assert superiority([5], [5]) == 0.5


def test_a_single_seed_has_neither_interval_nor_p() -> None:
    for found in (effect([1.0], [2.0, 3.0]), effect([2.0, 0.0], [2.5])):
        assert found.difference == -1.5
        assert (found.low, found.high, found.p, found.g, found.superiority) == (None,) * 5
        assert "single seed" in found.reason


def test_no_seed_has_nothing() -> None:
    found = effect([], [1.0, 2.0])
    assert (found.difference, found.superiority, found.p) == (None, None, None)
    assert "no seed" in found.reason


def test_seeds_that_all_agree_are_no_measure_of_chance() -> None:
    found = effect([0.1] * 3, [0.2] * 3)
    assert found.difference == pytest.approx(-0.1, rel=1e-12)
    assert (found.low, found.p, found.g, found.superiority) == (None, None, None, 0.0)
    assert "nothing to measure chance by" in found.reason


def test_one_side_that_agrees_is_compared_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = effect([0.1] * 3, [0.2, 0.3, 0.4])
        nearly = effect([1.0, 1.0 + 1e-15], [1.0, 1.0])
    # squared error of the second alone, 0.01 / 3, with its 2 degrees: the tables print t(0.975, 2) = 4.303
    assert found.low is not None
    assert found.difference is not None
    assert round((found.difference - found.low) / math.sqrt(0.01 / 3), 3) == 4.303
    assert nearly.p is not None


SEEDS = st.lists(st.integers(-20, 20).map(lambda number: number / 4), min_size=2, max_size=6)


@given(SEEDS, SEEDS, st.randoms(use_true_random=False))
def test_the_other_way_round_has_the_other_sign_and_order_has_no_influence(one, other, random) -> None:
    there, back = effect(one, other), effect(other, one)
    assert there == effect(random.sample(one, len(one)), random.sample(other, len(other)))
    assert there.difference == -back.difference
    assert there.superiority + back.superiority == pytest.approx(1, abs=1e-15)
    assert there.reason == back.reason
    if not there.reason:
        assert there.p == pytest.approx(back.p, rel=1e-9)
        assert there.g == pytest.approx(-back.g, rel=1e-12, abs=1e-15)
        assert there.low == pytest.approx(-back.high, rel=1e-9, abs=1e-12)
