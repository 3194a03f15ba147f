"""The statistics, against examples that are worked out by hand or taken from printed tables."""

from __future__ import annotations

import math
import random

import pytest

from reports.statistics import ranks, summarise


def test_three_seeds_against_an_example_worked_by_hand() -> None:
    # values 0.90, 0.92, 0.97: sum 2.79, mean 0.93; deviations -0.03, -0.01, 0.04
    # squares 0.0009 + 0.0001 + 0.0016 = 0.0026; s^2 = 0.0026 / 2 = 0.0013; s = 0.036055513
    # s / sqrt(3) = 0.020816660; t(0.975, 2) = 4.302652730 (closed form below); half width = 0.089566860
    # t(p, 2) = (2 p - 1) sqrt(2 / (4 p (1 - p))) = 0.95 sqrt(2 / 0.0975) = 4.30265273
    summary = summarise([0.90, 0.92, 0.97], higher_is_better=True)
    assert summary is not None
    t = 0.95 * math.sqrt(2 / (4 * 0.975 * 0.025))
    assert t == pytest.approx(4.302652730, abs=5e-10)
    assert summary.n == 3
    assert summary.mean == pytest.approx(0.93, rel=1e-14)
    assert summary.half_width == pytest.approx(t * math.sqrt(0.0013 / 3), rel=1e-10)
    assert summary.half_width == pytest.approx(0.089566860, abs=5e-9)
    assert summary.low == pytest.approx(0.93 - 0.089566860, abs=5e-9)
    assert summary.high == pytest.approx(0.93 + 0.089566860, abs=5e-9)


def test_two_seeds_have_the_interval_of_one_degree_of_freedom() -> None:
    # With one degree of freedom Student's t is Cauchy's distribution, so t(0.975, 1) = tan(0.475 pi) = 12.7062047.
    # For values a, b: s = |a - b| / sqrt(2), s / sqrt(2) = |a - b| / 2; here |a - b| / 2 = 0.005.
    summary = summarise([0.95, 0.96], higher_is_better=True)
    assert summary is not None
    assert summary.half_width == pytest.approx(0.005 * math.tan(0.475 * math.pi), rel=1e-10)


def test_five_seeds_against_the_printed_table_of_t() -> None:
    # 1, 2, 3, 4, 5: mean 3, s^2 = (4 + 1 + 0 + 1 + 4) / 4 = 2.5, standard error sqrt(2.5 / 5) = 0.70710678.
    # The tables print t(0.975, 4) = 2.776, so the half width is 1.963 to three decimals.
    summary = summarise([5.0, 3.0, 1.0, 4.0, 2.0], higher_is_better=False)
    assert summary is not None
    assert summary.mean == 3.0
    assert summary.half_width is not None
    assert round(summary.half_width / math.sqrt(0.5), 3) == 2.776
    assert round(summary.half_width, 3) == 1.963


def test_one_seed_never_has_an_interval() -> None:
    summary = summarise([0.97], higher_is_better=True)
    assert summary is not None
    assert (summary.n, summary.mean, summary.best) == (1, 0.97, 0.97)
    assert summary.half_width is summary.low is summary.high is None


def test_no_seed_has_no_summary() -> None:
    assert summarise([], higher_is_better=True) is None


def test_seeds_that_agree_have_an_interval_of_no_width() -> None:
    for value in (0.25, 0.1):  # the mean of three times 0.1 is not 0.1
        summary = summarise([value] * 3, higher_is_better=True)
        assert summary is not None
        assert summary.half_width == 0.0
        assert summary.low == summary.high == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(("higher", "best"), [(True, 0.4), (False, 0.1)])
def test_best_is_the_best_in_the_direction_of_the_metric_and_is_not_the_mean(higher: bool, best: float) -> None:
    summary = summarise([0.1, 0.3, 0.4], higher_is_better=higher)
    assert summary is not None
    assert summary.best == best != summary.mean


def test_mean_and_interval_do_not_depend_on_the_order_of_the_seeds() -> None:
    values = [10.0**power for power in range(-8, 9)]
    shuffled = random.Random(3).sample(values, len(values))
    first, second = summarise(values, True), summarise(shuffled, True)
    assert first is not None
    assert second is not None
    assert first.mean == second.mean  # bit for bit
    assert first.half_width == second.half_width


def test_a_module_of_the_package_does_not_hide_the_function_of_its_name() -> None:
    import reports.statistics.rank_tests  # importing a module `ranks` would put it in the place of the function

    assert callable(reports.statistics.ranks)


def test_ranks_follow_the_direction_and_equal_means_share_the_better_one() -> None:
    # Competition ranking, as in sports: two at the second place, nobody at the third.
    assert ranks([0.9, 0.8, 0.9, 0.95], higher_is_better=True) == [2, 4, 2, 1]
    assert ranks([0.9, 0.8, 0.9, 0.95], higher_is_better=False) == [2, 1, 2, 4]
    assert ranks([], higher_is_better=True) == []


def test_means_that_are_equal_but_for_rounding_share_a_rank() -> None:
    # 20, 20 and 26 of 40, and three times 22 of 40: sums of floats make 0.5499999999999999 and 0.55 of them.
    one, other = (math.fsum(hits / 40 for hits in seeds) / 3 for seeds in ((20, 20, 26), (22, 22, 22)))
    assert one != other
    assert ranks([one, other, 0.5], higher_is_better=True) == [1, 1, 3]
    assert ranks([1e-9, 1.1e-9, 0.0], higher_is_better=False) == [2, 3, 1]
