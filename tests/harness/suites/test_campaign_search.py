"""Campaigns that tune: trials of a study follow each other, studies don't wait for each other, then the seeds."""

from dataclasses import replace

import pytest
from optuna.trial import TrialState

from harness.engines import Ended, TrialUnit
from harness.errors import UserError
from harness.locking import Life
from harness.recipes import Named
from harness.suites import campaign as module
from harness.suites.cells import Search
from harness.tuning import tally
from harness.tuning.plan import Plan
from harness.tuning.space import space_of
from harness.tuning.storage import Address, journal, open_storage
from harness.tuning.study import Study, worker_attribute

from .campaigning import FakeEngine, Rig

TRIALS = 3
A0, A1, A2 = (f"a on sign, trial {number}" for number in range(3))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Others are looked at again without waiting."""
    monkeypatch.setattr("harness.suites.books.PAUSE", 0.0)
    monkeypatch.setattr("harness.suites.searching.PAUSE", 0.0)
    monkeypatch.setattr(module, "LOOK", 0.0)


class Studies:
    """Studies of the tiny pair, in journals of the home."""

    def __init__(self, rig):
        self.rig, self.found = rig, []

    def open(self, name):
        return open_storage(Address(journal(self.rig.home, name)), self.rig.home)

    def begin(self, cell):
        base = cell.recipe.recipe
        space = space_of(self.rig.registry, "mean", "sign", base, {"scale": "0.5..2"})
        plan = Plan("sign", "accuracy", True, space, "random", "none", 0)
        study = Study.begin(self.open(cell.study), cell.study, plan)
        study.fill(cell.search.trials)
        return study

    def best(self, cell, study):
        best = tally.best(study.trials(), True)
        if best is None:
            raise UserError(f"study {study.name}: no trial was completed")
        self.found.append(cell.name)
        return Named("tuned", study.plan.space.recipe(self.rig.registry, best.params, "best"))

    def trials(self, name):
        return Study.load(self.open(name), name, self.rig.registry).trials()


class Tuner(FakeEngine):
    """The same engine, which takes and ends trials: ``early`` dies before it takes one."""

    def __init__(self, rig, size, script):
        super().__init__(rig.store, size, script)
        self.rig = rig

    def _event(self, unit):
        way = (self.script.get(unit.name) or ["done"])[0]
        if not isinstance(unit, TrialUnit) or way not in ("done", "fail", "die", "early"):
            return super()._event(unit)
        if self.script.get(unit.name):
            self.script[unit.name].popleft()
        if way == "early":
            return Ended(unit.key, "died", None, "with code 1")
        study = Study.load(open_storage(Address(journal(self.rig.home, unit.study)), self.rig.home), unit.study)
        claim = study.claim({"lock": "of-nobody.lock", "host": "x", "folder": "y"}, unit.trials)
        assert claim is not None
        if way == "die":
            return Ended(unit.key, "died", None, "by SIGKILL")
        if way == "fail":
            study.tell(claim, TrialState.FAIL, reason="it exploded")
            return Ended(unit.key, "over", "failed", "it exploded")
        study.tell(claim, TrialState.COMPLETE, claim.values["scale"] / 10)
        return Ended(unit.key, "over", "done", valid=0.5)


@pytest.fixture
def rig(tmp_path, registry):
    rig = Rig(tmp_path, registry)
    cells = [
        replace(cell, task="sign", search=Search(TRIALS, "random", "none"), study=f"tiny-{cell.arch}-sign")
        for cell in rig.grid.cells
    ]
    rig.cells(*cells)
    rig.studies = Studies(rig)
    run = rig.run
    rig.run = lambda script=None, size=1, **options: run(
        script, size, make=lambda *_: Tuner(rig, size, script), studies=rig.studies, **options
    )
    return rig


def counts(rig, name="tiny-a-sign"):
    return {word: count for word, count in tally.counts(rig.studies.trials(name)).items() if count}


def test_trials_of_a_study_follow_each_other_and_studies_do_not_wait(rig):
    outcome = rig.run(size=4)
    assert {frozenset(name.split(" ")[0] for name in at_once) for at_once in rig.engine.most} >= {frozenset("ab")}
    for at_once in rig.engine.most:
        trials = [name.split(" ")[0] for name in at_once if "trial" in name]
        assert len(trials) == len(set(trials)), "one trial of a study at a time"
    assert [name for name in rig.engine.begun if name.startswith("a ")] == [
        *(A0, A1, A2),
        *("a on sign, seed 0", "a on sign, seed 1"),
    ]
    assert outcome.exit_code == 0
    assert (outcome.board.trials, outcome.board.all_trials, outcome.board.over, outcome.board.total) == (6, 6, 4, 4)


def test_on_one_place_searches_of_a_task_take_turns(rig):
    rig.run()
    assert rig.engine.begun[:4] == [A0, "b on sign, trial 0", A1, "b on sign, trial 1"]


def test_the_seeds_are_trained_with_what_was_found(rig):
    rig.run()
    best = rig.studies.best(rig.grid.cells[0], rig.studies.begin(rig.grid.cells[0]))
    assert sorted(run.seed for run in rig.store.runs() if run.recipe_hash == best.recipe.hash) == [0, 1]
    assert {run.recipe_name for run in rig.store.runs()} == {"tuned"}


def test_the_same_campaign_again_begins_nothing(rig):
    rig.run()
    before = rig.store.count()
    outcome = rig.run()
    assert rig.engine.begun == []
    assert rig.store.count() == before
    assert outcome.exit_code == 0


def test_a_search_that_was_stopped_goes_on(rig):
    first = rig.run({A1: ["SIGINT"]})
    assert first.exit_code == 130
    done = counts(rig)["complete"]
    assert 0 < done < TRIALS
    second = rig.run()
    assert second.exit_code == 0
    assert counts(rig) == {"complete": TRIALS}
    assert len([name for name in rig.engine.begun if "a on sign, trial" in name]) == TRIALS - done


def test_a_trial_whose_worker_died_is_begun_again(rig):
    outcome = rig.run({A1: ["die"]})
    assert outcome.exit_code == 0
    assert counts(rig) == {"complete": TRIALS, "replaced": 1}
    assert any("a on sign: a process ended by SIGKILL over a trial" in line for line in rig.notes.lines)


def test_a_trial_that_kills_every_worker_fails_and_the_search_goes_on(rig):
    outcome = rig.run({A1: ["die"] * 3})
    assert outcome.exit_code == 0
    assert counts(rig) == {"complete": TRIALS - 1, "failed": 1, "replaced": 2}


def test_a_search_whose_workers_die_before_a_trial_is_left(rig):
    outcome = rig.run({A0: ["early"] * 9}, size=2)
    assert outcome.exit_code == 1
    assert rig.engine.begun.count(A0) == 3
    [(name, reason)] = outcome.failures
    assert name == "a on sign"
    assert "with code 1" in reason
    assert outcome.board.runs == {"done": 2, "failed": 2}
    assert "b on sign, seed 1" in rig.engine.begun


def test_a_refused_trial_leaves_its_cell_and_the_others_go_on(rig):
    sentence = "task sign: it lacks sign.csv"
    outcome = rig.run({A0: [sentence]})
    assert outcome.exit_code == 2
    assert outcome.refusals == {sentence: ["a on sign"]}
    assert outcome.board.runs == {"done": 2, "refused": 2}
    assert rig.notes.lines == [sentence]


def test_a_study_with_another_plan_refuses_its_cell(rig):
    other = replace(rig.grid.cells[0], recipe=rig.grid.cells[1].recipe)
    rig.studies.begin(other)
    outcome = rig.run()
    assert outcome.exit_code == 2
    [(sentence, names)] = outcome.refusals.items()
    assert "another plan" in sentence
    assert names == ["a on sign"]
    assert not any(name.startswith("a ") for name in rig.engine.begun)


def test_a_search_that_found_nothing_fails_its_cell(rig):
    outcome = rig.run({name: ["fail"] for name in (A0, A1, A2)})
    assert outcome.exit_code == 1
    assert outcome.failures == [("a on sign", "study tiny-a-sign: no trial was completed")]
    again = rig.run()
    assert (rig.engine.begun, again.exit_code) == ([], 1)


def test_a_trial_of_another_process_is_waited_for(rig, tmp_path):
    cell = rig.grid.cells[0]
    study = rig.studies.begin(cell)
    life = Life(study.opened.lives / "other.lock")
    life.begin()
    claim = study.claim(worker_attribute(life.file))
    ends = []

    class Late(Tuner):
        def poll(self, timeout):
            events = super().poll(timeout)
            if not events and not self.under and not ends:  # nothing else is left
                ends.append(rig.engine.begun.copy())
                study.tell(claim, TrialState.COMPLETE, 0.5)
                life.end()
            return events

    outcome = Rig.run(rig, None, 1, make=lambda *_: Late(rig, 1, None), studies=rig.studies)
    assert outcome.exit_code == 0
    assert not any(name.startswith("a ") for name in ends[0]), "one trial of a study at a time"
    assert counts(rig) == {"complete": TRIALS}
    assert sum("another process" in line for line in rig.notes.lines) == 1


def test_more_trials_in_the_file_make_the_search_go_on(rig):
    rig.run()
    rig.cells(*(replace(cell, search=replace(cell.search, trials=TRIALS + 2)) for cell in rig.grid.cells))
    rig.run()
    assert len([name for name in rig.engine.begun if "a on sign, trial" in name]) == 2
    assert counts(rig) == {"complete": TRIALS + 2}
