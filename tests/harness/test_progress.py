"""Progress where there is no terminal: lines for a log file, not too many of them."""

import pytest

from harness.cli import progress
from harness.cli.progress import DataReport, TerminalMonitor
from harness.store import CurvePoint, Run
from harness.training import Progress


@pytest.fixture
def now(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    return clock


def a_run():
    return Run("gru", "psdigits", 3, "accuracy", {}, "standard", "0" * 16, id="0123456789ab")


def test_lines_tell_loss_metric_and_time_left(now, capsys):
    with TerminalMonitor("accuracy", 10) as monitor:
        monitor.on_start(a_run(), None)
        monitor.on_step(Progress(epoch=0, step=1), 10, lambda: 1 / 0)
        state = Progress(epoch=0, step=5, curve=[])
        now[0] += 6
        monitor.on_step(state, 10, lambda: 2.5)
        now[0] += 1  # too soon for another line
        monitor.on_step(state, 10, lambda: 1 / 0)
        state = Progress(epoch=2, step=0, curve=[CurvePoint(2, 20, 24.0, 1.25, 1.0, 0.5, 0.1)])
        now[0] += 17
        monitor.on_epoch(state)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "gru on psdigits, seed 3: run 0123456789ab begins",
        "gru on psdigits, seed 3: epoch 1/10, loss 2.5, 1 min 54 s left",  # 6 s for half an epoch, 9.5 to go
        "gru on psdigits, seed 3: epoch 3/10, loss 1.25, valid 50.00 %, 1 min 36 s left",  # 24 s for 2, 8 to go
    ]


def test_what_ends_by_the_clock_says_so(now, capsys):
    run = a_run()
    run.recipe = {"training": {"max_time": 30.0}}
    monitor = TerminalMonitor("accuracy", 25)
    monitor.on_start(run, None)
    monitor.on_step(Progress(epoch=0, step=1), 10, lambda: 2.5)
    now[0] += 20
    monitor.on_step(Progress(epoch=1, step=0, seconds=20.0), 10, lambda: 2.5)
    now[0] += 12
    point = CurvePoint(2, 13, 31.0, 1.25, 1.0, 0.5, 0.1)
    monitor.on_epoch(Progress(epoch=2, step=0, seconds=31.0, curve=[point], over=True))
    lines = [line.partition(": ")[2] for line in capsys.readouterr().err.splitlines()[1:]]
    assert lines == ["epoch 2/25, loss 2.5, 10.0 s left", "epoch 2/25, loss 1.25, valid 50.00 %, 0.0 s left"]


def test_time_left_of_a_resumed_run_counts_from_where_it_resumed(now, capsys):
    monitor = TerminalMonitor("accuracy", 10)
    monitor.on_start(a_run(), Progress(epoch=8, step=0))
    now[0] += 10
    monitor.on_step(Progress(epoch=8, step=1), 10, lambda: 1.0)
    now[0] += 10
    monitor.on_step(Progress(epoch=9, step=0), 10, lambda: 1.0)
    assert capsys.readouterr().err.splitlines()[-1].endswith("20.0 s left")  # 20 s for one epoch, one to go


def test_brackets_are_text_and_not_markup(now, capsys):
    run = Run("gru", "adding[length=10]", 0, "mse", {}, "standard", "0" * 16, state="failed", reason="no [/tmp/x]\n!")
    TerminalMonitor("mse", 1).on_end(run, known=False)
    assert "gru on adding[length=10], seed 0: failed: no [/tmp/x] !" in capsys.readouterr().out


def test_a_long_run_writes_a_line_a_minute(now, capsys):
    monitor = TerminalMonitor("accuracy", 10)
    monitor.on_start(a_run(), None)
    for _ in range(36_000):
        now[0] += 1
        monitor.on_step(Progress(epoch=1, step=0), 10, lambda: 1.0)
    assert 600 < len(capsys.readouterr().err.splitlines()) < 700


def test_the_preparation_of_data_is_told_now_and_then_with_the_time_left(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr("harness.cli.progress.time.monotonic", lambda: now[0])
    report = DataReport()
    for done in range(0, 101, 10):
        report("tokenising reviews", done, 100)
        now[0] += 3
    told = capsys.readouterr()
    assert told.out == "", "standard output may be JSON for a script"
    assert told.err.splitlines() == [
        "tokenising reviews: 20%, 24.0 s left",
        "tokenising reviews: 40%, 18.0 s left",
        "tokenising reviews: 60%, 12.0 s left",
        "tokenising reviews: 80%, 6.0 s left",
        "tokenising reviews: 100%, 0.0 s left",
    ]


def test_a_terminal_is_told_at_once_and_never_more_than_fits(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    report = DataReport()
    report("waiting for another process that brings Beats", 0, 1)
    told = capsys.readouterr().err
    assert told == "waiting for another process …\x1b[K\r"
    report("waiting for another process that brings Beats", 1, 1)
    assert capsys.readouterr().err == "\x1b[K"


def test_what_takes_no_time_is_not_told(monkeypatch, capsys):
    monkeypatch.setattr("harness.cli.progress.time.monotonic", lambda: 100.0)
    report = DataReport()
    for done in range(100):
        report("reading", done, 99)
    assert capsys.readouterr() == ("", "")
