"""Studies on a PostgreSQL server: the same promises, with locks and signs of life that reach other machines."""

from __future__ import annotations

import threading

import pytest
from optuna.trial import TrialState
from sqlalchemy import create_engine, text

from harness.errors import UserError
from harness.tuning import storage as storages
from harness.tuning import tally
from harness.tuning.storage import address, open_storage
from harness.tuning.study import Study

from ..postgresql import QUOTED, server


@pytest.fixture(scope="module")
def url():
    with server() as address:
        yield address


@pytest.fixture
def on_server(url, home):
    return lambda: open_storage(address(url), home)


def test_trials_are_trained_and_found_again(plan, on_server, worker):
    study = Study.begin(on_server(), "pg", plan())
    study.fill(3)
    assert worker(study).run() == 0
    again = Study.load(on_server(), "pg")
    assert tally.counts(again.trials()) == {**dict.fromkeys(tally.WORDS, 0), "complete": 3}
    assert again.plan.difference(plan()) is None
    again.delete()
    with pytest.raises(UserError, match="there is no study 'pg'"):
        Study.load(on_server(), "pg")


def test_two_pools_fill_a_study_once(plan, on_server):
    studies = [Study.begin(on_server(), "twice", plan()) for _ in range(2)]
    threads = [threading.Thread(target=study.fill, args=(20,)) for study in studies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.counted(studies[0].trials()) == 20


def test_a_dead_worker_of_this_machine_is_found_by_its_lock(plan, on_server):
    study = Study.begin(on_server(), "here", plan())
    study.fill(1)
    study.claim(study.live())
    assert study.recover() == []
    study.leave()
    assert study.recover() == [0]
    assert tally.counts(study.trials())["waiting"] == 1


def test_a_dead_worker_of_another_machine_is_found_by_its_missing_signs_of_life(plan, on_server, url):
    study = Study.begin(on_server(), "there", plan())
    study.fill(2)
    elsewhere = {"host": "elsewhere", "lock": "worker-x.lock", "folder": "/nowhere"}
    claim = study.claim(elsewhere)
    study.storage.record_heartbeat(claim.identity)
    assert study.recover() == [], "it gave a sign of life just now"
    engine = create_engine(address(url).url)
    with engine.begin() as connection:
        ago = f"{storages.GRACE + 60} seconds"
        connection.execute(text(f"UPDATE trial_heartbeats SET heartbeat = heartbeat - INTERVAL '{ago}'"))
    engine.dispose()
    assert study.recover() == [claim.number]
    study.tell(claim, TrialState.COMPLETE, 1.0)
    assert study.trials()[0].state == TrialState.FAIL
    assert tally.counts(study.trials()) == {**dict.fromkeys(tally.WORDS, 0), "waiting": 2, "replaced": 1}


def test_a_worker_of_this_machine_that_slept_goes_on(plan, on_server, url):
    study = Study.begin(on_server(), "slept", plan())
    study.fill(1)
    study.claim(study.live())
    with create_engine(address(url).url).begin() as connection:
        connection.execute(text("UPDATE trial_heartbeats SET heartbeat = heartbeat - INTERVAL '1 day'"))
    assert study.recover() == [], "its lock tells that it lives"
    study.leave()
    assert study.recover() == [0]


def test_a_wrong_password_is_told_without_any_password(url, home):
    wrong = url.replace(QUOTED, "an%20other")
    with pytest.raises(UserError, match="password authentication failed") as told:
        open_storage(address(wrong), home)
    assert not {"an other", "an%20other"} & set(str(told.value).split("'"))
    assert "an%20other" not in str(told.value)
    assert "tester:***@127.0.0.1" in str(told.value)
