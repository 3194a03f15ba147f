"""Trials of a study: runs that are never tested, may be pruned, and go on where a killed one was."""

import os
import shutil
import signal
from dataclasses import replace

import pytest

from harness.errors import UserError
from harness.execution import Monitor, Trial, attempt, execute
from harness.recipes import named
from harness.store import Store
from harness.training import Pruned


@pytest.fixture
def store(tmp_path):
    return Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")


class Killed(BaseException):
    """Ends the run without any of its clean-up of state, as kill -9 does to the store."""


class Ear(Monitor):
    """Remembers what it heard; may do something at a step or at the end of an epoch."""

    def __init__(self, at=None, then=None, epoch=None):
        self.ends, self.resumed, self.heard, self.steps = [], [], [], 0
        self.at, self.then, self.epoch = at, then, epoch

    def on_start(self, run, resumed):
        self.resumed.append(None if resumed is None else (resumed.epoch, resumed.step, len(resumed.curve)))

    def on_step(self, progress, steps, loss):
        self.steps += 1
        if self.steps == self.at:
            self.then()

    def on_epoch(self, progress):
        self.heard.append(progress.epoch)
        if progress.epoch == self.epoch:
            self.then()

    def on_end(self, run, known):
        self.ends.append((run.trial, run.state, known))


def prune():
    raise Pruned("worse than the median of 5 trials")


def die():
    raise Killed


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def kill_in_the_middle(made, store, number=0, at=12):
    """A trial that was killed: its run, still called running."""
    with pytest.raises(Killed):
        attempt(made, store, 0, Ear(at, die), Trial("s", number))
    [left] = store.of_study("s")
    assert left.state == "running"
    return left


def test_a_trial_is_a_run_of_its_study_and_sees_no_test_split(job, store):
    made, ear = job(), Ear()
    made.splits.test.inputs.fill_(float("nan"))  # whoever looks at it gives himself away
    batch, seen = made.task.batch, []
    made.task.batch = lambda data, *rest: seen.append(data) or batch(data, *rest)
    run = attempt(made, store, 0, ear, Trial("mean-sign", 7))
    assert (run.study, run.trial, run.state, run.reason) == ("mean-sign", 7, "done", None)
    assert run.metrics == {"valid": max(point.valid for point in run.curve), "test": None}
    assert run == store.get(run.id)
    assert ear.ends == [(7, "done", False)]
    assert {id(data) for data in seen} == {id(made.splits.train), id(made.splits.valid)}


def test_a_trial_leaves_no_files(job, store):
    made = job(checkpoint_every=0.0)
    for changes in ({}, {"trouble": "nan"}):
        made = job(checkpoint_every=0.0, **changes)
        run = attempt(made, store, 0, Ear(), Trial("s", 0))
        assert not made.machine.home.run(run.id).exists()
    attempt(made, store, 0, Ear(epoch=1, then=prune), Trial("s", 1))
    assert list((made.machine.home.path / "runs").iterdir()) == []


def test_a_trial_and_a_run_of_the_same_recipe_do_not_know_each_other(job, store):
    made = job()
    trial = attempt(made, store, 0, Ear(), Trial("s", 0))
    [run] = execute(made, store, (0,), Monitor())
    assert run.id != trial.id
    assert (run.metrics["valid"], run.trial) == (trial.metrics["valid"], None)
    assert run.metrics["test"] is not None
    again = attempt(made, store, 0, Ear(), Trial("s", 1))
    assert again.id not in (run.id, trial.id)
    assert [run.trial for run in store.of_study("s")] == [0, 1]
    left = kill_in_the_middle(made, Store.open(f"{store.database.engine.url}2"))
    assert made.find(store, 0).id == run.id != left.id


def test_a_monitor_prunes(job, store):
    made, ear = job(epochs=5), Ear(epoch=2, then=prune)
    run = attempt(made, store, 0, ear, Trial("s", 4))
    assert (run.state, run.reason) == ("pruned", "worse than the median of 5 trials")
    assert (run.epochs_done, run.steps_done, len(run.curve)) == (2, 10, 2)
    assert run.metrics == {"valid": max(point.valid for point in run.curve), "test": None}
    assert ear.ends == [(4, "pruned", False)]


def test_a_trial_that_fails_tells_why(job, store):
    run = attempt(job(trouble="nan", at=7), store, 0, Ear(), Trial("s", 1))
    assert (run.state, run.reason, run.trial) == ("failed", "diverged at step 7 (loss nan)", 1)
    assert len(run.curve) == 1


def test_a_signal_interrupts_a_trial_which_then_goes_on(job, store):
    made = job(epochs=4, dropout=0.5)
    whole = attempt(made, store, 0, Ear(), Trial("other", 0))
    run = attempt(made, store, 0, Ear(8, interrupt), Trial("s", 0))
    assert (run.state, run.reason, run.steps_done) == ("interrupted", "stopped by SIGINT", 8)
    ear = Ear()
    done = attempt(made, store, 0, ear, Trial("s", 3, continues=run.id))
    assert (done.id, done.trial, done.state, done.reason) == (run.id, 3, "done", None)
    assert ear.resumed == [(1, 3, 1)]
    assert done.metrics == whole.metrics


def test_a_signal_at_the_very_end_keeps_the_trial(job, store):
    class Late(Ear):
        def on_pause(self, progress):
            if progress.over and not self.heard:
                self.heard.append("the end")
                interrupt()

        def on_epoch(self, progress):
            pass

    ear = Late()
    with pytest.raises(KeyboardInterrupt):
        attempt(job(epochs=1), store, 0, ear, Trial("s", 0))
    assert ear.ends == [(0, "done", False)]
    assert [run.state for run in store.of_study("s")] == ["done"]


