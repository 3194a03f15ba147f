"""Measure what the store, the desk and the driver take for one thing each, for ``benchmarks/simulation.py``.

    python benchmarks/service_times.py                                                   # SQLite, and Ray where it is
    python benchmarks/service_times.py --server postgresql://me:password@127.0.0.1/runs  # an empty database
    python benchmarks/service_times.py --docs                                            # writes docs/scaling.md anew

Stores are written as a training writes them: a run is added, its curve grows by a point, its state is changed. What
is not at hand is left out and counts as not measured. ``--folder`` names the disk that the SQLite file is on.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import mean
from typing import Any
from uuid import uuid4

from pages import PAGE, replace_block, table

from harness.environment import collect, lasting
from harness.store import CurvePoint, Run, Store

FILE = Path(__file__).parent / "measured" / "service_times.json"
RUNS, POINTS = 40, 20
WRITERS = 8
SECONDS = 3.0
OF_THE_DESK = {
    "call_seconds": "the desk, busy with a call",
    "round_trip": "a call to an idle desk, there and back",
    "begin_seconds": "a task of Ray that does nothing, from begin to end",
}


def example(seed: int = 0) -> Run:
    """A run of the size that they have: recipe, environment and all."""
    recipe = {
        "arch": "lstm",
        "task": "psdigits",
        "layer": {"hidden_size": 128, "num_layers": 1},
        "training": {"lr": 0.01},
    }
    return Run("lstm", "psdigits", seed, "accuracy", recipe, "standard", "0" * 16, environment=collect(1))


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    since = time.perf_counter()
    work()
    return time.perf_counter() - since


def write_one_run(store: Store, run: Run, times: dict[str, list[float]]) -> None:
    """A run as a training leaves it, each transaction timed."""
    times["add"].append(timed(lambda: store.add(run)))
    for epoch in range(1, POINTS + 1):
        point = CurvePoint(epoch, epoch * 10, float(epoch), 1.0, 1.0, 0.5, 1e-3)
        times["log"].append(timed(lambda point=point: store.log(run.id, [point])))
    times["update"].append(timed(lambda: store.update(run.id, state="done", metrics={"valid": 0.5, "test": 0.5})))


def transactions(url: str) -> dict[str, Any]:
    """Mean seconds of a transaction by one writer, over all and by kind."""
    store = Store.open(url)
    times: dict[str, list[float]] = {"add": [], "log": [], "update": []}
    runs = [example(seed) for seed in range(RUNS)]
    since = time.process_time()
    for run in runs:
        write_one_run(store, run, times)
    computed = time.process_time() - since
    return {
        "write_seconds": mean(value for values in times.values() for value in values),
        "computing_seconds": computed / sum(map(len, times.values())),
        "by_kind": {kind: mean(values) for kind, values in times.items()},
        "transactions": sum(map(len, times.values())),
    }


def _write_for_a_while(url: str, ready: Any, done: Any) -> None:
    store, run = Store.open(url), example()
    times: dict[str, list[float]] = {"add": [], "log": [], "update": []}
    ready.wait()
    since = time.perf_counter()
    while (seconds := time.perf_counter() - since) < SECONDS:
        write_one_run(store, replace(run, id=uuid4().hex[:12]), times)
    done.put(sum(map(len, times.values())) / seconds)


def together(url: str, writers: int = WRITERS) -> float:
    """Transactions a second of so many processes that write as fast as they can."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Barrier(writers), context.Queue()
    processes = [context.Process(target=_write_for_a_while, args=(url, ready, done)) for _ in range(writers)]
    for process in processes:
        process.start()
    rates = [done.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    return sum(rates)


def of_store(url: str) -> dict[str, Any]:
    """What the simulation needs of a store: a transaction, and how many there are at once."""
    found = transactions(url)
    rate = together(url)
    return {
        **found,
        "processes": WRITERS,
        "writes_per_second_of_all": rate,
        "writers": max(1, round(rate * (found["write_seconds"] - found["computing_seconds"]))),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The document: each part, or None where it could not be measured."""
    environment = {k: v for k, v in lasting(collect(1)).items() if k in ("hardware", "software")}
    document: dict[str, Any] = {
        "command": "python benchmarks/service_times.py",
        "date": date.today().isoformat(),
        "environment": environment,
        "postgresql": None,
        "desk": None,
    }
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        document["sqlite"] = of_store(f"sqlite:///{folder}/store.sqlite")
    if options.server:
        document["postgresql"] = of_store(options.server)
    try:
        import desk_times
    except ImportError as missing:
        print(f"the desk is not measured: {missing}", file=sys.stderr)
    else:
        document["desk"] = desk_times.measure()
    return document


def milliseconds(seconds: float) -> str:
    """For a table: three digits."""
    return f"{seconds * 1e3:.3g} ms"


def markdown(document: dict[str, Any]) -> str:
    """The block of the page."""
    rows = []
    for name in ("sqlite", "postgresql"):
        found = document[name]
        one, all_of_them = "not measured", "not measured"
        if found is not None:
            one = milliseconds(found["write_seconds"])
            all_of_them = f"{found['writes_per_second_of_all']:,.0f} a second"
        label = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[name]
        rows.append([f"{label}, a transaction of one writer", one])
        rows.append([f"{label}, transactions of {WRITERS} processes", all_of_them])
    desk = document["desk"]
    for key, told in OF_THE_DESK.items():
        rows.append([told, milliseconds(desk[key]) if desk else "not measured"])
    hardware, software = (document["environment"][key] for key in ("hardware", "software"))
    parts = [f"{hardware['cpu']}, {hardware['physical_cores']} cores", f"Python {software['python']}"]
    told = "; ".join([*parts, *([f"Ray {desk['ray']}"] if desk else []), document["date"]])
    return f"{table(['', 'measured'], rows)}\n\nMachine: {told}."


def main() -> int:
    """Read the command line; measure and save, or write the block of the page from what was saved."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FILE)
    parser.add_argument("--server", help="URL of an empty PostgreSQL database")
    parser.add_argument("--folder", type=Path, help="where the SQLite file is written (else the system's)")
    parser.add_argument("--docs", action="store_true", help=f"write the block of {PAGE.name} from the file")
    options = parser.parse_args()
    if options.docs:
        replace_block(PAGE, "service times", markdown(json.loads(options.out.read_text(encoding="utf-8"))))
        return 0
    document = measure(options)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(markdown(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
