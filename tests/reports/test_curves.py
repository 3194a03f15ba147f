"""Learning curves of several seeds."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from reports import Frames
from reports.figures.curves import MOST_POINTS, Curve, curve
from reports.ranking.leaderboard import rankings

from . import fakes


def mean_curve(
    *seeds: list[float], axis: str = "step", seconds: tuple[float, ...] = (), **changed: object
) -> Curve | None:
    rows = [fakes.run(run=f"run{seed}", seed=seed, **changed) for seed in range(len(seeds))]
    points = [
        fakes.curve(f"run{seed}", values, 10, seconds[seed] if seconds else 1.0) for seed, values in enumerate(seeds)
    ]
    frames = Frames(fakes.runs(*rows), pd.concat(points))
    (ranking,) = rankings(frames.records())
    return curve(ranking.rows[0], frames.traces(), axis)  # type: ignore[arg-type]


def test_mean_lowest_and_highest_at_every_evaluation() -> None:
    found = mean_curve([0.25, 0.5, 0.75], [0.75, 0.5, 1.0])
    assert found is not None
    assert (found.n, found.x) == (2, (10, 20, 30))
    assert (found.mean, found.lowest, found.highest) == ((0.5, 0.5, 0.875), (0.25, 0.5, 0.75), (0.75, 0.5, 1.0))


def test_a_seed_that_stopped_early_keeps_its_last_value() -> None:
    found = mean_curve([0.5, 0.5], [0.5, 0.5, 1.0])
    assert found is not None
    assert found.mean == (0.5, 0.5, 0.75)


def test_seeds_of_different_speed_meet_on_a_common_axis_of_time() -> None:
    # One seed is evaluated at 1, 2, 3 seconds, the other at 2, 4, 6: three places from 2, where both have begun, to 6.
    # The first is 2 at 2 s and has ended with 3 at 4 s; the second is 1, 2, 3.
    found = mean_curve([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], axis="seconds", seconds=(1.0, 2.0))
    assert found is not None
    assert found.x == pytest.approx((2.0, 4.0, 6.0), rel=1e-15)
    assert found.mean == pytest.approx((1.5, 2.5, 3.0), rel=1e-15)


def test_values_that_are_not_finite_are_left_out() -> None:
    found = mean_curve([0.5, math.nan, 1.0, math.inf])
    assert found is not None
    assert (found.x, found.mean) == ((10, 30), (0.5, 1.0))
    assert mean_curve([math.nan]) is None


def test_a_place_that_was_evaluated_twice_counts_once() -> None:
    twice = pd.concat([fakes.curve("run0", [0.1, 0.2]), fakes.curve("run0", [0.1, 0.3])])
    frames = Frames(fakes.runs(fakes.run(run="run0")), twice)
    found = curve(rankings(frames.records())[0].rows[0], frames.traces(), "step")
    assert found is not None
    assert (found.x, found.mean) == ((40, 80), (0.1, 0.3))


def test_runs_that_are_not_done_have_no_part() -> None:
    assert mean_curve([0.5, 0.6], state="running") is None


def test_long_curves_are_thinned_and_keep_both_ends() -> None:
    found = mean_curve([float(value) for value in range(5000)])
    assert found is not None
    assert len(found.x) == MOST_POINTS
    assert (found.x[0], found.x[-1], found.mean[0], found.mean[-1]) == (10, 50_000, 0.0, 4999.0)


def test_samples_for_the_table_behind_a_figure() -> None:
    found = mean_curve([float(value) for value in range(11)])
    assert found is not None
    assert [place[1] for place in found.sampled(6)] == [0, 2, 4, 6, 8, 10]
    assert [place[1] for place in found.sampled(50)] == list(range(11))
