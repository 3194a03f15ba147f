"""The view of all runs: lines in a log, a drawing in a terminal, and nothing that could steer either."""

import io
import sys

import pytest
from rich.console import Console

from harness.cli.suite import progress as module
from harness.cli.suite.progress import SuiteProgress
from harness.engines import Ended, Progressed, RunUnit, TrialUnit
from harness.suites.board import Board

KIND = ("lstm", "sign", "run")


def unit(key, name="lstm on sign, seed 0"):
    return RunUnit(key, name, {}, "standard", "hash", 0)


@pytest.fixture
def board():
    now = iter(range(1000))
    board = Board(clock=lambda: float(next(now)))
    board.waiting[KIND] = 3
    return board


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 60 columns and 8 lines, and what was written to it."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=60, height=8, markup=False, highlight=False, emoji=False)
    monkeypatch.setattr(module, "Console", lambda **_: console)
    monkeypatch.setattr(module, "DRAW_EVERY", 0.0)
    return out


def test_a_log_has_the_whole_at_once_then_now_and_then(capsys, board, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    with SuiteProgress("quick", lambda task: "accuracy") as progress:
        progress.show(board)
        progress.show(board)
        assert capsys.readouterr().err == "quick: 0 of 3 runs over\n"
        clock[0] += 6.0
        board.begin(unit("1"), KIND)
        board.runs["failed"] += 1
        progress.show(board)
        assert capsys.readouterr().err == "quick: 1 of 4 runs over (1 failed), 1 under way\n"
        clock[0] += 1000.0
        progress.show(board)
        assert capsys.readouterr() == ("", ""), "nothing has changed"
        board.runs["failed"] += 1
        clock[0] += 1000.0
        progress.show(board)
        progress.show(board)
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert capsys.readouterr().err == "quick: 2 of 5 runs over (2 failed)\n"


def test_a_line_for_each_run_that_ended(capsys, board):
    progress = SuiteProgress("quick", lambda task: {"sign": "accuracy"}[task])
    board.begin(unit("1"), KIND)
    event = Ended("1", "over", "done", run="abc", where="node7", valid=0.5, test=0.25, seconds=3.0)
    progress.ended(board.under["1"], event, "done")
    failed = Ended("1", "over", "failed", "loss is nan", run="abc", valid=None, seconds=1.0)
    progress.ended(board.under["1"], failed, "failed")
    progress.ended(board.under["1"], Ended("1", "over", "done", run="abc", known=True), "done")
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "lstm on sign, seed 0: done (valid 50.00 %, test 25.00 %; 3.0 s, run abc on node7)",
        "lstm on sign, seed 0: failed: loss is nan (valid -, test -; 1.0 s, run abc)",
        "lstm on sign, seed 0: done before (valid -, test -; 0.0 s, run abc)",
    ]


def test_trials_are_counted_and_have_no_line(capsys, board):
    progress = SuiteProgress("quick", lambda task: "accuracy")
    board.waiting["lstm", "sign", "trial"] = 5
    board.begin(TrialUnit("2", "lstm on sign, trial 0", "s", "study"), ("lstm", "sign", "trial"))
    progress.ended(board.under["2"], Ended("2", "over", "done"), "done")
    progress.show(board)
    assert capsys.readouterr().err == "quick: 0 of 3 runs over, 0 of 5 trials, 1 under way\n"


def test_letters_that_could_steer_a_terminal_are_taken_out(capsys, board):
    progress = SuiteProgress("quick\x1b[2J", lambda task: "accuracy")
    nasty = unit("1", "plug\x1b]0;title\x07\nβ-net on sign, seed 0")
    board.begin(nasty, KIND)
    progress.ended(board.under["1"], Ended("1", "over", "failed", "bad\x1b[31m", where="no\x1bde"), "failed")
    progress.tell("warning: a\x1bb\r")
    progress.show(board)
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "β-net on sign" in said.err
    assert len(said.err.splitlines()) == 3
    assert said.out == ""


def test_a_terminal_shows_every_run_under_way_and_the_whole(terminal, board):
    with SuiteProgress("quick", lambda task: "accuracy") as progress:
        for number in range(3):
            board.begin(unit(str(number), f"lstm on sign, seed {number}"), KIND)
        board.hear(Progressed("0", "r", 0.0, 4, 1.0))
        board.hear(Progressed("0", "r", 1.5, 4, 2.0, loss=0.25, valid=0.5))
        progress.show(board)
        drawn = terminal.getvalue()
        assert "lstm on sign, seed 0: epoch 2/4, loss 0.25, valid 50.00 %" in drawn
        assert "lstm on sign, seed 1: is made ready" in drawn
        assert "quick: 0 of 3 runs over, 3 under way" in drawn
        progress.tell("a line above")
    assert "a line above" in terminal.getvalue()
    assert terminal.getvalue().rstrip().splitlines()[-1].endswith("quick: 0 of 3 runs over")


def test_a_low_terminal_shows_as_many_as_there_is_room_for(terminal, board):
    board.waiting[KIND] = 20
    with SuiteProgress("quick", lambda task: "accuracy") as progress:
        for number in range(20):
            board.begin(unit(str(number), f"lstm on sign, seed {number}"), KIND)
        progress.show(board)
        drawn = terminal.getvalue()
    assert "seed 3: is made ready" in drawn
    assert "seed 4: is made ready" not in drawn
    assert "and 16 more" in drawn


def test_lines_longer_than_the_terminal_are_cut_not_folded(terminal, board):
    with SuiteProgress("quick", lambda task: "accuracy") as progress:
        board.begin(unit("1", f"{'x' * 100} on sign, seed 0"), KIND)
        progress.show(board)
        drawn = terminal.getvalue()
    assert "x" * 59 + "…" in drawn


def test_warnings_go_to_standard_error_in_a_log(capsys):
    SuiteProgress("quick", lambda task: "accuracy").tell("warning: something")
    assert capsys.readouterr() == ("", "warning: something\n")
    assert sys.stdout is not None
