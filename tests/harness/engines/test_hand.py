"""What a unit comes to, on whatever engine: found, trained, refused, stopped."""

import platform
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.engines import Progressed, RunUnit, Said
from harness.engines.hand import Hand
from harness.execution import Job, Monitor, execute
from harness.home import Home
from harness.machine import Machine
from harness.recipes import named
from harness.store import Run, Store


@pytest.fixture
def store(here):
    return Store.open(here.store)


@pytest.fixture
def hand(here, store):
    """``hand(answer)``: one that is told `answer` to everything; ``hand.events`` is what it told."""

    def make(answer=None, conditions=here):
        events = []
        found = Hand(conditions, store, lambda event: events.append(event) or answer)
        found.events = events
        return found

    return make


def test_a_run_is_what_run_would_have_made_of_it(hand, unit, store, registry, tmp_path):
    wanted = unit(4)
    ended = hand().carry_out(wanted)
    run = store.get(ended.run)
    assert (ended.how, ended.state, ended.key, ended.known) == ("over", "done", wanted.key, False)
    assert (ended.where, ended.valid, ended.test) == (platform.node(), run.metrics["valid"], run.metrics["test"])
    assert ended.seconds == run.seconds > 0

    changes = {"epochs": 3, "batch_size": 16, "lr": 0.05, "dropout": 0.2}
    machine = Machine(Home(tmp_path / "other"), tmp_path, True, "cpu")
    apart = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    job = Job(registry, named(registry, "mean", "sign", "standard", changes), machine)
    [alone] = execute(job, apart, (4,), Monitor())
    assert run.metrics == alone.metrics
    assert [point.train_loss for point in run.curve] == [point.train_loss for point in apart.get(alone.id).curve]
    assert (run.recipe_name, run.recipe_hash) == (alone.recipe_name, alone.recipe_hash)


def test_what_is_done_is_told_as_known(hand, unit, store):
    first = hand().carry_out(unit())
    again = hand()
    second = again.carry_out(unit())
    assert (second.known, second.run, second.valid, second.test) == (True, first.run, first.valid, first.test)
    assert not any(isinstance(event, Progressed) for event in again.events)
    assert len(store.runs()) == 1


def test_progress_names_the_run_and_how_far_it_is(hand, unit):
    one = hand()
    ended = one.carry_out(unit(epochs=2))
    first = next(event for event in one.events if isinstance(event, Progressed))
    assert (first.run, first.done, first.epochs, first.valid) == (ended.run, 0.0, 2, None)


def test_what_failed_stays_failed_unless_it_is_to_be_redone(hand, unit, store):
    bad = {"trouble": "bug", "at": 2}
    first = hand().carry_out(unit(**bad))
    assert (first.how, first.state, first.known) == ("over", "failed", False)
    assert "mat1 and mat2 do not fit" in first.sentence
    kept = hand().carry_out(unit(**bad))
    assert (kept.state, kept.known, kept.run) == ("failed", True, first.run)
    redone = hand().carry_out(unit(redo=True, **bad))
    assert (redone.state, redone.known) == ("failed", False)
    assert len(store.runs()) == 1


def test_another_version_of_a_plugin_is_refused_before_anything_is_stored(hand, unit, plugin, store, monkeypatch):
    planned = unit()
    Path(plugin).write_text(Path(plugin).read_text() + "\n# edited\n")
    for name in [name for name in sys.modules if name.startswith("harness_plugin_")]:
        monkeypatch.delitem(sys.modules, name)  # as in a process that imports it now
    ended = hand().carry_out(planned)
    assert ended.how == "refused"
    assert planned.recipe_hash in ended.sentence
    assert "is another version" in ended.sentence
    assert store.runs() == []


def test_missing_data_are_refused_in_the_words_of_the_task(hand, unit, store):
    ended = hand().carry_out(unit(task="sign[bad=true]"))
    assert (ended.how, ended.sentence) == ("refused", "task sign: sign lacks signs.csv: put it there")
    assert store.runs() == []


def test_a_plugin_that_is_missing_is_refused(hand, unit, here):
    ended = hand(conditions=replace(here, plugins=("/nowhere/cell.py",))).carry_out(unit())
    assert ended.how == "refused"
    assert "/nowhere/cell.py" in ended.sentence


def test_data_are_loaded_once_for_units_of_one_task(hand, unit, plugin, tmp_path):
    with Path(plugin).open("a") as file:
        file.write(f"""

class Counted(Sign):
    name = "counted"

    def load(self, sources):
        open({str(tmp_path / "loads")!r}, "a").write("x")
        return super().load(sources)
""")
    one = hand()
    ends = [one.carry_out(unit(seed, task="counted", lr=lr)) for seed in (0, 1) for lr in (0.1, 0.2)]
    assert [ended.state for ended in ends] == ["done"] * 4
    assert (tmp_path / "loads").read_text() == "x"
    one.carry_out(unit(task="counted[length=7]"))
    one.carry_out(unit(seed=2, task="counted"))
    assert (tmp_path / "loads").read_text() == "xxx"


def test_an_answer_stops_the_run_with_a_checkpoint_and_another_goes_on(hand, unit, store, here):
    whole = hand().carry_out(unit(7))
    expected = store.get(whole.run)
    store.delete([whole.run])
    stopped = hand(answer="stopped by the driver").carry_out(unit(7))
    assert (stopped.how, stopped.state) == ("over", "interrupted")
    assert (Path(here.home) / "runs" / stopped.run / "checkpoint.pt").exists()
    done = hand().carry_out(unit(7))
    assert (done.run, done.state) == (stopped.run, "done")
    run = store.get(done.run)
    assert run.metrics == expected.metrics
    assert [point.train_loss for point in run.curve] == [point.train_loss for point in expected.curve]


def run_of(unit: RunUnit, state: str) -> Run:
    """A run of a unit as another machine left it."""
    return Run(
        arch="mean", task="sign", seed=unit.seed, metric="accuracy", recipe=dict(unit.recipe), recipe_name="standard",
        recipe_hash=unit.recipe_hash, device="cpu", state=state, environment={"hostname": "elsewhere", "threads": 1},
    )  # fmt: skip


def test_an_unfinished_run_of_another_machine_goes_on_here(hand, unit, store):
    left = run_of(unit(), "running")
    store.add(left)
    one = hand()
    ended = one.carry_out(unit())
    assert (ended.run, ended.state) == (left.id, "done")
    assert len(store.runs()) == 1


def test_what_is_done_counts_though_something_newer_was_cut_off(hand, unit, store):
    done = hand().carry_out(unit())
    store.add(run_of(unit(), "interrupted"))
    ended = hand().carry_out(unit())
    assert (ended.run, ended.known) == (done.run, True)


def test_two_at_one_unit_is_refused(hand, unit, store):
    from harness.locking import BUSY, run_lock

    wanted = unit()
    with store.alone(run_lock(wanted.recipe_hash, 0, "cpu"), "x", "y"):
        ended = hand().carry_out(wanted)
    assert ended.how == "refused"
    assert BUSY in ended.sentence


def test_warnings_are_told(hand, unit, store, here):
    interrupted = hand(answer="stop").carry_out(unit())
    run = store.get(interrupted.run)
    store.update(run.id, environment={**run.environment, "hostname": "elsewhere"})
    one = hand()
    one.carry_out(unit())
    assert any(isinstance(event, Said) and "after elsewhere" in event.line for event in one.events)
