"""The time of large reports, rendered by one process and by two, and what they weigh.

    pytest benchmarks/test_report.py -s --benchmark-only -k ten_thousand
    pytest benchmarks/test_report.py -s --benchmark-only -k hundred_thousand
    pytest benchmarks/test_report.py -s --benchmark-only -k campaign

10,000 runs have a page each. Of 100,000 some have: 40 architectures on 20 tasks with 125 seeds, and 5,000 seeds each of
20 pairs. A campaign has few runs and 72,000 trials of studies. The reading of a store is not in these times.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import pytest

FAKES = Path(__file__).resolve().parents[1] / "tests" / "reports" / "fakes.py"
ROUNDS = 3
LARGEST_PAGE = 1_000_000


def made(architectures: int, tasks: int, runs: int) -> Any:
    """The frames of the tests of the report."""
    spec = importlib.util.spec_from_file_location("fakes", FAKES)
    assert spec is not None
    assert spec.loader is not None
    fakes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fakes)
    return fakes.many(architectures, tasks, runs)


def campaign(architectures: int = 12, tasks: int = 12, seeds: int = 5, trials: int = 500) -> Any:
    """A study of so many trials for each pair, and its best recipe trained from each seed."""
    random = np.random.default_rng(5)
    frames = made(architectures, tasks, architectures * tasks * seeds)
    pairs = frames.runs.drop_duplicates(["arch", "task"])
    size = len(pairs) * trials
    number = np.tile(np.arange(trials), len(pairs))
    lr, width = 10 ** random.uniform(-4, -1, size), random.integers(32, 512, size)
    value = 0.9 - 0.1 * np.abs(np.log10(lr) + 2.5) + 0.02 * random.standard_normal(size)
    state = np.where(number % 4 == 3, "pruned", "complete")
    drawn = [json.dumps({"lr": one, "hidden_size": two}) for one, two in zip(lr.tolist(), width.tolist(), strict=True)]
    told = {name: np.repeat(pairs[name].to_numpy(), trials) for name in ("arch", "task", "metric", "higher_is_better")}
    study = [f"{arch}-{task}" for arch, task in zip(told["arch"], told["task"], strict=True)]
    pruned = state == "pruned"
    scores = {"value": np.where(pruned, np.nan, value), "best_seen": np.where(pruned, value, np.nan)}
    found = pd.DataFrame(
        {"study": study, **told, "trial": number, "state": state, "epochs": 30, "seconds": 9.5, "parameters": 20_000}
        | scores
        | {"values": drawn, "reason": None}
    )
    shares = [{"study": one, "key": key, "share": share} for one in dict.fromkeys(study)
              for key, share in (("lr", 0.8), ("hidden_size", 0.2))]  # fmt: skip
    return replace(frames, trials=found, importance=pd.DataFrame(shares))


def measured(frames: Any, out: Path, benchmark: Any, seconds: Callable[[Callable[[], object]], float]) -> list[int]:
    """Times of both ways to render `frames`, said; returns the sizes of the pages, in bytes."""
    from reports import render, second_process

    times: dict[str, list[float]] = {"one process": [], "two processes": []}

    def rounds() -> None:
        with second_process() as second:
            for _ in range(ROUNDS):
                for name, pool in zip(times, (None, second), strict=True):
                    shutil.rmtree(out, ignore_errors=True)
                    times[name].append(seconds(lambda pool=pool: render(frames, out, pool)))

    benchmark.pedantic(rounds, rounds=1)
    pages = [file.stat().st_size for file in out.rglob("*.html")]
    of = f"{len(frames.runs):,} runs, {len(frames.trials):,} trials"
    print(f"\n{of}: {len(pages):,} pages, {sum(pages) / 1e6:.0f} MB")
    for name, values in times.items():
        print(f"  {name}: {median(values):.1f} s (least {min(values):.1f}, most {max(values):.1f}, {ROUNDS} rounds)")
    print(f"  largest page {max(pages) / 1e3:.0f} kB, overview {(out / 'index.html').stat().st_size / 1e3:.0f} kB")
    return pages


def test_ten_thousand_runs(benchmark: Any, tmp_path: Path, seconds: Callable[[Callable[[], object]], float]) -> None:
    assert len(measured(made(40, 20, 10_000), tmp_path / "site", benchmark, seconds)) > 10_800


@pytest.mark.parametrize(("architectures", "tasks"), [(40, 20), (5, 4)])
def test_a_hundred_thousand_runs(
    architectures: int, tasks: int, benchmark: Any, tmp_path: Path, seconds: Callable[[Callable[[], object]], float]
) -> None:
    pages = measured(made(architectures, tasks, 100_000), tmp_path / "site", benchmark, seconds)
    assert architectures * tasks < len(pages) < 10_000
    assert max(pages) < LARGEST_PAGE


def test_a_campaign(benchmark: Any, tmp_path: Path, seconds: Callable[[Callable[[], object]], float]) -> None:
    pages = measured(campaign(), tmp_path / "site", benchmark, seconds)
    assert len(pages) > 12 * 12 * 6
    assert max(pages) < LARGEST_PAGE
