"""Workers and whole commands are killed in the middle of a study, and in the end it is as if nothing had happened."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from harness.errors import UserError
from harness.home import Home
from harness.store import open_store
from harness.tuning import tally
from harness.tuning.storage import address, open_storage
from harness.tuning.study import Study

from ..harness.postgresql import server
from ..processes import PATIENCE, is_running, until

TRIALS = 8
TUNE = [
    *("tune", "--arch", "gru", "--task", "sdigits", "--set", "hidden_size=4", "--train-limit", "256"),
    *("--epochs", "120", "--trials", str(TRIALS), "--workers", "4", "--final-seeds", "0", "--pruner", "none"),
    *("--study", "s", "--checkpoint-every", "0"),
]


@pytest.fixture(params=["journal", "postgresql"])
def storage(request, tmp_path):
    """Where the study is kept."""
    if request.param == "journal":
        yield str(tmp_path / "s.journal")
        return
    with server() as url:
        yield url


HURT = {"replaced": 2, "complete": 1, "running": 2}
"""Where the first command is killed: two workers were, one trial is over, others are under way."""


def start(tmp_path, storage):
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *TUNE],
        cwd=tmp_path,
        env={**os.environ, "HARNESS_STUDIES": storage, "HARNESS_HOME": str(tmp_path / "home"), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Looker:
    """Looks at the study from outside, with what a person would read in ``study show``."""

    def __init__(self, storage, home):
        self.storage, self.home = storage, home

    def trials(self):
        try:
            opened = open_storage(address(self.storage), Home(self.home), create=False)
            return Study.load(opened, "s").trials()
        except UserError:  # there is none yet
            return []

    def counts(self):
        return tally.counts(self.trials())

    def runs(self):
        return open_store(self.home).of_study("s")


@pytest.fixture
def look(storage, tmp_path):
    return Looker(storage, tmp_path / "home")


def test_four_workers_two_killed_and_started_again_make_the_exact_number_of_trials(tmp_path, storage, look):
    first = start(tmp_path, storage)
    until(lambda: look.counts()["running"] == 4, first)
    workers = psutil.Process(first.pid).children()
    assert len(workers) == 4
    for worker in workers[:2]:
        worker.kill()
    until(lambda: all(look.counts()[word] >= least for word, least in HURT.items()), first)
    workers = psutil.Process(first.pid).children()
    for worker in workers[:2]:
        worker.kill()
    first.kill()
    _, complaints = first.communicate()
    until(lambda: not any(is_running(worker.pid) for worker in workers))  # they end with what started them
    assert "a worker ended by SIGKILL" in complaints

    second = start(tmp_path, storage)
    out, complaints = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, complaints
    assert "warning" not in complaints, "neither locks nor anything else were in the way"
    assert "written as recipe 'tuned'" in out
    trials, counts = look.trials(), look.counts()
    assert counts == {**dict.fromkeys(tally.WORDS, 0), "complete": TRIALS, "replaced": counts["replaced"]}
    assert counts["replaced"] >= 2
    whole = [trial for trial in trials if tally.words(trials)[trial.number] == "complete"]
    assert sorted((run.id, run.trial) for run in look.runs()) == sorted((t.user_attrs["run"], t.number) for t in whole)
    assert {run.state for run in look.runs()} == {"done"}
    for trial in whole:
        if (dead := trial.user_attrs.get("replaces")) is not None:
            assert trials[dead].params.items() <= trial.params.items()


@pytest.mark.parametrize("storage", ["journal"], indirect=True)
def test_ctrl_c_stops_all_workers_and_the_same_command_goes_on(tmp_path, storage, look):
    first = start(tmp_path, storage)
    until(lambda: look.counts()["running"] == 4, first)
    workers = psutil.Process(first.pid).children()
    first.send_signal(signal.SIGINT)
    out, complaints = first.communicate(timeout=PATIENCE)
    assert first.returncode == 130, complaints
    assert "stopped by SIGINT; to go on: python -m harness tune" in out
    assert "warning" not in complaints
    assert "error" not in complaints
    assert not any(worker.is_running() for worker in workers)
    left = look.counts()
    assert left["running"] == left["replaced"] == left["failed"] == 0
    assert left["waiting"] + left["complete"] == TRIALS
    second = start(tmp_path, storage)
    out, complaints = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, complaints
    assert look.counts() == {**dict.fromkeys(left, 0), "complete": TRIALS}
    assert len(look.runs()) == TRIALS
