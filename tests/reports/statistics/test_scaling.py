"""Exponents of times, against examples that are worked out by hand."""

from __future__ import annotations

import math
import random

import pytest

from reports.statistics.scaling import Scaling, scaling


def test_an_exact_power_has_no_width() -> None:
    found = scaling([100, 200, 400, 800], [0.5 * length**1.5 for length in (100, 200, 400, 800)])
    assert isinstance(found, Scaling)
    assert found.n == 4
    assert (found.exponent, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5), abs=1e-6)
    assert found.factor == pytest.approx(0.5, rel=1e-9)


def test_three_points_by_hand() -> None:
    # Logarithms 0, 1, 2 and 0, 1, 3: slope 3 / 2, intercept 4/3 - 3/2 = -1/6, residuals 1/6, -1/3, 1/6, whose squares
    # sum to 1/6; one degree of freedom, so the error of the slope is sqrt(1/6 / 2), and t(0.975, 1) = tan(0.475 pi).
    found = scaling([1, math.e, math.e**2], [1, math.e, math.e**3])
    assert isinstance(found, Scaling)
    half = math.tan(0.475 * math.pi) / math.sqrt(12)
    assert (found.exponent, found.factor) == pytest.approx((1.5, math.exp(-1 / 6)), rel=1e-9)
    assert (found.low, found.high) == pytest.approx((1.5 - half, 1.5 + half), rel=1e-9)


@pytest.mark.parametrize(
    ("lengths", "seconds", "reason"),
    [
        ([], [], "3 different lengths"),
        ([1, 2], [1, 2], "3 different lengths"),
        ([1, 2, 2, 1], [1, 2, 3, 4], "3 different lengths"),
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
    points = [(length, length**1.1 + length % 7) for length in (3, 10, 31, 100, 314, 1000)]
    mixed = random.Random(1).sample(points, len(points))
    assert scaling(*zip(*points, strict=True)) == scaling(*zip(*mixed, strict=True))


def test_lengths_and_times_belong_together() -> None:
    with pytest.raises(ValueError, match="got 1 for 2"):
        scaling([1, 2], [1])
