"""The suite ``quick`` from nothing, by ``local`` and by ``processes`` with two workers, one after the other.

On a quiet machine with two cores: ``taskset -c 0,1 pytest benchmarks/test_engines.py --benchmark-enable -s``. For a try
``HARNESS_BENCH_ONLY='*/basicmotions'`` names the cells that are trained.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORKERS = 2
ENGINES = {"local": [], "processes": ["--engine", "processes", "--workers", str(WORKERS)]}


def train(home: Path, options: list[str]) -> None:
    """``suite run quick`` in a home of its own."""
    only = os.environ.get("HARNESS_BENCH_ONLY")
    command = [sys.executable, "-m", "harness", "suite", "run", "quick", "--offline", "--device", "cpu"]
    told = subprocess.run(
        [*command, "--home", str(home), *options, *(["--only", only] if only else [])],
        env={name: value for name, value in os.environ.items() if name not in ("HARNESS_STORE", "HARNESS_STUDIES")},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stdout + told.stderr


def scores(home: Path) -> dict[tuple[str, str, int], Any]:
    """What is stored: (architecture, task, seed) -> metrics."""
    command = [sys.executable, "-m", "harness", "export", "--home", str(home)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    runs = [run for run in map(json.loads, lines) if "recipe_hash" in run]
    return {(run["arch"], run["task"], run["seed"]): run["metrics"] for run in runs}


def test_two_workers(benchmark: Any, tmp_path: Path, seconds: Callable[[Callable[[], object]], float]) -> None:
    times: dict[str, float] = {}
    loads: dict[str, float] = {}

    def both() -> None:
        for name, options in ENGINES.items():
            loads[name] = os.getloadavg()[0]
            times[name] = seconds(lambda name=name, options=options: train(tmp_path / name, options))

    benchmark.pedantic(both, rounds=1)
    found = [scores(tmp_path / name) for name in ENGINES]
    assert found[0] == found[1], "the engine changes no number"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"\nsuite quick, {len(found[0])} runs, one thread each, on {cores} cores:")
    for name, time in times.items():
        print(f"  {name}: {time:.1f} s (load before {loads[name]:.2f})")
    print(f"  ratio: {times['local'] / times['processes']:.2f} with {WORKERS} workers")
