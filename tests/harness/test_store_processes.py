"""What the store promises to several processes on one file."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from harness.store import Store

from .older import older

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


def test_four_processes_create_a_store_at_once_and_lose_none_of_200_runs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    workers = [start(FIFTY_RUNS, url, f"worker{number}") for number in range(4)]
    for worker in workers:
        go(worker)
    for worker in workers:
        _, complaints = worker.communicate(timeout=300)
        assert worker.returncode == 0, complaints
    runs = Store.open(url, create=False).runs(with_curves=True)
    assert Counter(run.arch for run in runs) == {f"worker{number}": 50 for number in range(4)}
    assert all(run.state == "done" and run.metrics == {"valid": run.seed, "test": run.seed} for run in runs)
    assert all([point.epoch for point in run.curve] == [0, 1, 2] for run in runs)
    assert all(run.recipe == {"worker": run.arch} for run in runs)


def test_creation_survives_fifty_races(tmp_path: Path) -> None:
    workers = [start(EVERY_STORE_IT_IS_TOLD, "") for _ in range(4)]
    for worker in workers:
        go(worker)
    for race in range(50):
        url = f"sqlite:///{tmp_path / f'store{race}.sqlite'}"
        for worker in workers:
            go(worker, url)
        for worker in workers:
            hear(worker, "added")
        assert Store.open(url, create=False).count() == 4
    for worker in workers:
        assert worker.communicate()[1] == ""


def test_an_older_store_is_brought_up_to_date_by_one_of_four_that_write_at_once(tmp_path: Path) -> None:
    workers = [start(EVERY_STORE_IT_IS_TOLD, "") for _ in range(4)]
    for worker in workers:
        go(worker)
    for race in range(20):
        file = older(tmp_path / f"store{race}.sqlite")
        for worker in workers:
            go(worker, f"sqlite:///{file}")
        for worker in workers:
            hear(worker, "added")
        assert Store.open(f"sqlite:///{file}", create=False).count() == 2 + 4
    for worker in workers:
        assert worker.communicate()[1] == ""


def test_a_process_killed_while_it_writes_leaves_nothing_half_done(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
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


def test_a_forked_child_uses_the_store_of_its_parent(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    process = start(FORK, url)
    go(process)
    _, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, complaints
    assert sorted(run.seed for run in Store.open(url).runs()) == [0, 1, 2]
