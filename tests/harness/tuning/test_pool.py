"""A pool looks after its workers: it replaces those that die, and gives up where none lives."""

from __future__ import annotations

from collections import deque

import pytest

from harness.engines import Conditions, Ended, Said, TrialUnit, open_engine
from harness.errors import UserError
from harness.machine import Machine
from harness.store import Run
from harness.tuning import tally
from harness.tuning.pool import Pool
from harness.tuning.study import Study
from harness.tuning.worker import close_lost


@pytest.fixture
def pool(plan, opened, home, store, tmp_path, plugin):
    """``pool(trials, size)`` over a new study in processes or on another engine, and what it told."""
    engines = []

    def make(trials, size=2, lines=None, engine="processes"):
        study = Study.begin(opened(), "s", plan())
        study.fill(trials)
        conditions = Conditions.of(Machine(home, tmp_path, True, "cpu"), home.store_url, (plugin,))
        workers = size if engine == "processes" else None
        found = open_engine(engine, conditions, workers=workers) if isinstance(engine, str) else engine
        engines.append(found)
        unit = TrialUnit("s", "s", study.opened.address.text, "s", trials, "cpu")
        return Pool(study, found, unit, size, tell=(lines if lines is not None else []).append)

    yield make
    for engine in engines:
        engine.close()


class Ends:
    """An engine whose units end as soon as they are looked at, all in the same way."""

    def __init__(self, size, events):
        self.size, self.events, self.under, self.stopped = size, events, deque(), False

    def free(self):
        return self.size - len(self.under)

    def begin(self, unit):
        self.under.append(unit.key)

    def poll(self, timeout):
        return self.events(self.under.popleft(), self) if self.under else []

    def stop(self):
        self.stopped = True

    def close(self):
        self.under.clear()


def killed(key, engine):
    return [Ended(key, "died", sentence="by SIGKILL")]


@pytest.mark.parametrize("engine", ["processes", "local"])
def test_all_trials_are_trained(engine, pool, store):
    made = pool(5, engine=engine, size=2 if engine == "processes" else 1)
    assert made.run() is None
    assert tally.counts(made.study.trials())["complete"] == 5
    assert len(store.of_study("s")) == 5


def test_processes_and_this_one_find_the_same(plan, opened, pool):
    made = pool(4, engine="processes", size=1)
    made.run()
    in_processes = [(trial.params, trial.value) for trial in made.study.trials()]
    made.study.delete()
    made = pool(4, engine="local", size=1)
    made.run()
    assert [(trial.params, trial.value) for trial in made.study.trials()] == in_processes


def test_no_more_trials_are_begun_than_asked_for_though_more_wait(pool, plan):
    made = pool(2, size=3)
    made.study.fill(6)
    assert made.run() is None
    assert tally.counts(made.study.trials()) == {**dict.fromkeys(tally.WORDS, 0), "complete": 2, "waiting": 4}


def test_workers_that_die_again_and_again_end_the_pool_with_a_sentence(pool):
    lines = []
    with pytest.raises(UserError, match="6 workers in a row ended before their trials did, the last by SIGKILL"):
        pool(3, lines=lines, engine=Ends(2, killed)).run()
    assert lines == ["warning: a worker ended by SIGKILL"] * 6


def test_a_trial_that_died_with_its_worker_is_named_and_waits_again(pool):
    lines, made = [], None

    def claimed_and_killed(key, engine):
        assert made.study.claim({"host": "here", "lock": "gone", "folder": "nowhere"}, 1) is not None
        return killed(key, engine)

    made = pool(1, size=1, lines=lines, engine=Ends(1, claimed_and_killed))
    with pytest.raises(UserError, match="3 workers in a row"):
        made.run()
    assert lines[0] == "warning: a worker ended by SIGKILL; trial 0 begins again where it was"


def test_a_worker_that_cannot_go_on_says_why_through_the_pool(pool):
    refuses = Ends(2, lambda key, engine: [Ended(key, "refused", sentence="no room left")])
    with pytest.raises(UserError, match="^no room left$"):
        pool(3, engine=refuses).run()
    assert refuses.stopped, "the other one, which is under way"


def test_the_end_of_the_time_stops_the_workers_and_leaves_the_trials(pool):
    def hang(key, engine):
        if engine.stopped:
            return [Ended(key, "over", "interrupted")]
        engine.under.append(key)
        return []

    made = pool(3, engine=Ends(2, hang))
    assert made.run(timeout=0.5) == "timeout"
    assert made.engine.stopped
    assert tally.counts(made.study.trials())["waiting"] == 3


def test_the_end_of_the_time_stops_a_trial_in_this_process(pool, plan, opened, home, store, tmp_path, plugin):
    """There the pool hears of progress only while it waits for the end of the trial."""
    study = Study.begin(opened("long"), "long", plan(epochs=100_000))
    study.fill(2)
    conditions = Conditions.of(Machine(home, tmp_path, True, "cpu"), home.store_url, (plugin,))
    pools = []
    engine = open_engine("local", conditions, live=lambda event: pools[0].hear(event))
    unit = TrialUnit("long", "long", study.opened.address.text, "long", 2, "cpu")
    pools.append(Pool(study, engine, unit, 1))
    assert pools[0].run(timeout=1.0) == "timeout"
    engine.close()
    assert tally.counts(study.trials())["waiting"] == 2
    [run] = store.of_study("long")
    assert run.state == "interrupted"


def test_what_workers_say_is_told(pool):
    lines = []
    speaks = Ends(1, lambda key, engine: [Said(key, "warning: no compiler"), *killed(key, engine)])
    with pytest.raises(UserError):
        pool(1, size=1, lines=lines, engine=speaks).run()
    assert lines[0] == "warning: no compiler"


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
