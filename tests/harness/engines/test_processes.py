"""Units in processes: the same numbers, whatever dies, whoever stops."""

import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from harness.engines import Ended, Progressed, Said, open_engine
from harness.engines.processes import Processes
from harness.errors import UserError
from harness.store import Store

from ...processes import is_running, until
from .conftest import drive, ends

LONG = {"epochs": 100_000}


@pytest.fixture
def engine(here):
    """``engine(2)``: processes, ended with the test."""
    opened = []

    def make(workers=2, conditions=here):
        opened.append(open_engine("processes", conditions, workers=workers))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def numbers(store):
    """What is stored of each seed, but for times and ids."""
    found = {}
    for run in store.runs(with_curves=True):
        assert run.seed not in found, "no run twice"
        found[run.seed] = (
            run.state,
            run.metrics,
            [(point.epoch, point.train_loss, point.valid) for point in run.curve],
        )
    return found


def pids(one):
    return [child.process.pid for child in one._children]


def test_numbers_are_those_of_local(engine, here, unit, tmp_path):
    units = [unit(seed) for seed in range(4)]
    assert {ended.state for ended in ends(drive(engine(), units))} == {"done"}
    elsewhere = replace(here, store=f"sqlite:///{tmp_path / 'other.sqlite'}", home=str(tmp_path / "other"))
    drive(open_engine("local", elsewhere), units)
    stored = numbers(Store.open(here.store))
    assert len(stored) == 4
    assert stored == numbers(Store.open(elsewhere.store))


def test_processes_go_from_unit_to_unit_and_have_cores_of_their_own(engine, unit, tmp_path):
    one = engine()
    cores = []
    drive(one, [unit(seed, epochs=200) for seed in range(2)], lambda _: cores.extend(map(affinity, pids(one))))
    before = set(pids(one))
    drive(one, [unit(seed) for seed in range(2, 5)])
    assert set(pids(one)) == before
    assert len(before) == 2
    if len(psutil.Process().cpu_affinity()) >= 2:
        assert len(set(cores)) == 2
        assert all(len(mine) == 1 for mine in cores)


def affinity(pid):
    return tuple(psutil.Process(pid).cpu_affinity())


def test_a_process_that_is_killed_is_replaced_and_its_run_goes_on_bit_for_bit(engine, here, unit):
    at_all_steps = replace(here, checkpoint_every=0.0)
    one, wanted = engine(1, at_all_steps), unit(epochs=200)
    killed = []

    def kill(event):
        if isinstance(event, Progressed) and event.done > 1 and not killed:
            killed.extend(pids(one))
            os.kill(killed[0], signal.SIGKILL)

    [died] = ends(drive(one, [wanted], kill))
    assert (died.how, died.sentence) == ("died", "by SIGKILL")
    [left] = Store.open(here.store).runs()
    assert left.state == "running"
    [ended] = ends(drive(one, [wanted]))
    assert (ended.run, ended.state) == (left.id, "done")
    whole = Store.open(here.store)
    stored = numbers(whole)
    whole.delete([ended.run])
    drive(engine(1), [wanted])
    assert numbers(whole) == stored


def test_to_stop_is_to_write_a_checkpoint(engine, here, unit):
    one = engine()
    begun = set()

    def stop(event):
        if isinstance(event, Progressed):
            begun.add(event.key)
        if len(begun) == 2:
            one.stop()

    stopped = ends(drive(one, [unit(0, **LONG), unit(1, **LONG)], stop))
    assert [(ended.how, ended.state) for ended in stopped] == [("over", "interrupted")] * 2
    assert one.free() == 0
    assert all((Path(here.home) / "runs" / ended.run / "checkpoint.pt").exists() for ended in stopped)


def test_to_close_ends_all_at_once(engine, unit):
    one = engine()
    one.begin(unit(**LONG))
    until(lambda: any(isinstance(event, Progressed) for event in one.poll(0.1)))
    children = pids(one)
    one.close()
    assert not any(map(psutil.pid_exists, children))
    one.close()


DRIVER = """
import json, sys
from harness.engines import Conditions, open_engine, unit_of
conditions, unit = json.loads(sys.stdin.readline())
engine = open_engine("processes", Conditions.from_dict(conditions), workers=1)
engine.begin(unit_of(unit))
while True:
    for event in engine.poll(1.0):
        print(type(event).__name__, engine._children[0].process.pid, flush=True)
"""


@pytest.fixture
def driver(here, unit):
    """A driver in a group of its own with a unit under way; its process, and that of the unit."""
    import json

    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0, text=True
    )
    process.stdin.write(json.dumps([asdict(here), unit(**LONG).to_dict()]) + "\n")
    process.stdin.flush()
    event, pid = process.stdout.readline().split()
    assert event == "Progressed"
    yield process, int(pid)
    process.kill()
    process.communicate()


