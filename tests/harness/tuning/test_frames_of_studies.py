"""What the reports are told of studies: every trial that counts, what mattered, and nothing of what is broken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas
import pytest
from optuna.trial import TrialState

from harness.cli.frames import all_frames, frames
from harness.cli.reported.columns import COLUMNS
from harness.tuning import summary, tally
from harness.tuning.storage import journal
from harness.tuning.study import Study


def missing(value: Any) -> bool:
    return bool(pandas.isna(value))


@pytest.fixture
def study(plan, opened, worker) -> Study:
    """Sixteen trials, of which those with a hopeless rate were ended early, and one more that waits."""
    study = Study.begin(opened(), "s", plan({"lr": "[1e-9, 0.05, 0.1]"}, pruner="median", sampler="random", epochs=8))
    study.fill(16)
    assert worker(study).run() == 0
    study.fill(17)
    return study


def test_every_trial_is_told_as_the_study_knows_it(study, store, registry, home):
    found = all_frames(store, registry, home)["trials"]
    assert found.columns.tolist() == list(COLUMNS["trials"])
    assert len(found) == 17
    for trial, told in zip(study.trials(), found.itertuples(), strict=True):
        assert (told.study, told.arch, told.task, told.metric) == ("s", "mean", "sign", "accuracy")
        assert told.higher_is_better
        assert told.trial == trial.number
        assert told.state == tally.words(study.trials())[trial.number]
        assert json.loads(told.values) == trial.params
        assert missing(told.value) == (told.state != "complete")
        if told.state == "complete":
            assert told.value == trial.value
        if told.state == "pruned":
            assert told.reason
        assert missing(told.recipe_hash) == (told.state == "waiting")
        if told.state != "waiting":
            assert told.recipe_hash == store.get(trial.user_attrs["run"]).recipe_hash
            assert told.epochs == len(trial.intermediate_values)
            assert told.parameters == trial.user_attrs["parameters"]
            assert told.seconds > 0
    assert {"complete", "pruned", "waiting"} == set(found["state"])
    assert len(frames(store, registry, home).rows("trials")) == 17


def test_the_best_that_a_pruned_trial_reached_is_told(study, store, registry, home):
    found = all_frames(store, registry, home)["trials"].set_index("trial")
    pruned = [trial for trial in study.trials() if trial.state == TrialState.PRUNED]
    assert pruned
    for trial in pruned:
        assert found.loc[trial.number, "best_seen"] == max(trial.intermediate_values.values())


def test_importance_is_that_of_the_study(study, store, registry, home):
    found = all_frames(store, registry, home)["importance"]
    shares = summary.importance(study)
    assert shares, "there are enough trials to tell"
    assert dict(zip(found["key"], found["share"], strict=True)) == shares
    assert set(found["study"]) == {"s"}


def test_how_a_study_searched_is_told(study, store, registry, home):
    (told,) = frames(store, registry, home).rows("studies")
    assert (told.study, told.sampler, told.pruner, told.seed) == ("s", study.plan.sampler, study.plan.pruner, "0")
    assert told.epochs == study.plan.epochs
    assert json.loads(told.ranges) == {key: study.plan.space.line(key) for key in study.plan.space.distributions}
    assert all(json.loads(told.ranges).values())


def test_the_size_that_trials_are_solved_for_is_told(plan, opened, store, registry, home):
    Study.begin(opened("a"), "a", replace(plan(), parameters=20_000)).fill(1)
    Study.begin(opened("b"), "b", replace(plan(), step_time="2ms")).fill(1)
    assert [one.matched for one in frames(store, registry, home).rows("studies")] == ["20,000 parameters", "2ms a step"]


def test_trials_that_were_replaced_are_left_out(plan, opened, store, registry, home):
    study = Study.begin(opened(), "s", plan())
    study.fill(1)
    gone = study.claim({"hostname": "elsewhere", "pid": 1})
    study.storage.set_trial_state_values(gone.identity, TrialState.FAIL)
    study.fill(1)
    assert len(study.trials()) == 2
    assert all_frames(store, registry, home)["trials"]["trial"].tolist() == [1]


def test_a_study_that_is_broken_is_warned_of_and_the_others_are_told(plan, opened, store, registry, home):
    Study.begin(opened("good"), "good", plan()).fill(2)
    journal(home, "bad").write_text("a diary\n" * 3, encoding="utf-8")
    with pytest.warns(UserWarning, match="bad.journal"):
        found = all_frames(store, registry, home)
    assert found["trials"]["study"].tolist() == ["good", "good"]


def test_a_study_whose_trials_cannot_be_read_is_warned_of(plan, opened, store, registry, home, monkeypatch):
    for name in ("a", "b"):
        Study.begin(opened(name), name, plan()).fill(1)
    read = Study.trials

    def fail(study: Study) -> Any:
        if study.name == "a":
            raise KeyError("state")
        return read(study)

    monkeypatch.setattr(Study, "trials", fail)
    with pytest.warns(UserWarning, match="the study a cannot be read: 'state'"):
        found = all_frames(store, registry, home)
    assert found["trials"]["study"].tolist() == ["b"]


def test_a_storage_that_is_named_and_not_there_is_a_warning(store, registry, home, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HARNESS_STUDIES", str(tmp_path / "none.journal"))
    with pytest.warns(UserWarning, match="there are no studies in"):
        found = all_frames(store, registry, home)
    assert found["trials"].empty


def test_a_storage_that_is_named_is_read(plan, opened, store, registry, home, tmp_path: Path, monkeypatch):
    Study.begin(opened(), "s", plan()).fill(1)
    monkeypatch.setenv("HARNESS_STUDIES", str(journal(home, "s")))
    empty = type(home)(tmp_path / "empty")
    assert all_frames(store, registry, empty)["trials"]["study"].tolist() == ["s"]
