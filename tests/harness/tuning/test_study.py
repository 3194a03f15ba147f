"""A study holds as many trials as were asked for, each trained once, and the same ones for the same seed."""

import os
import signal

import pytest
from optuna.trial import TrialState

from harness.errors import UserError
from harness.execution import Monitor
from harness.tuning import tally
from harness.tuning.study import First, Study, worker_attribute


def values(study):
    return [trial.params for trial in study.trials()]


def test_one_worker_trains_all_trials_and_each_is_a_stored_run(plan, opened, worker, store):
    study = Study.begin(opened(), "s", plan())
    study.fill(4, [First("standard", {"lr": 0.05, "batch_doublings": 0, "clip_norm": 1.0, "scale": 1.0})])
    assert worker(study).run() == 0
    trials = study.trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
    assert trials[0].params["lr"] == 0.05
    assert trials[0].user_attrs["origin"] == "standard"
    runs = store.of_study("s")
    assert [(run.id, run.trial) for run in runs] == [(t.user_attrs["run"], t.number) for t in trials]
    assert all(run.metrics["valid"] == trial.value for run, trial in zip(runs, trials, strict=True))
    assert all(run.metrics["test"] is None for run in runs)
    assert len({run.seed for run in runs}) == 1
    assert all(list(trial.intermediate_values) == [1, 2] for trial in trials)


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp"])
def test_the_same_seed_gives_the_same_trials_and_another_seed_others(plan, opened, worker, sampler):
    studies = {}
    for name, seed in [("a", 0), ("b", 0), ("c", 1)]:
        study = studies[name] = Study.begin(opened(name), name, plan(sampler=sampler, seed=seed, epochs=1))
        study.fill(12)
        assert worker(study).run() == 0
    assert values(studies["a"]) == values(studies["b"])
    assert values(studies["a"]) != values(studies["c"])
    assert len({str(one) for one in values(studies["a"])}) == 12


def test_a_study_that_is_left_and_goes_on_has_the_same_trials(plan, opened, worker):
    whole = Study.begin(opened("whole"), "whole", plan(epochs=1))
    whole.fill(14)
    worker(whole).run()
    for target in (5, 12, 14):
        parted = Study.begin(opened("parted"), "parted", plan(epochs=1))
        parted.fill(target)
        worker(parted).run()
    assert values(parted) == values(whole)


def test_trials_are_filled_up_once(plan, opened):
    study = Study.begin(opened(), "s", plan())
    assert study.fill(3) == 3
    assert Study.begin(opened(), "s", plan()).fill(3) == 0
    assert study.fill(5) == 2
    assert study.fill(2) == 0
    assert tally.counts(study.trials())["waiting"] == 5


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"space": {"scale": "0.5..3"}}, "scale was"),
        ({"epochs": 3}, "training.epochs was 2, is now 3"),
        ({"seed": 1}, "seed was 0, is now 1"),
        ({"pruner": "median"}, "pruner was none, is now median"),
    ],
)
def test_another_plan_under_the_same_name_is_refused_with_the_difference(plan, opened, changes, told):
    Study.begin(opened(), "s", plan())
    with pytest.raises(UserError, match="study s has another plan") as refused:
        Study.begin(opened(), "s", plan(**changes))
    assert told in str(refused.value)


def test_a_trial_that_fails_is_kept_with_its_reason_and_the_study_goes_on(plan, opened, worker, store):
    study = Study.begin(opened(), "s", plan(space={"trouble": '["none", "nan"]'}, sampler="random"))
    study.fill(8)
    assert worker(study).run() == 0
    by = {word: [t for t in study.trials() if tally.words(study.trials())[t.number] == word] for word in tally.WORDS}
    assert len(by["failed"]) + len(by["complete"]) == 8
    assert all(t.params["trouble"] == "nan" for t in by["failed"])
    assert all(tally.reason_of(t).startswith("diverged at step 5") for t in by["failed"])
    assert by["failed"]
    assert by["complete"]
    assert {run.state for run in store.of_study("s")} == {"done", "failed"}


def test_a_point_that_cannot_be_built_fails_alone(plan, opened, worker, monkeypatch):
    study = Study.begin(opened(), "s", plan())
    study.fill(2)
    hand = worker(study)
    original, calls = type(study.plan.space).recipe, []

    def refuse_first(*args, **kwargs):
        calls.append(1)
        if len(calls) == 1:
            raise UserError("hidden_size must be even, got 7")
        return original(*args, **kwargs)

    monkeypatch.setattr(type(study.plan.space), "recipe", refuse_first)
    assert hand.run() == 0
    assert tally.reason_of(study.trials()[0]) == "hidden_size must be even, got 7"
    assert study.trials()[1].state == TrialState.COMPLETE


