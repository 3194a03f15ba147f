"""The drawing in a table's row."""

from __future__ import annotations

import pytest

from reports.figures.strips import MOST_DOTS, Scale
from reports.statistics import Summary, summarise


def summary(*values: float) -> Summary:
    found = summarise(values, higher_is_better=True)
    assert found is not None
    return found


def test_seeds_lie_on_a_linear_scale_with_a_margin_of_an_eighth() -> None:
    # Seeds from 0.4 to 0.8: the margin is 0.05, the scale goes from 0.35 to 0.85, its length is 0.5.
    row = summary(0.4, 0.6, 0.8)
    scale = Scale.of([row, summary(0.5)], "accuracy")
    assert (scale.low, scale.high) == (pytest.approx(0.35), pytest.approx(0.85))
    strip = scale.strip(row)
    assert strip.seeds == (10.0, 50.0, 90.0)
    assert strip.mean == 50.0
    # Half the interval is 4.30 * 0.2 / sqrt(3) = 0.497: it leaves the scale on both sides, and says so.
    assert (strip.low, strip.high, strip.open_low, strip.open_high) == (0.0, 100.0, True, True)


def test_a_single_seed_is_a_dot_without_an_interval() -> None:
    strip = Scale.of([summary(0.5)], "accuracy").strip(summary(0.5))
    assert (strip.seeds, strip.low, strip.high) == ((50.0,), None, None)


def test_errors_that_differ_more_than_tenfold_lie_on_a_logarithmic_scale() -> None:
    scale = Scale.of([summary(1e-4), summary(1e-2), summary(1.0)], "mse")
    assert scale.logarithmic
    assert scale.place(1e-2) == 50.0
    # The margin is an eighth on each side of eight: a tenth of the whole.
    assert (scale.place(1e-4), scale.place(1.0)) == (10.0, 90.0)
    assert scale.place(-1.0) == 0.0
    assert not Scale.of([summary(0.1), summary(1.0)], "mse").logarithmic


def test_the_scale_ends_where_the_metric_ends() -> None:
    assert Scale.of([summary(0.01), summary(0.99)], "accuracy") == Scale(0.0, 1.0)
    assert Scale.of([summary(0.0), summary(8.0)], "rmse") == Scale(0.0, 9.0)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0, 1e300])
def test_one_value_alone_still_has_a_scale(value: float) -> None:
    scale = Scale.of([summary(value)], "mse")
    assert scale.low < scale.high
    assert 0 <= scale.place(value) <= 100


def test_of_very_many_seeds_those_share_a_dot_that_cannot_be_told_apart() -> None:
    few, many = (summary(*(0.5 + 0.001 * (number % 40) for number in range(size))) for size in (MOST_DOTS, 400))
    assert len(Scale.of([few], "accuracy").strip(few).seeds) == MOST_DOTS
    strip = Scale.of([many], "accuracy").strip(many)
    assert strip.seeds == tuple(sorted(set(strip.seeds)))
    assert len(strip.seeds) == 40
    assert min(strip.seeds) == pytest.approx(10)
    assert max(strip.seeds) == pytest.approx(90)
