"""How a suite stands, by what is stored, locked and searched; and what that leaves to be paid."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from optuna.trial import TrialState

from harness.home import Home
from harness.locking import run_lock
from harness.machine import Machine
from harness.registry import Registry
from harness.store import CurvePoint, Run, Store, open_store
from harness.suites import cost
from harness.suites.cells import Cell, Grid
from harness.suites.cost import Price, Prices, Work, by_workers, in_turn, work
from harness.suites.document import document
from harness.suites.standing import Standing, counted, standings
from harness.tuning import tally
from harness.tuning.plan import Plan
from harness.tuning.space import space_of
from harness.tuning.storage import open_storage
from harness.tuning.study import Study, worker_attribute
from harness.tuning.summary import place

HERE = {"hostname": platform.node()}


@pytest.fixture
def store(home: Home) -> Store:
    return open_store(home.path)


@pytest.fixture
def one(worked_out: Callable[..., Grid], store: Store, home: Home) -> Callable[..., Standing]:
    """``one(text)``: how the only cell of such a suite stands."""

    def make(text: str = 'seeds = "0-2"') -> Standing:
        [found] = standings(worked_out(text), store, home)
        return found

    return make


def stored(store: Store, cell: Cell, seed: int, **changes: Any) -> Run:
    """A run of the cell's recipe."""
    assert cell.recipe is not None
    recipe = cell.recipe.recipe
    about = {"recipe": recipe.to_dict(), "recipe_name": "standard", "recipe_hash": recipe.hash, "environment": HERE}
    run = Run(cell.arch, cell.task, seed, "accuracy", **{**about, "state": "done", **changes})
    store.add(run)
    return run


def test_a_cell_waits_is_partly_done_and_done(one, store):
    waiting = one()
    assert (waiting.state, waiting.missing, waiting.seeds, waiting.final) == (
        "waiting",
        (0, 1, 2),
        {},
        waiting.cell.recipe,
    )
    first = stored(store, waiting.cell, 1)
    part = one()
    assert (part.state, part.missing, part.done, part.seeds[1].id) == ("part", (0, 2), 1, first.id)
    stored(store, waiting.cell, 0)
    stored(store, waiting.cell, 2)
    stored(store, waiting.cell, 3, state="failed")
    done = one()
    assert (done.state, done.missing, done.failed, done.done) == ("done", (), (), 3)


def test_what_is_under_way_is_told_from_what_was_cut_off_by_its_lock(one, store):
    cell = one().cell
    stored(store, cell, 0, state="running", curve=[CurvePoint(1, 5, 0.5, 1.0, 1.0, 0.5, 0.1)])
    cut = one()
    assert (cut.state, cut.missing, cut.running) == ("part", (0, 1, 2), ())
    with store.alone(run_lock(cell.recipe.recipe.hash, 0, "cpu"), "x", "y"):
        live = one()
        assert (live.state, live.missing, live.running) == ("running", (0, 1, 2), (0,))
        assert live.seeds[0].last_epoch == 1
    assert one().state == "part"


def test_a_failure_is_told_with_its_reason_until_a_later_run_is_done(one, store):
    cell = one().cell
    stored(store, cell, 1, state="failed", reason="loss is nan at step 5")
    failed = one()
    assert (failed.state, failed.missing, failed.failed, failed.reason) == (
        "failed",
        (0, 2),
        (1,),
        "loss is nan at step 5",
    )
    stored(store, cell, 1)
    assert (one().state, one().failed, one().done) == ("part", (), 1)
    stored(store, cell, 1, state="failed", reason="again")
    assert one().failed == (), "one that is done stays done"


def test_a_run_of_another_kind_of_device_counts_where_the_suite_names_none(one, store):
    cell = one().cell
    stored(store, cell, 0, device="cuda")
    assert one().done == 1
    assert one('device = "cpu"').done == 0
    assert one('device = "cuda:1"').done == 1


def test_trials_of_a_study_are_no_runs_of_a_cell(one, store):
    stored(store, one().cell, 0, study="s", trial=0)
    assert one().state == "waiting"


def test_skipped_cells_say_why(one, worked_out, store, home):
    skipped = one('seeds = "0-2"\n[[skip]]\narch = "mean"\ntask = "sign"\nreason = "too easy"')
    assert (skipped.state, skipped.reason, skipped.missing) == ("skipped", "too easy", ())
    assert counted([skipped]) == {"done": 0, "running": 0, "failed": 0, "waiting": 0, "skipped": 3}


SEARCH = 'seeds = "0-1"\n[tune]\ntrials = 3\npruner = "none"\nspace.scale = "0.5..2"'


