"""What the store promises to several processes on one file, or one database of a server."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from harness.errors import UserError
from harness.store import Store

from ..processes import PATIENCE, until
from .older import older
from .stores import Places, is_file

BEGINNING = """
import os, sys
from harness.store import CurvePoint, Run, Store

url, name = sys.argv[1:]

def a_run(seed):
    return Run(arch=name, task="t", seed=seed, metric="mse", recipe={"worker": name}, recipe_name="r", recipe_hash="h")

def a_point(epoch):
    return CurvePoint(epoch, epoch, 1.0, 2.0, 3.0, 4.0, 5.0)

print("ready", flush=True)
sys.stdin.readline()
"""
FIFTY_RUNS = """
store = Store.open(url)
for seed in range(50):
    run = a_run(seed)
    store.add(run)
    for epoch in range(3):
        store.log(run.id, [a_point(epoch)])
    store.update(run.id, state="done", metrics={"valid": seed, "test": seed})
    assert store.find("h", seed, "cpu")
"""
EVERY_STORE_IT_IS_TOLD = """
for line in sys.stdin:
    Store.open(line.strip()).add(a_run(0))
    print("added", flush=True)
"""
HALF_A_WRITE = """
from harness.store import rows
store = Store.open(url)
with store.database.writing() as connection:
    rows.write(connection, [a_run(0)])
    print("written", flush=True)
    sys.stdin.readline()
"""
SAME_RUNS = """
from harness.store.merging import Merger
from harness.store.timing import Timing
store = Store.open(url)
runs = [a_run(seed) for seed in range(700)]
for run in runs:
    run.id, run.created, run.updated = f"{run.seed:012x}", "2025-01-01T00:00:00.000000Z", "2025-01-01T00:00:00.000000Z"
    run.recipe = {}
    run.arch = "same"
print("ready", flush=True)
sys.stdin.readline()
with store.database.writing() as connection:
    merger = Merger(connection, str)
    merger.runs(list(enumerate(runs)))
print(merger.counts["new"], merger.counts["known"])
"""
SKIPS = """
store = Store.open(url)
for number in range(20):
    store.replace_skipped("suite", [(f"arch{n}", "task", f"{name} {number}") for n in range(5)])
"""
ALONE = """
with Store.open(url).alone("cell", "it", "wait"):
    print("alone", flush=True)
    sys.stdin.readline()
"""
FORK = """
store = Store.open(url)
store.add(a_run(0))
child = os.fork()
store.add(a_run(1 if child else 2))
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os._exit(0)
"""


def start(script: str, url: str, name: str = "w") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BEGINNING + script, url, name]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    hear(process, "ready")
    return process


def go(process: subprocess.Popen[str], line: str = "") -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{word}\n", process.communicate()[1]


def test_four_processes_create_a_store_at_once_and_lose_none_of_200_runs(places: Places) -> None:
    url = places()
    workers = [start(FIFTY_RUNS, url, f"worker{number}") for number in range(4)]
    for worker in workers:
        go(worker)
    for worker in workers:
        _, complaints = worker.communicate(timeout=PATIENCE)
        assert worker.returncode == 0, complaints
    runs = Store.open(url, create=False).runs(with_curves=True)
    assert Counter(run.arch for run in runs) == {f"worker{number}": 50 for number in range(4)}
    assert all(run.state == "done" and run.metrics == {"valid": run.seed, "test": run.seed} for run in runs)
    assert all([point.epoch for point in run.curve] == [0, 1, 2] for run in runs)
    assert all(run.recipe == {"worker": run.arch} for run in runs)


def test_creation_survives_races(places: Places) -> None:
    workers = [start(EVERY_STORE_IT_IS_TOLD, "") for _ in range(4)]
    for worker in workers:
        go(worker)
    for race in range(50 if is_file(places()) else 10):
        url = places(f"store{race}")
        for worker in workers:
            go(worker, url)
        for worker in workers:
            hear(worker, "added")
        assert Store.open(url, create=False).count() == 4
    for worker in workers:
        assert worker.communicate()[1] == ""


def test_an_older_store_is_brought_up_to_date_by_one_of_four_that_write_at_once(places: Places) -> None:
    workers = [start(EVERY_STORE_IT_IS_TOLD, "") for _ in range(4)]
    for worker in workers:
        go(worker)
    for race in range(20 if is_file(places()) else 5):
        url = older(places(f"store{race}"))
        for worker in workers:
            go(worker, url)
        for worker in workers:
            hear(worker, "added")
        assert Store.open(url, create=False).count() == 2 + 4
    for worker in workers:
        assert worker.communicate()[1] == ""


def test_a_process_killed_while_it_writes_leaves_nothing_half_done(places: Places) -> None:
    url = places()
    process = start(HALF_A_WRITE, url)
    go(process)
    hear(process, "written")
    store = Store.open(url, timeout=0.01)
    assert store.count() == 0, "readers don't wait for a writer, and don't see what isn't finished"
    process.kill()
    process.communicate()
    assert store.count() == 0
    writer = start("Store.open(url).add(a_run(1))", url)
    go(writer)
    assert writer.communicate()[1] == ""
    assert [run.seed for run in store.runs()] == [1]


def test_a_forked_child_uses_the_store_of_its_parent(places: Places) -> None:
    url = places()
    process = start(FORK, url)
    go(process)
    _, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, complaints
    assert sorted(run.seed for run in Store.open(url).runs()) == [0, 1, 2]


def test_what_two_processes_merge_at_once_is_there_once(places: Places) -> None:
    url = places()
    Store.open(url)
    workers = [start(SAME_RUNS, url) for _ in range(2)]
    for worker in workers:
        go(worker)
    for worker in workers:
        hear(worker, "ready")
    for worker in workers:
        go(worker)
    told = []
    for worker in workers:
        out, complaints = worker.communicate(timeout=PATIENCE)
        assert worker.returncode == 0, complaints
        told.append(out)
    assert sorted(told) == ["0 700\n", "700 0\n"]
    assert Store.open(url).count() == 700


def test_suites_that_write_what_they_skip_at_once_leave_the_list_of_one(places: Places) -> None:
    url = places()
    workers = [start(SKIPS, url, f"worker{number}") for number in range(3)]
    for worker in workers:
        go(worker)
    for worker in workers:
        _, complaints = worker.communicate(timeout=PATIENCE)
        assert worker.returncode == 0, complaints
    found = Store.open(url).skipped()
    assert [skip.arch for skip in found] == [f"arch{n}" for n in range(5)]
    assert len({skip.reason for skip in found}) == 1


def test_a_lock_goes_with_the_store_and_ends_with_its_process(places: Places) -> None:
    url = places()
    store = Store.open(url)
    assert not store.held("cell")
    process = start(ALONE, url)
    go(process)
    hear(process, "alone")
    assert store.held("cell")
    assert not store.held("another cell")
    if not is_file(url):  # those of files lie in their folder
        assert not Store.open(places("other")).held("cell"), "another store has its own locks"
    told = "it is being trained by another process now: come back later"
    with pytest.raises(UserError, match=told), store.alone("cell", "it", "come back later"):
        pytest.fail("it was taken")
    process.kill()
    process.communicate()
    until(lambda: not store.held("cell"))  # a server notices a moment later that nobody is there any more
    with store.alone("cell", "it", "come back later"):
        assert store.held("cell")
    assert not store.held("cell")


def test_what_goes_wrong_beside_a_lock_stays_what_it_is(places: Places) -> None:
    store = Store.open(places())
    with pytest.raises(ZeroDivisionError), store.alone("cell", "it", "wait"):
        raise ZeroDivisionError
    assert not store.held("cell")
