"""A real cluster of two nodes on this machine, each with a home and data of its own."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from harness.engines import Conditions, Ended, Event, Progressed, RunUnit, Said, TrialUnit, open_engine
from harness.engines.remote import Line
from harness.engines.unit import Resources
from harness.errors import UserError
from harness.home import Home
from harness.recipes import named
from harness.registry import Registry
from harness.store import Run, Store
from harness.tuning.plan import Plan
from harness.tuning.space import space_of
from harness.tuning.storage import Address, journal, open_storage
from harness.tuning.study import Study

from ...processes import PATIENCE, until
from ..postgresql import server
from .ray_nodes import Nodes

pytest.importorskip("ray", reason="needs Ray, of the extra cluster")

LIVES = 3
LONG = 500
"""Epochs of a run that is under way still when its node, of which news came, is killed."""
STORED = '''

class Stored(Sign):
    """The same from a file, which a node may lack."""

    name, title = "stored", "Stored"

    def load(self, sources):
        if not (sources.root / "stored.csv").is_file():
            raise FileNotFoundError(f"stored.csv is not in {sources.root}: put it there")
        return super().load(sources)
'''


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    found = Nodes(tmp_path_factory.mktemp("nodes"))
    yield found
    found.cluster.shutdown()


@pytest.fixture
def conditions(plugin: str, tmp_path: Path) -> Conditions:
    with Path(plugin).open("a") as file:
        file.write(STORED)
    home = tmp_path / "home"
    home.mkdir()
    return Conditions(str(home), str(tmp_path), f"sqlite:///{home / 'store.sqlite'}", offline=True, plugins=(plugin,))


@pytest.fixture
def engine(nodes: Nodes, conditions: Conditions) -> Iterator[Callable[..., Any]]:
    """``engine(shared=...)``: this process joins the cluster; at the end of the test it leaves."""
    opened: list[Any] = []

    def make(conditions: Conditions = conditions, **options: Any) -> Any:
        opened.append(open_engine("ray", conditions, address=nodes.address, **options))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def units(
    conditions: Conditions, seeds: range, task: str = "sign", cpus: float = 1.0, **changes: object
) -> list[RunUnit]:
    registry = Registry(conditions.plugins)
    settings = {"epochs": 20, "batch_size": 16, "lr": 0.05, "dropout": 0.2, **changes}
    found = named(registry, "mean", task, "standard", settings)
    document, needs = found.recipe.to_dict(), Resources(cpus)
    return [
        RunUnit(f"{task}-{seed}", f"mean on {task}, seed {seed}", document, found.name, found.recipe.hash, seed, "cpu",
                resources=needs)
        for seed in seeds
    ]  # fmt: skip


def drive(
    engine: Any, waiting: list[RunUnit], heard: Callable[[Event], None] = lambda event: None, seconds: float = PATIENCE
) -> list[Event]:
    """Begin units as a campaign does, those that died again, and return all events."""
    waiting, under_way, events = list(waiting), {unit.key: unit for unit in waiting}, []
    lives = dict.fromkeys(under_way, LIVES)
    deadline = time.monotonic() + seconds
    while under_way:
        assert time.monotonic() < deadline, events
        while waiting and engine.free():
            engine.begin(waiting.pop(0))
        for event in engine.poll(1.0):
            events.append(event)
            heard(event)
            if isinstance(event, Ended):
                lives[event.key] -= 1
                if event.how == "died" and lives[event.key]:
                    waiting.append(under_way[event.key])
                else:
                    del under_way[event.key]
    return events


def ends(events: list[Event]) -> list[Ended]:
    return [event for event in events if isinstance(event, Ended)]


def said(events: list[Event]) -> str:
    return "\n".join(event.line for event in events if isinstance(event, Said))


def stored(url: str) -> dict[int, tuple[Any, ...]]:
    """Seed -> what must not depend on where a run happened; each run is there once."""
    store = Store.open(url)
    runs = store.runs(with_curves=True)
    assert len({run.seed for run in runs}) == len(runs), "a run is stored twice"
    return {run.seed: (run.state, run.metrics, run.epochs_done, _numbers(run)) for run in runs}


def _numbers(run: Run) -> list[tuple[Any, ...]]:
    return [(point.epoch, point.step, point.train_loss, point.valid) for point in run.curve]


def alone_on_this_machine(conditions: Conditions, tmp_path: Path, wanted: list[RunUnit]) -> dict[int, tuple[Any, ...]]:
    """What :func:`stored` gives of the same runs on the local engine."""
    home = tmp_path / "local"
    home.mkdir()
    here = replace(conditions, home=str(home), store=f"sqlite:///{home / 'store.sqlite'}")
    local = open_engine("local", here)
    drive(local, wanted)
    local.close()
    return stored(here.store)


def kill_when_it_trains(nodes: Nodes, engine: Any, name: str, after: int) -> Callable[[Event], None]:
    """Hears events, and kills a node once so many units have ended and it has just begun to train one."""
    ended: list[Event] = []

    def hear(event: Event) -> None:
        if isinstance(event, Ended):
            ended.append(event)
        if not isinstance(event, Progressed) or event.done > LONG / 5 or len(ended) < after or name not in nodes.others:
            return
        errand = engine._errands.get(event.key)
        if errand is not None and errand.node and engine._watch.name(errand.node) == name:
            nodes.kill(name)

    return hear


def test_files_with_the_names_of_packages_beside_the_driver_are_not_those(
    nodes, conditions, engine, tmp_path, monkeypatch
):
    nodes.only("second")
    for name in ("architectures", "tasks", "reports"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the file of the person was imported')\n")
    monkeypatch.chdir(tmp_path)  # which Ray puts on the path of all workers
    monkeypatch.syspath_prepend(str(tmp_path))
    found = ends(drive(engine(), units(conditions, range(2), epochs=2)))
    assert [one.state for one in found] == ["done", "done"], found


def test_a_node_that_is_killed_costs_no_run(nodes, conditions, engine, tmp_path, plugin, capfd):
    nodes.only("second")
    wanted = units(conditions, range(24), epochs=LONG)
    expected = alone_on_this_machine(conditions, tmp_path, wanted)
    cluster = engine()
    Path(plugin).unlink()  # the nodes need not see it
    events = drive(cluster, wanted, kill_when_it_trains(nodes, cluster, "second", 6))
    cluster.close()
    assert capfd.readouterr() == ("", ""), "nothing of Ray reaches the terminal"
    assert "second" not in nodes.others
    died = [event for event in ends(events) if event.how == "died"]
    assert died
    assert {(event.where, event.sentence) for event in died} == {("second", "as second left the cluster")}
    assert {event.where for event in ends(events)} == {"first", "second"}
    assert "second left the cluster" in said(events)
    assert stored(conditions.store) == expected
    assert len(expected) == 24
    assert {state for state, *_ in expected.values()} == {"done"}
    homes = [nodes.home(name) for name in ("first", "second")]
    assert sum(len(list(home.glob("runs/*/weights.pt"))) for home in homes) >= 24, "weights stay on the nodes"


def test_a_run_goes_on_from_its_checkpoint_in_a_shared_folder(nodes, conditions, engine, tmp_path):
    nodes.only()
    nodes.add("large", 2)
    (unit,) = units(conditions, range(1), cpus=2, epochs=150)
    conditions = replace(conditions, checkpoint_every=0.0)
    expected = alone_on_this_machine(conditions, tmp_path, [unit])
    shared = tmp_path / "shared"
    cluster = engine(conditions, shared=shared)
    before: list[Progressed] = []
    after: list[Progressed] = []

    def kill_after_two_epochs(event: Event) -> None:
        if isinstance(event, Ended) and event.how == "died":
            nodes.add("larger", 2)
        if not isinstance(event, Progressed):
            return
        (before if "larger" not in nodes.others else after).append(event)
        if "large" in nodes.others and event.done >= 2:
            assert (shared / "runs" / event.run / "checkpoint.pt").is_file(), "there is one after every step"
            nodes.kill("large")

    events = drive(cluster, [unit], kill_after_two_epochs)
    assert [event.how for event in ends(events)] == ["died", "over"]
    assert len({event.run for event in before + after}) == 1, "it is the same run"
    assert after[0].done >= 1, "it went on with epochs that were done"
    assert stored(conditions.store) == expected


def test_a_node_with_another_version_is_left_out_with_both_versions(nodes, conditions, engine, tmp_path):
    other = tmp_path / "older" / "optuna-3.9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: optuna\nVersion: 3.9.9\n")
    nodes.only()
    nodes.add("older", 2, PYTHONPATH=os.pathsep.join([str(other.parent), os.environ.get("PYTHONPATH", "")]))
    try:
        from importlib.metadata import version

        reason = f"it has optuna 3.9.9 instead of {version('optuna')}"
        cluster = engine()
        events = drive(cluster, units(conditions, range(4), epochs=3))
        assert {(event.state, event.where) for event in ends(events)} == {("done", "first")}
        (event,) = ends(drive(cluster, units(conditions, range(4, 5), cpus=2)))
        assert (event.how, event.sentence) == (
            "refused",
            f"mean on sign, seed 4 is refused by every node of the cluster: older: {reason}",
        )
        assert f"older is left out: {reason}" in said(events) or "older" not in said(events)
    finally:
        nodes.kill("older")


def test_a_worker_that_is_killed_is_told_and_its_run_goes_on(nodes, conditions, engine, tmp_path):
    nodes.only()
    (unit,) = units(conditions, range(1), epochs=1000)
    store, killed = Store.open(conditions.store), []

    def kill_once(event: Event) -> None:
        if isinstance(event, Progressed) and not killed:
            until(lambda: bool(store.runs()))
            killed.append(store.runs()[0].environment["pid"])
            os.kill(killed[0], signal.SIGKILL)

    events = drive(engine(), [unit], kill_once)
    assert [(event.how, event.state) for event in ends(events)] == [("died", None), ("over", "done")]
    assert ends(events)[0].sentence == "as its process ended unexpectedly"
    assert [run.state for run in store.runs()] == ["done"]


def test_what_a_killed_driver_still_holds_is_waited_for(nodes, conditions, engine):
    nodes.only()
    (unit,) = units(conditions, range(1), epochs=3)
    store = Store.open(conditions.store)
    lock = f"{unit.recipe_hash}-0-cpu"
    before = store.alone(lock, "the run", "wait")
    before.__enter__()

    def let_go(event: Event) -> None:
        if isinstance(event, Said):
            before.__exit__(None, None, None)

    events = drive(engine(), [unit], let_go)
    assert "waits for a driver that was killed" in said(events)
    assert [event.state for event in ends(events)] == ["done"]


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with server() as url:
        yield url


def test_workers_use_a_store_on_a_server_themselves(nodes, conditions, engine, tmp_path, server_url):
    nodes.only("second")
    wanted = units(conditions, range(8), epochs=LONG)
    expected = alone_on_this_machine(conditions, tmp_path, wanted)
    served = replace(conditions, store=server_url)
    cluster = engine(served)
    events = drive(cluster, wanted, kill_when_it_trains(nodes, cluster, "second", 2))
    assert "died" in [event.how for event in ends(events)]
    assert stored(server_url) == expected
    assert not any(Store.open(server_url).held(f"{unit.recipe_hash}-{unit.seed}-cpu") for unit in wanted)
    assert not Path(conditions.home, "store.sqlite").exists()


def trials(conditions: Conditions, open_on: Callable[[], Any], spoil: Callable[[Event], None]) -> list[Any]:
    """All trials of a small study in the home, trained on an engine one after the other."""
    registry, home = Registry(conditions.plugins), Home(Path(conditions.home))
    settings = {"epochs": 60, "batch_size": 16, "lr": 0.05, "dropout": 0.2}
    base = named(registry, "mean", "sign", "standard", settings).recipe
    space = space_of(registry, "mean", "sign", base, {"scale": "0.5..2"})
    plan = Plan("sign", "accuracy", True, space, "random", "none", 0)
    where = Address(journal(home, "small"))
    study = Study.begin(open_storage(where, home), "small", plan)
    study.fill(5)
    engine, deadline, states = open_on(), time.monotonic() + PATIENCE, []
    for number in range(20):
        engine.begin(TrialUnit(f"trial-{number}", f"trial {number}", where.text, "small", 5, "cpu"))
        event = None
        while not isinstance(event, Ended):
            assert time.monotonic() < deadline, states
            for event in engine.poll(1.0):
                spoil(event)
        states.append(event.how if event.how != "over" else event.state)
        if event.state is None and event.how == "over":
            break
        study.recover()
    assert states[-1] is None, "the last unit found no trial to train"
    return [(states.count("died"), states.count("done")), *finished(study)]


def finished(study: Study) -> list[tuple[Any, ...]]:
    """Point and score of the trials that were trained to their end, in the order of their places in the study."""
    over = [trial for trial in study.trials() if trial.state == TrialState.COMPLETE]
    return [(dict(trial.params), trial.value) for trial in sorted(over, key=lambda trial: trial.user_attrs["slot"])]


def test_a_trial_of_a_study_goes_on_where_its_worker_was_killed(nodes, conditions, engine, tmp_path):
    nodes.only("second")
    home = tmp_path / "local"
    home.mkdir()
    here = replace(conditions, home=str(home), store=f"sqlite:///{home / 'store.sqlite'}")
    expected = trials(here, lambda: open_engine("local", here), lambda event: None)
    assert expected[0] == (0, 5)
    store, killed = Store.open(conditions.store), []

    def kill_one(event: Event) -> None:
        if isinstance(event, Progressed) and not killed and event.key == "trial-2":
            until(lambda: any(run.id == event.run for run in store.of_study("small")))
            killed.append(store.get(event.run).environment["pid"])
            os.kill(killed[0], signal.SIGKILL)

    found = trials(conditions, lambda: engine(shared=tmp_path / "shared"), kill_one)
    assert found == [(1, 5), *expected[1:]]
    assert [run.state for run in store.of_study("small")] == ["done"] * 5, "no run is left of the one that died"


def test_a_node_without_the_data_is_left_out_and_named_where_no_other_has_them(nodes, conditions, engine):
    nodes.only("second")
    file = nodes.data("first") / "stored.csv"
    file.write_text("what it holds is not read\n")
    cluster = engine()
    events = drive(cluster, units(conditions, range(6), "stored", epochs=3))
    assert [event.state for event in ends(events)] == ["done"] * 6
    assert {event.where for event in ends(events)} == {"first"}
    lacking = f"task stored: stored.csv is not in {nodes.data('second')}: put it there"
    assert said(events).count("left out") == 1
    assert f"second is left out for stored: {lacking}" in said(events)
    file.unlink()
    (event,) = ends(drive(cluster, units(conditions, range(6, 7), "stored[length=7]", epochs=3)))
    assert event.how == "refused"
    assert f"second: {lacking}" in event.sentence
    assert f"first: task stored: stored.csv is not in {nodes.data('first')}" in event.sentence
    assert set(stored(conditions.store)) == set(range(6))


def test_a_unit_that_waits_for_the_desk_keeps_its_processors(nodes, engine):
    nodes.only()
    ray = engine()._ray

    class Slow:
        """A desk that answers when it is told to."""

        def __init__(self) -> None:
            self.called, self.told = threading.Event(), threading.Event()

        def hear(self, attempt: str, event: Any) -> None:
            self.called.set()
            self.told.wait()

        def answer(self) -> None:
            self.told.set()

        def is_called(self) -> bool:
            return self.called.is_set()

    desk = ray.remote(num_cpus=0, concurrency_groups={"news": 1})(Slow).remote()
    waiting = ray.remote(lambda desk: Line(desk, "first").tell("here")).remote(desk)
    until(lambda: ray.get(desk.is_called.remote()))
    second = ray.remote(lambda: None).remote()
    begun, _ = ray.wait([second], timeout=10)
    assert not begun, "the node has one processor, and the unit that waits for its desk has it"
    ray.get(desk.answer.remote())
    assert ray.get([waiting, second], timeout=PATIENCE) == [None, None]


def test_free_follows_the_nodes_and_those_asked_to_stop_leave_a_checkpoint(nodes, conditions, engine):
    nodes.only()
    cluster = engine(workers=2)
    first, second, third = units(conditions, range(3), epochs=100_000)
    with pytest.raises(UserError, match=r"seed 0 needs 1 CPU and 0.5 GPUs, which no node of the Ray cluster at .* has"):
        cluster.begin(replace(first, resources=Resources(1, 0.5)))
    with pytest.raises(UserError, match="device cuda needs gpus = 1, or a fraction"):
        cluster.begin(replace(first, device="cuda"))
    assert cluster.free() == 1, "what was refused takes no room"
    cluster.begin(first)
    nodes.add("large", 2)
    until(lambda: (cluster.poll(0.1), cluster.free())[1] == 1)
    until(lambda: "large" in [node.name for node in cluster._watch.alive.values()])
    cluster.begin(second)
    assert cluster.free() == 0, "two workers were asked for"
    cluster.begin(replace(third, resources=Resources(2)))  # waits, as no node has two CPUs free
    trained: set[str] = set()
    deadline = time.monotonic() + PATIENCE
    while len(trained) < 2:
        assert time.monotonic() < deadline
        trained |= {event.key for event in cluster.poll(1.0) if isinstance(event, Progressed) and event.done > 0}
    cluster.stop()
    assert cluster.free() == 0
    ended: list[Ended] = []
    while len(ended) < 3:
        assert time.monotonic() < deadline
        ended += ends(cluster.poll(1.0))
    assert {event.state for event in ended} == {"interrupted"}
    runs = Store.open(conditions.store).runs()
    assert [run.state for run in runs] == ["interrupted"] * 2
    places = [home / "runs" / run.id / "checkpoint.pt" for home in map(nodes.home, ("first", "large")) for run in runs]
    assert sum(place.is_file() for place in places) == 2
