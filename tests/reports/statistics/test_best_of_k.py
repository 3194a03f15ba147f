"""The tuning curve is the exact distribution of the best of k trials."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.best_of_k import scores_of, thinned, tuning_curve

SCORES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8)


@given(SCORES, st.booleans())
def test_the_curve_is_what_all_choices_of_k_trials_give(scores, higher):
    best = max if higher else min
    for point in tuning_curve(scores, higher):
        every = sorted(best(some) for some in combinations(scores, point.trials))
        assert point.expected == pytest.approx(sum(every) / len(every), abs=1e-6)
        assert point.low <= point.high
        for bound in (point.low, point.high):
            assert bound in every
        inside = sum(point.low <= one <= point.high for one in every)
        assert inside >= 0.95 * len(every) - 1e-9


@given(SCORES, st.booleans())
def test_the_curve_never_falls_and_ends_at_the_best(scores, higher):
    curve = tuning_curve(scores, higher)
    sign = 1 if higher else -1
    assert curve[-1].expected == pytest.approx(max(scores) if higher else min(scores))
    assert curve[-1].low == curve[-1].high
    for one, other in pairwise(curve):
        assert sign * (other.expected - one.expected) >= -1e-9


def test_two_hundred_trials_are_no_trouble():
    curve = tuning_curve([index / 200 for index in range(200)])
    assert curve[0].expected == pytest.approx(sum(range(200)) / 200 / 200)
    assert (curve[0].low, curve[0].high) == (4 / 200, 194 / 200)
    points = list(thinned(curve))
    assert [points[0].trials, points[-1].trials] == [1, 200]
    assert len(points) < 20


def test_the_best_of_two_of_three_by_hand():
    # pairs of 1, 2, 4: best 2, 4, 4, mean 10 / 3; smallest 1, 1, 2, mean 4 / 3
    assert [point.expected for point in tuning_curve([4, 1, 2])] == pytest.approx([7 / 3, 10 / 3, 4], rel=1e-12)
    falling = tuning_curve([4, 1, 2], higher_is_better=False)
    assert [point.expected for point in falling] == pytest.approx([7 / 3, 4 / 3, 1], rel=1e-12)
    assert (falling[1].low, falling[1].high) == (1, 2)


def test_every_trial_that_ended_counts():
    trials = [("complete", 0.9, None), ("pruned", None, 0.5), ("failed", None, None)]
    assert scores_of(trials, True) == [0.9, 0.5, 0.5]
    assert scores_of(trials, False) == [0.9, 0.5, 0.9]
    assert scores_of(trials[2:], True) == []
    assert tuning_curve([]) == []


def test_trials_that_have_not_ended_or_were_replaced_do_not_count():
    trials = [(state, 0.1, 0.2) for state in ("running", "waiting", "replaced")]
    assert scores_of([("complete", 0.9, None), *trials], True) == [0.9]


@pytest.mark.parametrize("unknown", [None, float("nan")])
def test_a_number_that_is_not_known_counts_as_a_failure(unknown):
    trials = [("complete", 0.9, 0.95), ("pruned", 0.99, unknown), ("complete", unknown, 1.0), ("complete", 0.8, None)]
    assert scores_of(trials, True) == [0.9, 0.8, 0.8, 0.8]
