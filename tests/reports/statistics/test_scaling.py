"""Exponents of times, against examples that are worked out by hand."""

from __future__ import annotations

import math
import random

import pytest

from reports.statistics.scaling import LOWEST, Scaling, scaling

SIZES = (100, 200, 400, 800, 1600, 3200)


def test_an_exact_power_has_no_width() -> None:
    found = scaling([100, 200, 400, 800], [0.5 * length**1.5 for length in (100, 200, 400, 800)])
    assert isinstance(found, Scaling)
    assert (found.n, found.least) == (4, 100)
    assert (found.exponent, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5), abs=1e-6)
    assert found.factor == pytest.approx(0.5, rel=1e-9)


def test_three_points_by_hand() -> None:
    # Logarithms 0, 1, 2 and 0, 1.2, 2.44: slope 1.22, intercept 1.2133 - 1.22, residuals 1/150, -1/75, 1/150, whose
    # squares sum to 1/3750; one degree of freedom, so the error of the slope is sqrt(1/3750 / 2), and
    # t(0.975, 1) = tan(0.475 pi).
    found = scaling([1, math.e, math.e**2], [1, math.e**1.2, math.e**2.44])
    assert isinstance(found, Scaling)
    half = math.tan(0.475 * math.pi) / math.sqrt(7500)
    assert (found.exponent, found.factor) == pytest.approx((1.22, math.exp(-1 / 150)), rel=1e-9)
    assert (found.low, found.high) == pytest.approx((1.22 - half, 1.22 + half), rel=1e-9)


def test_sizes_at_which_the_constant_part_counts_are_left_out() -> None:
    found = scaling(SIZES, [20 + 0.1 * size for size in SIZES])  # 20 of 340 and of 180 are more than a tenth, and so on
    assert isinstance(found, str)
    found = scaling([*SIZES, 6400, 12800], [20 + 0.1 * size for size in (*SIZES, 6400, 12800)])
    assert isinstance(found, Scaling)
    assert (found.n, found.least) == (3, 3200)
    assert 0.95 < found.exponent < 1, "what is left of the constant part, 6 % at 3200, makes it a little smaller"


@pytest.mark.parametrize("power", [0.0, 0.25, 0.5, 0.85, 0.93])
def test_a_recurrence_that_seems_to_grow_less_than_its_length_shows_no_exponent(power: float) -> None:
    sizes = [100 * 2**step for step in range(14)]
    assert isinstance(scaling(sizes, [size**power for size in sizes]), str)


def test_proportional_growth_beside_the_largest_constant_part_reaches_the_bound() -> None:
    found = scaling([1, 2, 4], [0.1 + 0.9 * size for size in (1, 2, 4)])
    assert isinstance(found, Scaling)
    assert found.exponent == pytest.approx(LOWEST, rel=1e-12)


def test_values_off_the_line_show_no_exponent() -> None:
    bent = scaling(SIZES, [size**1.2 * (1 if size < 1000 else 1.4) for size in SIZES])
    assert isinstance(bent, str)
    assert "line" in bent
    few = scaling([100, 200, 400], [100.0, 204.0, 480.0])
    assert isinstance(few, str)
    assert "interval" in few


@pytest.mark.parametrize(
    ("lengths", "seconds", "reason"),
    [
        ([], [], "3 different sizes"),
        ([1, 2], [1, 2], "3 different sizes"),
        ([1, 4, 4, 1], [1, 2, 3, 4], "3 different sizes"),
        ([100, 150, 200], [1, 1.5, 2], "4 times"),
        ([1, 2, 3], [1, 2, 0], "positive"),
        ([1, 2, 3], [1, 2, -1], "positive"),
        ([0, 2, 3], [1, 2, 3], "positive"),
        ([1, 2, 3], [1, 2, math.nan], "positive"),
        ([1, 2, 3], [1, 2, math.inf], "positive"),
    ],
)
def test_a_reason_where_there_is_none(lengths: list[float], seconds: list[float], reason: str) -> None:
    found = scaling(lengths, seconds)
    assert isinstance(found, str)
    assert reason in found


def test_the_order_of_the_points_has_no_influence() -> None:
    points = [(length, length**1.1 * (1 + length % 7 / 100)) for length in (3, 10, 31, 100, 314, 1000)]
    mixed = random.Random(1).sample(points, len(points))
    assert isinstance(scaling(*zip(*points, strict=True)), Scaling)
    assert scaling(*zip(*points, strict=True)) == scaling(*zip(*mixed, strict=True))


def test_lengths_and_times_belong_together() -> None:
    with pytest.raises(ValueError, match="got 1 for 2"):
        scaling([1, 2], [1])
