"""The books of a campaign: what is over, and how long the rest takes by what has been seen."""

import pytest

from harness.engines import Ended, Progressed, RunUnit, TrialUnit
from harness.suites.board import Board

FAST, SLOW, TRIAL = ("a", "t", "run"), ("b", "t", "run"), ("a", "t", "trial")


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def board(clock):
    return Board(clock=clock)


def run(key):
    return RunUnit(key, f"run {key}", {}, "standard", "hash", 0)


def trial(key):
    return TrialUnit(key, f"trial {key}", "s", "study")


def over(board, clock, key, at, **about):
    clock.now = at
    board.end(Ended(key, "over", "done", **about), "done")


def test_nothing_is_known_before_anything_was_seen(board):
    board.waiting[FAST] = 3
    assert board.left() is None
    board.begin(run("1"), FAST)
    assert board.left() is None


def test_the_rest_takes_as_long_as_what_ended(board, clock):
    board.waiting[FAST] = 4
    board.begin(run("1"), FAST)
    over(board, clock, "1", 10.0)
    board.begin(run("2"), FAST)
    assert board.left() == pytest.approx(30.0)
    clock.now = 14.0
    assert board.left() == pytest.approx(26.0)


def test_several_at_once_share_the_rest(board, clock):
    board.waiting[FAST] = 5
    board.begin(run("1"), FAST)
    over(board, clock, "1", 10.0)
    board.begin(run("2"), FAST)
    board.begin(run("3"), FAST)
    assert board.left() == pytest.approx(20.0)


def test_each_kind_has_its_length_and_an_unknown_one_that_of_its_task(board, clock):
    board.waiting.update({FAST: 1, SLOW: 2, ("c", "t", "run"): 1, ("c", "u", "run"): 1})
    board.begin(run("1"), FAST)
    over(board, clock, "1", 10.0)
    board.begin(run("2"), SLOW)
    over(board, clock, "2", 40.0)
    board.begin(run("3"), SLOW)
    # one slow run, then one like those of its task and one like all others: 30 + 20 + 20
    assert board.left() == pytest.approx(70.0)


def test_a_run_under_way_tells_the_pace_before_any_has_ended(board, clock):
    board.waiting[FAST] = 2
    board.begin(run("1"), FAST)
    clock.now = 5.0
    board.hear(Progressed("1", "r", 2.0, 10, 99.0))
    assert board.under["1"].left() is None, "one look tells no pace"
    clock.now = 9.0
    board.hear(Progressed("1", "r", 4.0, 10, 103.0))
    assert board.under["1"].left() == pytest.approx(12.0)
    assert board.left() == pytest.approx(12.0 + 20.0)


def test_a_search_is_a_chain_however_much_is_free(board, clock):
    board.waiting.update({TRIAL: 10, FAST: 1})
    board.begin(trial("1"), TRIAL)
    over(board, clock, "1", 10.0)
    board.begin(trial("2"), TRIAL)
    board.begin(run("3"), FAST)
    assert board.left() == pytest.approx(90.0)


def test_what_was_done_before_or_died_tells_no_length(board, clock):
    board.waiting[FAST] = 3
    board.begin(run("1"), FAST)
    over(board, clock, "1", 1.0, known=True)
    board.begin(run("2"), FAST)
    board.end(Ended("2", "died", None, "by SIGKILL"), None)
    board.begin(run("3"), FAST)
    assert board.left() is None
    assert (board.over, board.total) == (1, 3)


def test_runs_and_trials_are_counted_apart(board, clock):
    board.waiting.update({TRIAL: 2, FAST: 2})
    board.begin(trial("1"), TRIAL)
    board.begin(run("2"), FAST)
    assert (board.total, board.all_trials) == (2, 2)
    over(board, clock, "2", 1.0)
    board.settle(FAST, "refused", 1)
    assert (board.over, board.total) == (2, 2)
    assert board.runs == {"done": 1, "refused": 1}
