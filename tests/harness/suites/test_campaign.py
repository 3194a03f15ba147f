"""Campaigns: what is begun, in which order, how often, and what becomes of it all. Nothing is trained here."""

import json
import os
import platform
from dataclasses import replace

import pytest

from harness.engines import Progressed
from harness.errors import UserError
from harness.locking import run_lock
from harness.store import open_store
from harness.suites import campaign as module
from harness.suites.agenda import run_unit
from harness.suites.campaign import Campaign
from harness.suites.driver import driving

from .campaigning import BUSY, FakeEngine, Rig, run_of

ALL = ["a on t, seed 0", "b on t, seed 0", "a on t, seed 1", "b on t, seed 1"]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Others are looked at again without waiting."""
    monkeypatch.setattr("harness.suites.books.PAUSE", 0.0)
    monkeypatch.setattr("harness.suites.searching.PAUSE", 0.0)
    monkeypatch.setattr(module, "LOOK", 0.0)


@pytest.fixture
def rig(tmp_path, registry):
    return Rig(tmp_path, registry)


def unit_of(rig, cell=0, seed=0):
    one = rig.grid.cells[cell]
    return run_unit(one, one.recipe, seed, redo=False)


def test_runs_go_by_task_then_seed_then_architecture(tmp_path, registry):
    rig = Rig(tmp_path, registry, archs="ab", tasks="tu", seeds=2)
    outcome = rig.run(size=3)
    assert rig.engine.begun == [*ALL, *(name.replace("on t", "on u") for name in ALL)]
    assert outcome.exit_code == 0
    assert (outcome.board.over, outcome.board.total, outcome.board.runs["done"]) == (8, 8, 8)
    assert max(map(len, rig.engine.most)) == 3
    assert rig.engine.closed == 1


def test_the_same_campaign_again_begins_nothing(rig):
    rig.run()
    outcome = rig.run()
    assert rig.engine.begun == []
    assert outcome.exit_code == 0
    assert outcome.board.runs == {"done": 4}
    assert rig.store.count() == 4


def test_what_is_done_is_known_by_recipe_seed_and_kind_of_device(rig):
    known = unit_of(rig, 0, 1)
    rig.store.add(run_of(known))
    other = run_of(unit_of(rig, 1, 0))
    other.device = "cuda"
    rig.store.add(other)
    rig.cells(*(replace(cell, device="cpu") for cell in rig.grid.cells))
    rig.run()
    assert rig.engine.begun == [name for name in ALL if name != known.name]


def test_a_run_that_was_cut_off_is_begun_again(rig):
    rig.store.add(run_of(unit_of(rig), "running"))
    rig.store.add(run_of(unit_of(rig, 1), "interrupted"))
    rig.run()
    assert rig.engine.begun == ALL


def test_what_failed_is_told_and_left_alone_until_that_is_asked_for(rig):
    first = rig.run({ALL[0]: ["fail"]})
    assert first.exit_code == 1
    assert first.failures == [(ALL[0], "it came to nothing")]
    second = rig.run()
    assert (rig.engine.begun, second.exit_code) == ([], 1)
    assert second.failures == first.failures
    third = rig.run(redo=True)
    assert rig.engine.begun == rig.engine.redone == [ALL[0]]
    assert third.exit_code == 0


def test_a_unit_that_died_has_three_lives(rig):
    outcome = rig.run({ALL[0]: ["die", "die", "done"], ALL[1]: ["die"] * 5}, size=2)
    assert rig.engine.begun.count(ALL[0]) == 3
    assert rig.engine.begun.count(ALL[1]) == 3
    assert sorted(rig.engine.begun[-2:]) == ALL[2:]
    assert outcome.exit_code == 1
    [(name, reason)] = outcome.failures
    assert name == ALL[1]
    assert reason == "it was begun 3 times; the last time its process ended by SIGKILL"
    assert any(f"{ALL[1]}: its process ended by SIGKILL; it is left alone" in line for line in rig.notes.lines)


def test_a_campaign_whose_units_do_nothing_but_die_ends(tmp_path, registry):
    rig = Rig(tmp_path, registry, archs="abcdefgh")
    engine = FakeEngine(rig.store)
    script = {f"{arch} on t, seed {seed}": ["die"] * 9 for arch in "abcdefgh" for seed in (0, 1)}
    with pytest.raises(UserError, match=r"12 processes in a row .* the last by SIGKILL: mend that"):
        rig.run(script, make=lambda *_: setattr(engine, "script", FakeEngine(rig.store, 1, script).script) or engine)
    assert len(engine.begun) == 12
    assert engine.closed == 1


def test_a_refused_cell_is_left_and_the_others_go_on(rig):
    sentence = "task t: it lacks t.csv: put it there"
    outcome = rig.run({ALL[0]: [sentence]})
    assert rig.engine.begun == [ALL[0], ALL[1], ALL[3]], "the other seed of the cell would be refused likewise"
    assert outcome.exit_code == 2
    assert outcome.refusals == {sentence: [ALL[0], ALL[2]]}
    assert outcome.board.runs == {"done": 2, "refused": 2}
    assert rig.notes.lines == [sentence]


def test_a_sentence_that_concerns_all_is_told_once_and_ends_the_campaign(rig):
    sentence = "the store is full: make room"
    outcome = rig.run(dict.fromkeys(ALL, [sentence] * 9), size=4)
    assert sorted(rig.engine.begun) == sorted(ALL)
    assert rig.notes.lines == [sentence]
    assert sorted(outcome.refusals[sentence]) == sorted(ALL)
    assert outcome.exit_code == 2


def test_what_another_process_is_at_is_waited_for(rig):
    outcome = rig.run({ALL[0]: [BUSY, BUSY, BUSY]})
    assert rig.engine.begun.count(ALL[0]) == 4
    assert set(rig.engine.begun) == set(ALL)
    assert outcome.exit_code == 0
    assert rig.notes.lines == [f"{ALL[0]}: {BUSY}"]


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_stops_what_is_under_way_and_begins_nothing_more(rig, name, code):
    outcome = rig.run({ALL[0]: [name, "hang"], ALL[1]: ["hang"]}, size=2)
    assert outcome.stopped == f"stopped by {name}"
    assert outcome.exit_code == code
    assert rig.engine.begun == ALL[:2]
    assert (rig.engine.stopped, rig.engine.closed, rig.engine.under) == (1, 1, [])
    assert outcome.failures == []
    assert outcome.board.over == 0
    assert outcome.board.total == 4


def test_a_second_signal_does_not_wait(rig):
    outcome = rig.run({ALL[0]: ["SIGINT", "SIGINT", "deaf"], ALL[1]: ["deaf"]}, size=2)
    assert outcome.exit_code == 130
    assert rig.engine.closed == 1
    assert len(rig.engine.under) == 2


def test_a_death_while_stopping_is_not_held_against_the_run(rig):
    outcome = rig.run({ALL[0]: ["SIGTERM", "die"]})
    assert (outcome.exit_code, outcome.failures) == (143, [])
    assert rig.engine.begun == ALL[:1]


def test_a_worker_that_was_told_to_stop_by_others_is_replaced(rig):
    engine = FakeEngine(rig.store)

    def over(unit, way):
        engine.over = FakeEngine.over.__get__(engine)
        run = run_of(unit, "interrupted")
        rig.store.add(run)
        return replace(engine.over(replace(unit, seed=7), way), state="interrupted", sentence="stopped by SIGTERM")

    engine.over = over
    outcome = rig.run(make=lambda *_: engine)
    assert engine.begun == [ALL[0], *ALL]
    assert outcome.exit_code == 0


def test_two_drivers_on_one_suite(rig):
    with driving("tiny", rig.store, rig.home), pytest.raises(UserError) as refused:
        rig.run()
    said = str(refused.value)
    assert "suite tiny is being trained by another process now" in said
    assert f"process {os.getpid()} on {platform.node()}" in said
    assert rig.engine.begun == []
    assert rig.run().exit_code == 0


def test_a_driver_that_was_killed_is_not_named(rig):
    with driving("tiny", rig.store, rig.home):
        [note] = (rig.home.path / "locks").glob("suite-*.json")
        note.write_text(json.dumps({"host": platform.node(), "pid": 4194305}))
        with pytest.raises(UserError, match="another process now: wait for it or end it"):
            rig.run()
        note.write_text("no json")
        with pytest.raises(UserError, match="another process now: wait for it or end it"):
            rig.run()


def test_cells_of_one_recipe_share_their_runs(rig):
    first, second = rig.grid.cells
    rig.cells(first, replace(second, recipe=first.recipe, seeds=(1, 2)))
    outcome = rig.run()
    assert rig.engine.begun == ["a on t, seed 0", "a on t, seed 1", "b on t, seed 2"]
    assert outcome.board.runs == {"done": 3}
    assert outcome.exit_code == 0


def test_skipped_cells_are_kept_in_the_store_and_not_trained(rig):
    first, second = rig.grid.cells
    rig.cells(first, replace(second, recipe=None, skip="it has no recipe"))
    outcome = rig.run(chosen=[first])
    assert outcome.board.total == 2
    [skip] = open_store(rig.home.path).skipped()
    assert (skip.suite, skip.arch, skip.task, skip.reason) == ("tiny", "b", "t", "it has no recipe")


def test_an_engine_that_cannot_be_opened_gives_the_suite_back(rig):
    def refuse(*_):
        raise UserError("there is no cluster at that address")

    with pytest.raises(UserError, match="no cluster"):
        Campaign(rig.grid, rig.store, refuse, rig.home, None, rig.stand).run()
    assert rig.run().exit_code == 0


def test_a_unit_that_the_engine_does_not_begin_is_refused(rig):
    engine = FakeEngine(rig.store)
    begin = engine.begin

    def choosy(unit):
        if unit.name.startswith("a "):
            raise UserError("no node has a GPU")
        begin(unit)

    engine.begin = choosy
    outcome = rig.run(make=lambda *_: engine)
    assert engine.begun == [ALL[1], ALL[3]]
    assert outcome.refusals == {"no node has a GPU": [ALL[0], ALL[2]]}
    assert outcome.board.runs == {"done": 2, "refused": 2}
    assert outcome.exit_code == 2


def test_a_store_that_cannot_be_read_stops_what_is_under_way(rig):
    stand, asked = rig.stand, []

    def gone(cells):
        raise UserError("the store is gone")

    engine = FakeEngine(rig.store, 2, {ALL[0]: ["hang"]})

    class Deaf(Campaign):
        def _begin_units(self):
            super()._begin_units()
            asked.append(1)
            if len(asked) == 2:
                gone(())

    campaign = Deaf(rig.grid, rig.store, lambda live: engine, rig.home, None, stand)
    with pytest.raises(UserError, match="the store is gone"):
        campaign.run()
    assert (engine.stopped, engine.closed, engine.under) == (1, 1, [])


def test_an_engine_that_fails_is_not_waited_for(rig):
    """Of one that cannot say any more how its units end no end is to be expected."""
    engine = FakeEngine(rig.store, 2)

    def poll(timeout):
        raise OSError("the engine is out of order")

    engine.poll = poll
    with pytest.raises(OSError, match="out of order"):
        rig.run(make=lambda *_: engine)
    assert engine.begun == ALL[:2]
    assert engine.closed == 1
    assert rig.run().exit_code == 0, "the suite was given back"


def test_a_run_over_which_workers_died_is_kept_as_a_failed_one(rig):
    """Else every later command would begin it three times more."""
    unit = unit_of(rig)
    run = run_of(unit, "running")
    rig.store.add(run)

    class Tells(FakeEngine):
        def poll(self, timeout):
            told = [Progressed(one.key, run.id, 0.5, 2, 1.0) for one in self.under if one.key == unit.key]
            return [*told, *super().poll(timeout)]

    outcome = rig.run({ALL[0]: ["die"] * 3}, make=Tells)
    reason = "it was begun 3 times; the last time its process ended by SIGKILL"
    assert outcome.failures == [(ALL[0], reason)]
    stored = rig.store.get(run.id)
    assert (stored.state, stored.reason) == ("failed", reason)
    rig.run()
    assert rig.engine.begun == [], "it is left alone"
    rig.run(redo=True)
    assert rig.engine.redone == [ALL[0]]


def test_a_run_that_somebody_else_is_at_by_then_is_left_to_them(rig):
    unit = unit_of(rig)
    run = run_of(unit, "running")
    rig.store.add(run)
    campaign = Campaign(rig.grid, rig.store, lambda live: rig.engine, rig.home, None, rig.stand)
    with rig.store.alone(run_lock(run.recipe_hash, run.seed, run.device), "it", "wait"):
        campaign._close(run.id, "gone")
    assert rig.store.get(run.id).state == "running"
