"""The time of a large report: 10,000 runs of 40 architectures on 20 tasks, rendered by one process and by two."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

FAKES = Path(__file__).resolve().parents[1] / "tests" / "reports" / "fakes.py"
ROUNDS = 3


def made(architectures: int, tasks: int, runs: int) -> Any:
    """The frames of the tests of the report."""
    spec = importlib.util.spec_from_file_location("fakes", FAKES)
    assert spec is not None
    assert spec.loader is not None
    fakes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fakes)
    return fakes.many(architectures, tasks, runs)


def test_ten_thousand_runs(benchmark: Any, tmp_path: Path, seconds: Callable[[Callable[[], object]], float]) -> None:
    from reports import render, second_process

    frames = made(40, 20, 10_000)
    times: dict[str, list[float]] = {"one process": [], "two processes": []}
    out = tmp_path / "site"

    def rounds() -> None:
        with second_process() as second:
            for _ in range(ROUNDS):
                for name, pool in zip(times, (None, second), strict=True):
                    shutil.rmtree(out, ignore_errors=True)
                    times[name].append(seconds(lambda pool=pool: render(frames, out, pool)))

    benchmark.pedantic(rounds, rounds=1)
    pages = [file.stat().st_size for file in out.rglob("*.html")]
    assert len(pages) > 10_800
    print(f"\n10,000 runs, 40 architectures, 20 tasks: {len(pages):,} pages, {sum(pages) / 1e6:.0f} MB")
    for name, values in times.items():
        print(f"  {name}: {median(values):.1f} s (least {min(values):.1f}, most {max(values):.1f}, {ROUNDS} rounds)")
    print(f"  largest page {max(pages) / 1e3:.0f} kB, overview {(out / 'index.html').stat().st_size / 1e3:.0f} kB")
