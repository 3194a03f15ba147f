"""Units in this process, and which engine a name means."""

import os
import signal

import pytest

from harness.engines import Ended, Progressed, open_engine
from harness.errors import UserError
from harness.interruption import listening
from harness.store import Store

from .conftest import drive, ends


def test_units_are_trained_in_turn_and_progress_is_heard_meanwhile(here, unit):
    heard = []
    engine = open_engine("local", here, live=heard.append)
    events = drive(engine, [unit(0), unit(1)])
    engine.close()
    assert [ended.state for ended in ends(events)] == ["done", "done"]
    assert [event.key for event in heard if isinstance(event, Progressed)] == [unit(0).key, unit(1).key]
    assert sorted(run.seed for run in Store.open(here.store).runs()) == [0, 1]


def test_a_signal_stops_the_unit_and_whoever_polls_knows_of_it(here, unit):
    def stop(event):
        if isinstance(event, Progressed):
            os.kill(os.getpid(), signal.SIGINT)

    engine = open_engine("local", here, live=stop)
    with listening() as asked, asked.deferred():
        [ended] = ends(drive(engine, [unit()]))
        assert asked.reason() == "stopped by SIGINT"
    assert (ended.how, ended.state) == ("over", "interrupted")
    engine.begin(unit(1))
    engine.stop()
    assert [event.state for event in engine.poll(0)] == ["interrupted"]
    assert [run.seed for run in Store.open(here.store).runs()] == [0]


def test_a_signal_at_the_end_of_a_run_loses_neither(here, unit, monkeypatch):
    update = Store.update

    def end(store, run_id, **values):
        if values.get("state") == "done":
            os.kill(os.getpid(), signal.SIGTERM)
        update(store, run_id, **values)

    monkeypatch.setattr(Store, "update", end)
    engine = open_engine("local", here)
    with listening() as asked, asked.deferred():
        [ended] = drive(engine, [unit()])
        assert asked.reason() == "stopped by SIGTERM"
    assert isinstance(ended, Ended)
    assert (ended.state, ended.sentence) == ("done", "")
    assert Store.open(here.store).get(ended.run).state == "done"


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("proceses", {}, "did you mean 'processes'?"),
        ("local", {"workers": 4}, "--workers 4"),
        ("local", {"address": "x:1"}, "--address x:1"),
        ("processes", {"shared": "/x"}, "--shared /x"),
    ],
)
def test_a_wrong_engine_or_option_is_told(here, name, options, told):
    with pytest.raises(UserError, match=told.replace("?", r"\?")):
        open_engine(name, here, **options)
