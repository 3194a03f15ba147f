"""What a store of 100,000 runs takes: to be written, listed and reported, on SQLite and on PostgreSQL.

    taskset -c 0,1 pytest benchmarks/test_store.py --benchmark-enable -s

Commands are timed whole, from their start to their end, in a process of their own; ``list`` three times, ``report``
once. ``HARNESS_BENCH_RUNS`` is another number of runs, for a try. PostgreSQL is one that is started here, on loopback
and without flushing to the disk; where its programs or the driver are missing, it is left out.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from harness.store import Run, Store

FOLDER = Path(__file__).resolve().parent
RUNS = int(os.environ.get("HARNESS_BENCH_RUNS", "100000"))
WRITERS, EACH, ONE_BY_ONE, IN_PAGES, PAGE = 8, 50, 200, 5_000, 500
Seconds = Callable[[Callable[[], object]], float]


def loaded(file: Path) -> Any:
    """A module by its file: neither the benchmarks nor the tests are a package for each other."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


stores = loaded(FOLDER / "stores.py")


def write_some(url: str, number: int, ready: Any) -> None:
    """A writer: its runs one by one, each a transaction, once all writers are there."""
    runs = [replace(run, id=f"{number:04x}{run.id[4:]}") for run in islice(stores.grid(), EACH)]
    store = Store.open(url)
    ready.wait(60)
    for run in runs:
        store.add(run)


@contextmanager
def writers(url: str) -> Iterator[Callable[[], None]]:
    """Processes that are about to write; what lets them, and waits for their end."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(WRITERS + 1)
    processes = [context.Process(target=write_some, args=(url, number, ready)) for number in range(WRITERS)]

    def go() -> None:
        for process in processes:
            process.join(300)

    for process in processes:
        process.start()
    ready.wait(120)
    yield go
    assert [process.exitcode for process in processes] == [0] * WRITERS


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Name and address of an empty database."""
    if request.param == "SQLite":
        yield request.param, f"sqlite:///{tmp_path / 'store.sqlite'}"
        return
    with loaded(FOLDER.parent / "tests" / "harness" / "postgresql.py").server() as url:
        yield request.param, url


def test_writing(place: tuple[str, str], benchmark: Any, seconds: Seconds) -> None:
    name, url = place
    store = Store.open(url)
    runs: list[Run] = list(islice(stores.grid(), ONE_BY_ONE + IN_PAGES))
    single, rest = runs[:ONE_BY_ONE], runs[ONE_BY_ONE:]
    times: list[float] = []

    def work() -> None:
        times.append(seconds(lambda: [store.add(run) for run in single]))
        times.append(seconds(lambda: stores.fill(store, rest, PAGE)))
        store.delete([run.id for run in store.runs()])
        with writers(url) as go:
            times.append(seconds(go))

    benchmark.pedantic(work, rounds=1)
    assert store.count() == WRITERS * EACH
    print(f"\n{name}, runs with curves of {stores.EPOCHS} epochs, inserted:")
    print(f"  one by one: {ONE_BY_ONE / times[0]:,.0f} a second")
    print(f"  {PAGE} in a transaction: {IN_PAGES / times[1]:,.0f} a second")
    print(f"  {WRITERS} processes at once, one by one: {WRITERS * EACH / times[2]:,.0f} a second")


@pytest.mark.parametrize("campaign", [False, True], ids=["grid", "campaign"])
def test_a_large_store(campaign: bool, benchmark: Any, tmp_path: Path, seconds: Seconds) -> None:
    home = tmp_path / "home"
    make = [sys.executable, str(FOLDER / "stores.py"), str(home), "--runs", str(RUNS)]
    making = seconds(lambda: command([*make, *(["--campaign"] if campaign else [])]))
    harness = [sys.executable, "-m", "harness"]
    listings = ([], ["--arch", "arch-03"], ["--state", "failed"], ["--json"])
    told: list[str] = []

    def work() -> None:
        for options in listings:
            verb = ["list", "runs", *options]
            times = [seconds(lambda verb=verb: command([*harness, *verb, "--home", str(home)])) for _ in range(3)]
            told.append(f"{' '.join(verb)}: {median(times):.2f} s (least {min(times):.2f}, most {max(times):.2f})")
        out = str(tmp_path / "site")
        told.append(
            f"report: {seconds(lambda: command([*harness, 'report', '--home', str(home), '--out', out])):.1f} s"
        )

    benchmark.pedantic(work, rounds=1)
    assert (tmp_path / "site" / "index.html").is_file()
    what = "of a campaign, most of them trials" if campaign else "of 40 architectures on 20 tasks"
    print(f"\nSQLite, {RUNS:,} runs {what}, whole commands:")
    print(f"  made in {making:.0f} s, {(home / 'store.sqlite').stat().st_size / 1e6:.0f} MB")
    for line in told:
        print(f"  {line}")


def command(words: list[str]) -> None:
    """Run a program to its end; what it prints goes to a file of no consequence."""
    bare = {name: value for name, value in os.environ.items() if name not in ("HARNESS_STORE", "HARNESS_STUDIES")}
    done = subprocess.run(words, env=bare, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