@pytest.fixture
def study(one: Callable[..., Standing], home: Home, registry: Registry) -> Study:
    """The study of the cell of ``SEARCH``, with all its trials waiting."""
    cell = one(SEARCH).cell
    assert cell.recipe is not None
    assert cell.study is not None
    recipe = cell.recipe.recipe
    space = space_of(registry, "mean", "sign", recipe, {"scale": "0.5..2"})
    plan = Plan("sign", "accuracy", True, space, "tpe", "none", 0)
    begun = Study.begin(open_storage(place(None, home, cell.study), home), cell.study, plan)
    begun.fill(3)
    return begun


def end(study: Study, values: list[float | None], seconds: float | None = None) -> None:
    """End the next trials with these scores, or failed, after so many seconds each."""
    for value in values:
        claim = study.claim(worker_attribute(study.opened.lives / "worker-1.lock"))
        assert claim is not None
        if seconds is not None:
            study.note(claim, tally.SECONDS, seconds)
        state = TrialState.COMPLETE if value is not None else TrialState.FAIL
        study.tell(claim, state, value, None if value is not None else "loss is nan")


def test_a_search_waits_goes_on_and_finds_the_recipe_of_the_runs(one, study, store):
    waiting = one(SEARCH)
    assert (waiting.state, waiting.final, waiting.missing, waiting.trials["waiting"]) == ("waiting", None, (), 3)
    end(study, [0.5, 0.75])
    part = one(SEARCH)
    assert (part.state, part.final, part.missing, part.trials["complete"]) == ("part", None, (), 2)
    end(study, [0.25])
    over = one(SEARCH)
    best = study.trials()[1].params["scale"]
    assert over.final.name == "tuned"
    assert over.final.recipe.layer["scale"] == best
    assert (over.state, over.missing, over.seeds) == ("part", (0, 1), {})
    tuned = replace(over.cell, recipe=over.final)
    stored(store, over.cell, 0)
    assert one(SEARCH).done == 0, "a run of the recipe that the search began with is none of the one it found"
    stored(store, tuned, 0)
    stored(store, tuned, 1)
    assert one(SEARCH).state == "done"


def test_a_search_without_a_trial_that_was_completed_failed(one, study):
    end(study, [None, None, None])
    failed = one(SEARCH)
    assert (failed.state, failed.final, failed.missing) == ("failed", None, ())
    assert "all 3 trials that ended failed, the last: loss is nan" in failed.reason
    assert work(failed, Price(5.0, "runs")) == Work(), "nothing of it can be trained"


def test_a_trial_whose_worker_lives_is_under_way(one, study):
    from harness.locking import Life

    lock = study.opened.lives / "worker-7.lock"
    life = Life(lock)
    life.begin()
    claim = study.claim(worker_attribute(lock))
    assert claim is not None
    assert (one(SEARCH).state, one(SEARCH).searching) == ("running", True)
    life.end()
    assert (one(SEARCH).state, one(SEARCH).searching) == ("part", False)


@pytest.fixture
def prices(store: Store, machine: Machine, registry: Registry) -> Callable[..., Prices]:
    """``prices(measuring=False)``: those of suites of ``mean`` on this machine."""
    return lambda **options: Prices(registry, machine, store, **options)


def test_a_price_is_that_of_runs_on_this_kind_of_device_before_what_is_measured(one, prices, store):
    cell = one().cell
    for seed, seconds in enumerate((5.0, 7.0, 90.0)):
        stored(store, cell, seed, seconds=seconds)
    stored(store, cell, 4, seconds=1000.0, environment={"hostname": "elsewhere"})
    stored(store, cell, 5, seconds=1.0, device="cuda")
    stored(store, cell, 6, seconds=1.0, state="failed")
    [price] = prices().all([one()])
    assert price == Price(7.0, "runs"), "the median of those of this machine"


def test_what_is_measured_is_remembered_and_no_measuring_measures_nothing(one, prices, monkeypatch):
    measured = []
    real = cost.Prices._measure

    def counting(*arguments: Any) -> float:
        measured.append(1)
        return real(*arguments)

    monkeypatch.setattr(cost.Prices, "_measure", counting)
    assert prices(measuring=False).all([one()]) == [Price(None, None)]
    told: list[str] = []
    [price] = prices(tell=told.append).all([one()])
    assert price.source == "measured"
    assert price.seconds > 0
    assert told == ["measuring mean on sign"]
    assert prices(measuring=False).all([one()]) == [price]
    assert prices().all([one()]) == [price]
    assert len(measured) == 1
    monkeypatch.setenv("HARNESS_SUBNORMALS", "keep")
    assert prices(measuring=False).all([one()]) == [Price(None, None)], "subnormal numbers take another time"
    monkeypatch.setenv("HARNESS_SUBNORMALS", "flush")
    assert prices(measuring=False).all([one()]) == [price]
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert prices(measuring=False).all([one()]) == [Price(None, None)], "threads that wait otherwise take another time"