def test_pruning_follows_the_validation_curve(plan, opened, worker, store):
    space = {"lr": "[1e-9, 0.05, 0.1]"}
    study = Study.begin(opened(), "s", plan(space, pruner="median", sampler="random", epochs=8))
    study.fill(16)
    assert worker(study).run() == 0
    pruned = [trial for trial in study.trials() if trial.state == TrialState.PRUNED]
    assert 1e-9 in {trial.params["lr"] for trial in pruned}
    assert all(2 <= trial.last_step < 8 for trial in pruned)
    runs = {run.trial: run for run in store.of_study("s")}
    assert all(runs[t.number].state == "pruned" and runs[t.number].epochs_done == t.last_step for t in pruned)
    assert tally.reason_of(pruned[0]).startswith("pruned after epoch")


def test_a_signal_interrupts_and_the_next_worker_goes_on_with_the_same_trial(plan, opened, worker, store, monkeypatch):
    whole = Study.begin(opened("whole"), "whole", plan(epochs=4))
    whole.fill(3)
    worker(whole).run()
    study = Study.begin(opened(), "s", plan(epochs=4))
    study.fill(3)
    stop_at(monkeypatch, 6, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert worker(study).run() == 130
    assert tally.counts(study.trials()) == {**dict.fromkeys(tally.WORDS, 0), "waiting": 3}
    [begun] = store.of_study("s")
    assert begun.state == "interrupted"
    monkeypatch.undo()
    assert worker(study).run() == 0
    assert [trial.value for trial in study.trials()] == [trial.value for trial in whole.trials()]
    assert values(study) == values(whole)
    assert len(store.of_study("s")) == 3
    assert store.get(begun.id).state == "done"


class Killed(BaseException):
    """Ends a worker without any of its clean-up, as kill -9 does."""


def die():
    raise Killed


def stop_at(monkeypatch, step, then):
    """Do `then` at a step of the first trial that gets so far."""
    seen = []

    def on_step(self, progress, steps, loss):
        seen.append(1)
        if len(seen) == step:
            then()

    monkeypatch.setattr(Monitor, "on_step", on_step)


def test_a_trial_whose_worker_was_killed_is_failed_and_goes_on_as_another_trial(
    plan, opened, worker, store, monkeypatch
):
    study = Study.begin(opened(), "s", plan(epochs=4))
    study.fill(3)
    hand = worker(study)
    object.__setattr__(hand.worker.machine, "checkpoint_every", 0.0)
    stop_at(monkeypatch, 12, die)
    with pytest.raises(Killed):
        hand.run()
    monkeypatch.undo()
    again = Study.begin(opened(), "s", plan(epochs=4))
    assert again.fill(3) == 0, "the one that died is replaced, not added to"
    assert tally.counts(again.trials()) == {**dict.fromkeys(tally.WORDS, 0), "waiting": 3, "replaced": 1}
    assert worker(again).run() == 0
    trials = again.trials()
    assert tally.counts(trials) == {**dict.fromkeys(tally.WORDS, 0), "complete": 3, "replaced": 1}
    dead, other = trials[0], trials[3]
    assert (dead.state, other.user_attrs["replaces"]) == (TrialState.FAIL, 0)
    assert other.params == dead.params
    assert list(other.intermediate_values) == [1, 2, 3, 4]
    assert len(store.of_study("s")) == 3, "the run went on, it was not begun again"
    assert {run.trial for run in store.of_study("s")} == {1, 2, 3}


def test_a_trial_that_kills_its_workers_is_given_up(plan, opened):
    study = Study.begin(opened(), "s", plan())
    study.fill(1)
    for _ in range(tally.LIVES):
        assert study.claim(worker_attribute(study.opened.lives / "worker-dead.lock"))
        study.recover()
    assert study.claim({}) is None
    found = tally.counts(study.trials())
    assert (found["failed"], found["replaced"], found["waiting"]) == (1, tally.LIVES - 1, 0)
    assert tally.reason_of(study.trials()[-1]) == "its worker died"


def test_a_living_worker_keeps_its_trial(plan, opened):
    study = Study.begin(opened(), "s", plan())
    study.fill(1)
    claim = study.claim(study.live())
    assert Study.begin(opened(), "s", plan()).recover() == []
    study.leave()
    assert Study.begin(opened(), "s", plan()).recover() == [claim.number]
    study.tell(claim, TrialState.COMPLETE, 1.0)
    assert study.trials()[0].state == TrialState.FAIL, "what it says later, the study doesn't hear"