def test_the_run_of_a_killed_trial_goes_on_as_that_of_its_successor(job, store):
    made = job(epochs=4, dropout=0.5, checkpoint_every=0.0)
    whole = attempt(made, store, 0, Ear(), Trial("other", 0))
    left = kill_in_the_middle(made, store)
    ear = Ear()
    done = attempt(made, store, 0, ear, Trial("s", 5, continues=left.id))
    assert (done.id, done.trial, done.state) == (left.id, 5, "done")
    assert ear.resumed == [(2, 1, 2)], "and the curve so far, which the pruner has to hear of"
    assert ear.heard == [3, 4]
    assert done.metrics == whole.metrics
    assert [point.train_loss for point in done.curve] == [point.train_loss for point in whole.curve]
    assert [run.trial for run in store.of_study("s")] == [5]
    assert not made.machine.home.run(done.id).exists()


def test_without_its_checkpoint_the_run_starts_anew(job, store):
    made = job(epochs=3, checkpoint_every=0.0)
    left = kill_in_the_middle(made, store)
    shutil.rmtree(made.machine.home.run(left.id))
    ear = Ear()
    done = attempt(made, store, 0, ear, Trial("s", 1, continues=left.id))
    assert (done.id, done.state, ear.resumed) == (left.id, "done", [None])
    assert [point.epoch for point in done.curve] == [1, 2, 3]


@pytest.mark.parametrize("end", ["deleted", "other data", "other recipe", "other seed", "other study"])
def test_what_does_not_fit_is_not_continued(job, store, end):
    made = job(checkpoint_every=0.0)
    left = kill_in_the_middle(made, store)
    seed, study = int(end == "other seed"), "t" if end == "other study" else "s"
    if end == "deleted":
        store.delete([left.id])
    elif end == "other data":
        made._splits = replace(made.splits, checksum="other")
    elif end == "other recipe":
        made = job(checkpoint_every=0.0, lr=0.5)
    ear = Ear()
    done = attempt(made, store, seed, ear, Trial(study, 1, continues=left.id))
    assert done.id != left.id
    assert (done.state, done.trial, ear.resumed) == ("done", 1, [None])


@pytest.mark.parametrize("then", [None, prune])
def test_a_trial_that_had_ended_before_anybody_heard_of_it_is_not_trained_again(job, store, then):
    made = job()
    ended = attempt(made, store, 0, Ear(epoch=2, then=then or int), Trial("s", 0))
    ear = Ear()
    known = attempt(made, store, 0, ear, Trial("s", 1, continues=ended.id))
    assert (known.id, known.state, known.metrics, ear.steps) == (ended.id, ended.state, ended.metrics, 0)
    assert known.curve == ended.curve
    assert ear.ends == [(1, ended.state, True)]
    assert [run.trial for run in store.of_study("s")] == [1]


def test_two_processes_do_not_continue_one_run(job, store):
    made = job(checkpoint_every=0.0)
    left = kill_in_the_middle(made, store)

    def refused():
        with pytest.raises(UserError, match="trial 2 of study s is being trained by another process now"):
            attempt(made, store, 0, Ear(), Trial("s", 2, continues=left.id))

    done = attempt(made, store, 0, Ear(1, refused), Trial("s", 1, continues=left.id))
    assert (done.id, done.state) == (left.id, "done")


def test_a_full_disk_is_told_and_leaves_a_trial_to_go_on_with(job, store, monkeypatch):
    made = job(checkpoint_every=0.0)

    def full(*_):
        raise UserError("cannot write the checkpoint (No space left on device)")

    monkeypatch.setattr("harness.checkpoint.save", full)
    with pytest.raises(UserError, match="No space left"):
        attempt(made, store, 0, Ear(), Trial("s", 0))
    monkeypatch.undo()
    [left] = store.of_study("s")
    assert left.state == "running"
    assert attempt(made, store, 0, Ear(), Trial("s", 1, continues=left.id)).state == "done"


def test_an_error_of_the_monitor_is_no_failure_of_the_run(job, store):
    made = job(epochs=4, dropout=0.5, checkpoint_every=0.0)
    whole = attempt(made, store, 0, Ear(), Trial("other", 0))

    def broken():
        raise RuntimeError("the storage of the study is gone")

    with pytest.raises(RuntimeError, match="the storage of the study is gone"):
        attempt(made, store, 0, Ear(epoch=3, then=broken), Trial("s", 0))
    [left] = store.of_study("s")
    assert left.state == "running"
    done = attempt(made, store, 0, Ear(), Trial("s", 1, continues=left.id))
    assert (done.id, done.state, done.metrics) == (left.id, "done", whole.metrics)


def test_jobs_of_other_recipes_share_their_data(job, registry, store):
    made = job()
    changed = named(registry, "mean", "sign", changes={"epochs": 1, "batch_size": 16, "lr": 0.5, "hidden_size": 6})
    other = made.other(changed)
    assert other.splits is made.splits
    run = attempt(other, store, 0, Ear(), Trial("s", 0))
    assert (run.recipe_hash, run.parameters) == (changed.recipe.hash, 6 * 2 + 6 * 2 + 2)
    assert attempt(made, store, 0, Ear(), Trial("s", 1)).parameters != run.parameters
    with pytest.raises(ValueError, match="shares no data"):
        made.other(named(registry, "mean", "sign[length=7]"))