def test_a_driver_that_is_killed_leaves_checkpoints_and_no_process(driver, here):
    process, child = driver
    process.kill()
    process.wait()
    until(lambda: not is_running(child))
    [run] = Store.open(here.store).runs()
    assert (run.state, run.reason) == ("interrupted", "stopped by SIGTERM")
    assert (Path(here.home) / "runs" / run.id / "checkpoint.pt").exists()


def test_ctrl_c_in_the_terminal_reaches_the_driver_only(driver):
    process, child = driver
    assert os.getpgid(child) != os.getpgid(process.pid)
    os.kill(child, signal.SIGINT)
    os.kill(child, signal.SIGHUP)
    line = process.stdout.readline().split()
    assert line == ["Progressed", str(child)]


def test_what_a_plugin_prints_or_reads_is_no_part_of_the_talk(engine, unit, plugin, here):
    text = Path(plugin).read_text().replace(
        "        if self.training:\n",
        "        import os, sys\n        print('{\"event\": \"Ended\"}', flush=True)\n        os.write(1, b'noise')\n"
        "        assert sys.stdin.read() == ''\n        os.system('cat; echo {}')\n        if self.training:\n",
        1,
    )  # fmt: skip
    Path(plugin).write_text(text)
    events = drive(engine(1), [unit(0, epochs=1), unit(1, epochs=1)])
    assert [ended.state for ended in ends(events)] == ["done", "done"]


def test_a_warning_is_told_once(engine, unit, plugin):
    Path(plugin).write_text(Path(plugin).read_text() + "\nimport warnings\nwarnings.warn('this cell is old')\n")
    events = drive(engine(), [unit(seed) for seed in range(3)])
    lines = [event.line for event in events if isinstance(event, Said)]
    assert lines == ["warning: this cell is old"]


def test_what_a_dead_process_left_running_hinders_nobody(engine, unit, plugin, tmp_path):
    note = tmp_path / "pid"
    text = Path(plugin).read_text().replace(
        "        super().__init__()\n",
        "        super().__init__()\n        import os, signal, subprocess, pathlib\n"
        f"        note = pathlib.Path({str(note)!r})\n"
        "        if not note.exists():\n"
        "            note.write_text(str(subprocess.Popen(['sleep', '600']).pid))\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n",
        1,
    )  # fmt: skip
    Path(plugin).write_text(text)
    one = engine(1)
    [died] = ends(drive(one, [unit()]))
    assert (died.how, died.sentence) == ("died", "by SIGKILL")
    until(lambda: not is_running(int(note.read_text())))
    assert [ended.state for ended in ends(drive(one, [unit()]))] == ["done"]


def test_a_process_that_cannot_start_is_told_and_not_started_again(engine, unit, monkeypatch, tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('libtorch.so is damaged')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    one = engine()
    [refused] = ends(drive(one, [unit()]))
    assert refused.how == "refused"
    assert "cannot be started here" in refused.sentence
    assert "ImportError: libtorch.so is damaged" in refused.sentence
    with pytest.raises(UserError, match="libtorch.so is damaged"):
        one.begin(unit(1))


def test_a_store_that_cannot_be_opened_is_told_in_its_own_words(engine, unit, here, tmp_path):
    (tmp_path / "file").write_text("no database")
    one = engine(conditions=replace(here, store=f"sqlite:///{tmp_path / 'file'}"))
    [refused] = ends(drive(one, [unit()]))
    assert refused.how == "refused"
    assert str(tmp_path / "file") in refused.sentence
    assert "error: " not in refused.sentence


def test_threads_of_processes_are_those_of_the_conditions(engine, unit, here):
    drive(engine(1, replace(here, threads=2)), [unit()])
    [run] = Store.open(here.store).runs()
    assert run.environment["threads"] == 2


def test_a_wrong_number_of_threads_is_told_before_anything_starts(here, monkeypatch):
    monkeypatch.setenv("HARNESS_THREADS", "many")
    with pytest.raises(UserError, match="many threads"):
        open_engine("processes", here)


def test_several_gpus_are_given_in_turn(here, unit, monkeypatch):
    monkeypatch.setattr("harness.engines.cores.gpus", lambda: ["3", "5"])
    one = Processes(here, 3)
    assert [one._environment(place)["CUDA_VISIBLE_DEVICES"] for place in range(3)] == ["3", "5", "3"]
    with pytest.raises(UserError, match="say cuda"):
        one.begin(replace(unit(), device="cuda:1"))


def test_a_unit_goes_to_the_process_that_has_its_data(engine, unit):
    one = engine()
    short, long = (lambda seed: unit(seed)), (lambda seed: unit(seed, task="sign[length=7]"))
    drive(one, [short(0), long(0)])
    of = {child.task: child.process.pid for child in one._children}
    assert len(of) == 2
    for wanted in (long(1), short(1), short(2), long(2)):
        one.begin(wanted)
        [child] = [child for child in one._children if child.unit is not None]
        assert of[child.task] == child.process.pid
        until(lambda: any(isinstance(event, Ended) for event in one.poll(0.1)))
    assert len(pids(one)) == 2