def test_data_that_are_missing_are_told_and_never_downloaded(worked_out, store, home, machine):
    grid = worked_out(tasks='["sign[bad=true]", "net", "sign"]')
    found = standings(grid, store, home)
    online = Prices(Registry(grid.plugins), replace(machine, offline=False), store)
    bad, net, good = online.all(found)
    assert bad == Price(None, None, "task sign: sign lacks signs.csv: put it there")
    assert net == Price(None, None, "task net: it must be fetched first")
    assert good.seconds is not None


def test_a_device_that_is_not_here_is_no_error(one, prices, store, monkeypatch):
    text = 'seeds = "0-2"\ndevice = "cuda:7"'
    [price] = prices().all([one(text)])
    assert price.seconds is None
    assert price.why_not.startswith("--device cuda:7: this machine has")
    stored(store, one(text).cell, 0, seconds=3.0, device="cuda", environment={"hostname": "elsewhere"})
    assert prices().all([one(text)]) == [Price(3.0, "runs")]


def test_what_is_left_is_what_is_missing(one, store):
    cell = one().cell
    assert work(one(), Price(10.0, "runs")) == Work(0.0, (10.0, 10.0, 10.0))
    assert work(one(), Price(None, None)) is None
    stored(store, cell, 0)
    stored(store, cell, 1, state="interrupted", curve=[CurvePoint(1, 5, 0.5, 1.0, 1.0, 0.5, 0.1)])
    assert work(one(), Price(10.0, "runs")) == Work(0.0, (5.0, 10.0)), "one of two epochs is done already"
    stored(store, cell, 2, state="failed")
    assert work(one(), Price(10.0, "runs")) == Work(0.0, (5.0,)), "what failed is not begun again unasked"
    stored(store, cell, 1)
    assert work(one(), Price(None, None)) == Work()


def test_a_search_costs_its_trials_and_then_the_runs(one, study):
    assert work(one(SEARCH), Price(10.0, "runs")) == Work(30.0, (10.0, 10.0))
    end(study, [0.5])
    assert work(one(SEARCH), Price(10.0, "runs")) == Work(20.0, (10.0, 10.0))
    end(study, [0.75], seconds=4.0)
    assert work(one(SEARCH), Price(10.0, "runs")) == Work(4.0, (10.0, 10.0)), "as its trials took so far"
    end(study, [0.25])
    assert work(one(SEARCH), Price(10.0, "runs")) == Work(0.0, (10.0, 10.0))


@pytest.mark.parametrize(
    ("workers", "seconds"),
    [
        (1, 28.0),
        (2, 15.0),  # the search of 9 beside five runs; then its last run goes from 9 + 4 on
        (3, 13.0),  # nothing is faster than the search with a run of its own after it
        (99, 13.0),
    ],
)
def test_workers_share_runs_but_not_the_trials_of_one_search(workers, seconds):
    all_work = [Work(9.0, (4.0,)), Work(0.0, (3.0, 3.0, 3.0, 3.0, 3.0)), Work()]
    assert in_turn(all_work) == 28.0
    assert by_workers(all_work, workers) == pytest.approx(seconds, abs=0.01)
    assert by_workers([], workers) == 0.0


def test_the_document_has_every_cell_and_the_sum(worked_out, one, store, home):
    grid = worked_out('seeds = "0-1"\n[[grid]]\n[[grid]]\ntasks = ["sign[length=7]"]\ntune.trials = 2')
    found = standings(grid, store, home)
    stored(store, found[0].cell, 0)
    found = standings(grid, store, home)
    content = document(grid, found, [Price(10.0, "runs"), Price(None, None, "load it")], workers=2, at_work=False)
    assert content["runs"] == {"done": 1, "running": 0, "failed": 0, "waiting": 3, "skipped": 0}
    assert content["left"] == {
        "seconds": 10.0,
        "workers": 2,
        "seconds_by_workers": 10.0,
        "cells_not_measured": 1,
        "searches": 1,
    }
    first, second = content["cells"]
    assert (first["done"], first["missing"], first["seconds_left"], first["trials"]) == ([0], [1], 10.0, None)
    assert (second["not_measured"], second["seconds_left"], second["recipe_hash"]) == ("load it", None, None)
    assert second["trials"] == {"wanted": 2, "complete": 0, "pruned": 0, "failed": 0, "running": 0, "waiting": 0}
