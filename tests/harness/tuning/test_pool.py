"""A pool looks after its workers: it replaces those that die, and gives up where none lives."""

from __future__ import annotations

import sys

import pytest

from harness.errors import UserError
from harness.execution import Machine
from harness.store import Run
from harness.tuning import pool as pools
from harness.tuning import tally
from harness.tuning.pool import Pool
from harness.tuning.study import Study
from harness.tuning.worker import Order, close_lost


@pytest.fixture
def pool(plan, opened, home, tmp_path, plugin):
    """``pool(trials, size)`` over a new study, and what it told."""

    def make(trials, size=2, lines=None):
        study = Study.begin(opened(), "s", plan())
        study.fill(trials)
        order = Order.of(Machine(home, tmp_path, True, "cpu"), study, trials, (plugin,))
        return Pool(study, order, size, tell=(lines if lines is not None else []).append)

    return make


def stand_in(monkeypatch, code):
    """Let this script stand in for every worker."""
    start = pools.subprocess.Popen
    monkeypatch.setattr(pools.subprocess, "Popen", lambda _, **rest: start([sys.executable, "-c", code], **rest))


def test_workers_train_all_trials_in_processes_of_their_own(pool, store):
    made = pool(5)
    assert made.run() is None
    assert tally.counts(made.study.trials())["complete"] == 5
    assert len(store.of_study("s")) == 5


def test_no_more_trials_are_begun_than_asked_for_though_more_wait(pool, plan):
    made = pool(2, size=3)
    made.study.fill(6)
    assert made.run() is None
    assert tally.counts(made.study.trials()) == {**dict.fromkeys(tally.WORDS, 0), "complete": 2, "waiting": 4}


def test_workers_that_die_again_and_again_end_the_pool_with_a_sentence(pool, monkeypatch):
    stand_in(monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    lines = []
    with pytest.raises(UserError, match="6 workers in a row ended before their trials did, the last by SIGKILL"):
        pool(3, lines=lines).run()
    assert lines == ["warning: a worker ended by SIGKILL"] * 6


def test_a_worker_that_cannot_go_on_says_why_through_the_pool(pool, monkeypatch):
    stand_in(monkeypatch, "import sys; print('error: no room left', file=sys.stderr); sys.exit(2)")
    with pytest.raises(UserError, match="^no room left$"):
        pool(3).run()


def test_the_end_of_the_time_stops_the_workers_and_leaves_the_trials(pool, monkeypatch):
    stand_in(monkeypatch, "import sys; sys.stdin.read()")
    made = pool(3)
    assert made.run(timeout=0.5) == "timeout"
    assert tally.counts(made.study.trials())["waiting"] == 3


def test_a_warning_is_told_once_for_all_workers(pool, monkeypatch):
    stand_in(monkeypatch, "import sys; print('warning: no compiler\\nnoise', file=sys.stderr); sys.exit(3)")
    lines = []
    with pytest.raises(UserError, match=r"the last with code 3 \(noise\)"):
        pool(3, lines=lines).run()
    assert lines.count("warning: no compiler") == 1


def test_the_run_of_a_trial_that_killed_its_workers_is_ended(plan, opened, store, home):
    study = Study.begin(opened(), "s", plan())
    study.fill(1)
    run = Run("mean", "sign", 0, "accuracy", {}, "trial", "hash", study="s", trial=0)
    other = Run("mean", "sign", 0, "accuracy", {}, "trial", "hash", study="s", trial=0)
    store.add(run), store.add(other)
    home.folder("runs", run.id)
    for _ in range(tally.LIVES):
        claim = study.claim({"host": "here", "lock": "gone", "folder": "nowhere"})
        study.note(claim, tally.RUN, run.id)
        close_lost(study, home)
        assert store.get(run.id).state == "running", "somebody goes on with it"
        study.recover()
    close_lost(study, home)
    assert (store.get(run.id).state, store.get(run.id).reason) == ("failed", "3 workers died over it")
    assert not home.run(run.id).exists()
    assert store.get(other.id).state == "running", "it is of another study with that name"
