"""Studies as JSON lines: what one home exports another takes over, and goes on with as if it were its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from optuna.trial import TrialState

from harness.cli import run_command
from harness.errors import UserError
from harness.home import Home
from harness.store.exchange import read_lines
from harness.store.line import document, parse
from harness.store.study_line import Score, StudyLine, TrialLine
from harness.tuning.exchange import bring_in, judge, line_of, lines
from harness.tuning.storage import Address, journal, open_storage
from harness.tuning.study import First, Study
from harness.tuning.summary import document as summary


@pytest.fixture
def study(plan, opened, worker):
    """Four trials that are over, pruned and complete ones."""
    found = Study.begin(opened(), "s", plan(pruner="median", epochs=4))
    found.fill(8, [First("standard", {"lr": 0.05, "scale": 1.0})])
    worker(found).run()
    return found


@pytest.fixture
def other(tmp_path):
    return Home(tmp_path / "other")


def take(home, *found):
    incoming = judge(enumerate(found), home, "in.jsonl, line {}".format)
    bring_in(incoming, home)
    return [one.verdict for one in incoming]


def there(home, name="s"):
    return Study.load(open_storage(Address(journal(home, name)), home, create=False), name)


def test_all_that_is_known_of_a_study_is_known_in_another_home(study, home, other):
    (line,) = lines(home)
    assert take(other, line) == ["new"]
    told, again = summary(study), summary(there(other))
    assert told.pop("storage") != again.pop("storage")
    assert told == again
    assert {trial["state"] for trial in told["all"]} >= {"complete"}
    assert [t.datetime_start for t in study.trials()] == [t.datetime_start for t in there(other).trials()]
    assert [document(one) for one in lines(other)] == [document(line)]
    assert take(other, line) == ["known"]


def test_a_line_is_plain_json_and_says_nothing_of_the_machine(study, tmp_path):
    text = json.dumps(document(line_of(study)))
    assert parse(text) == line_of(study)
    assert str(tmp_path) not in text
    assert "worker" not in text


def test_a_study_goes_on_in_another_home_with_the_trials_that_it_would_have_had_here(study, other, worker):
    take(other, line_of(study))
    for one in (study, there(other)):
        one.fill(10)
        worker(one).run()
    assert [trial.params for trial in there(other).trials()] == [trial.params for trial in study.trials()]


def test_trials_that_wait_and_those_under_way_wait_for_whoever_imports_them(plan, opened, other, worker):
    study = Study.begin(opened(), "s", plan())
    study.fill(2, [First("published", {"lr": 0.05, "scale": 1.5})])
    claim = study.claim(study.live())
    study.note(claim, "run", "aaaaaaaaaaaa")
    assert take(other, line_of(study)) == ["new"]
    trials = there(other).trials()
    assert [trial.state for trial in trials] == [TrialState.WAITING] * 2
    assert "run" not in trials[0].user_attrs
    worker(there(other)).run()
    assert there(other).trials()[0].params["scale"] == 1.5
    study.leave()


def test_a_study_that_has_more_trials_by_now_takes_the_place_of_what_was_imported(study, other, worker):
    early = line_of(study)
    take(other, early)
    study.fill(9)
    worker(study).run()
    late = line_of(study)
    assert take(other, late, early) == ["updated"]
    assert document(line_of(there(other))) == document(late)
    assert take(other, early) == ["known"]
    assert document(line_of(there(other))) == document(late)
    assert take(Home(other.path / "third"), early, late) == ["new"]


def changed(line, **attributes):
    first = line.trials[0].model_copy(update=attributes)
    return line.model_copy(update={"trials": [first, *line.trials[1:]]})


def test_another_study_of_the_same_name_is_refused_and_nothing_is_stored(study, other, plan):
    line = line_of(study)
    take(other, line)
    plans = line.model_copy(update={"plan": {**line.plan, "seed": 7}})
    fresh = line.model_copy(update={"study": "a"})
    for contradiction in (changed(line, value=0.001), plans):
        with pytest.raises(UserError, match=r"in\.jsonl, line 1: study s is here already with another plan or other"):
            take(other, fresh, contradiction)
    assert [one.study for one in lines(other)] == ["s"]


def test_a_study_is_not_taken_from_under_its_workers(plan, opened, home, worker):
    study = Study.begin(opened(), "s", plan())
    study.fill(2)
    worker(study).run(limit=1)
    early = line_of(study)
    worker(study).run()
    late = line_of(study)
    study.delete()
    take(home, early)
    study = there(home)
    claim = study.claim(study.live())
    with pytest.raises(UserError, match="study s is being searched here: import it when that is over"):
        take(home, late)
    study.give_back(claim)
    study.leave()
    assert take(home, late) == ["updated"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"values": {"scale": 1e9}}, "cannot be read, as another version made it"),
        ({"values": {"unknown": 1}}, "cannot be read, as another version made it"),
    ],
)
def test_a_study_that_makes_no_sense_is_refused(study, other, wrong, told):
    with pytest.raises(UserError, match=told):
        take(other, changed(line_of(study), **wrong))
    assert list(lines(other)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"value": None}, "'value' must be a number in a trial that is complete"),
        ({"state": "running"}, "trials.0.state: "),
        ({"state": "waiting"}, "a trial that waits has no value and no scores"),
        ({"trial": 3}, "they are numbered from 0 on, got 3"),
        ({"extra": 3}, "the schema has no field 'trials.0.extra'"),
    ],
)
def test_a_wrong_line_is_refused_with_its_place(study, change, told):
    content = document(line_of(study))
    content["trials"][0] |= change
    with pytest.raises(UserError, match="in.jsonl, line 1: ") as refused:
        read_lines([json.dumps(content).encode()], "in.jsonl")
    assert told in str(refused.value)


def test_the_fields_are_told() -> None:
    page = (Path(__file__).parents[3] / "docs" / "run-schema.md").read_text(encoding="utf-8")
    _, _, section = page.partition("## Studies")
    for model in (StudyLine, TrialLine, Score):
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in section


def test_export_and_import_carry_studies_and_their_report(study, home, other, tmp_path, capsys):
    out = tmp_path / "all.jsonl"
    assert run_command(["export", "--out", str(out), "--home", str(home.path)]) == 0
    assert capsys.readouterr().out == f"{out}: 8 runs, 1 study\n"
    assert run_command(["import", str(out), "--home", str(other.path)]) == 0
    assert capsys.readouterr().out == f"{out}: 8 runs, 1 study; 9 new, 0 updated, 0 known already\n"
    assert run_command(["import", str(out), str(out), "--home", str(other.path)]) == 0
    assert capsys.readouterr().out == "2 files: 16 runs, 2 studies; 0 new, 0 updated, 18 known already\n"
    contradiction = json.loads(out.read_text().splitlines()[-1])
    contradiction["trials"][0]["value"] = 0.001
    run = json.loads(out.read_text().splitlines()[0]) | {"run": "abcdefabcdef"}
    (tmp_path / "theirs.jsonl").write_text(f"{json.dumps(run)}\n{json.dumps(contradiction)}\n")
    assert run_command(["import", str(tmp_path / "theirs.jsonl"), "--home", str(other.path)]) == 2
    assert "or leave studies out (--only runs); nothing was imported" in capsys.readouterr().err
    theirs = ["import", str(tmp_path / "theirs.jsonl"), "--only", "runs", "--home"]
    assert run_command([*theirs, str(tmp_path / "third")]) == 0
    assert capsys.readouterr().out.endswith("theirs.jsonl: 1 run; 1 new, 0 updated, 0 known already\n")
    again = tmp_path / "again.jsonl"
    assert run_command(["export", "--out", str(again), "--home", str(other.path)]) == 0
    assert again.read_bytes() == out.read_bytes()
    assert run_command(["export", "--only", "studies", "--home", str(other.path), "--task", "har2"]) == 0
    assert run_command(["export", "--only", "studies", "--home", str(other.path), "--state", "done"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert run_command(["export", "--only", "studies", "--home", str(other.path), "--arch", "mean"]) == 0
    assert json.loads(capsys.readouterr().out)["study"] == "s"
