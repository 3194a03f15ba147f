"""Are the committed numbers of results/ what its suite files give? Train some cells again, with one seed, and compare.

    python benchmarks/reproduce.py --folder DIR [--suite results/small.toml] [--only '*/psdigits'] [--seed 0]

trains the cells anew in an empty home, and compares every number of each run and trial with the committed one, but for
times: scores, curves, numbers of parameters and of steps, checksum of the data. It ends with code 0 where all are equal
bit for bit. On another processor, thread count or version of torch they need not be, so those that differ are told.
Without ``--suite`` and ``--only`` it takes a sample of every suite that takes minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results"
SAMPLE = {
    "small": ["*/psdigits", "*/basicmotions", "*/japanesevowels", "cornn/har2"],
    "tuned": ["lstm/psdigits", "unicornn/psdigits"],
    "published": ["cornn/har2"],
}
"""Suite -> its cells that are trained again."""
NUMBERS = (
    *("state", "metrics", "recipe", "parameters", "parameters_without_embedding", "epochs_done", "steps_done"),
    *("data_checksum", "backends", "warnings"),
)
AROUND = ("hardware.cpu", "threads", "software.torch", "software.numpy", "software.kernels", "software.harness")
"""What of the environment the last digits may depend on."""
Key = tuple[str, str, str, int, int | None]


def harness(*words: str, home: Path) -> str:
    """What a command of the harness prints; its progress goes to the terminal."""
    own = {name: value for name, value in os.environ.items() if name not in ("HARNESS_STORE", "HARNESS_STUDIES")}
    command = [sys.executable, "-m", "harness", *words, "--home", str(home)]
    return subprocess.run(command, env=own, stdout=subprocess.PIPE, text=True, check=True).stdout


def runs(lines: Iterator[str]) -> dict[Key, dict[str, Any]]:
    """The runs and trials of an export, by what they are of."""
    found = [one for one in map(json.loads, lines) if "recipe_hash" in one]
    return {
        (one["arch"], one["task"], one["study"] or one["recipe_hash"], one["seed"], one["trial"]): one for one in found
    }


def numbers(run: dict[str, Any]) -> dict[str, Any]:
    """All of a run that does not tell time."""
    curve = [{name: value for name, value in point.items() if name != "seconds"} for point in run["curve"]]
    scores = {split: run["metrics"][split] for split in ("valid", "test")}  # runs of before have no chance levels
    return {**{name: run[name] for name in NUMBERS}, "metrics": scores, "curve": curve}


def around(run: dict[str, Any]) -> dict[str, Any]:
    """What the last digits may depend on."""
    told = {}
    for name in AROUND:
        value: Any = run["environment"]
        for part in name.split("."):
            value = (value or {}).get(part)
        told[name] = value
    return told


def compare(name: str, before: dict[Key, dict[str, Any]], now: dict[Key, dict[str, Any]]) -> int:
    """Print a line for each run, and how many are not what was committed."""
    wrong = 0
    for key, run in sorted(now.items(), key=str):
        arch, task, study, seed, trial = key
        what = f"{name}: {arch} on {task}, " + (f"seed {seed}" if trial is None else f"study {study}, trial {trial}")
        if key not in before:
            verdict = "NOT COMMITTED"
        elif numbers(run) == numbers(before[key]):
            verdict = "equal"
        else:
            fields = [field for field in numbers(run) if numbers(run)[field] != numbers(before[key])[field]]
            there, here = around(before[key]), around(run)
            changed = [f"{item} was {there[item]}, is {here[item]}" for item in AROUND if there[item] != here[item]]
            verdict = f"DIFFERENT in {', '.join(fields)}" + (f" ({'; '.join(changed)})" if changed else "")
        wrong += verdict != "equal"
        print(f"{what}: {verdict}")
    return wrong


def main() -> int:
    """Train the sample and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, required=True, help="for the homes of the suites, which must not exist yet"
    )
    parser.add_argument("--suite", help="one suite file, else a sample of each")
    parser.add_argument("--only", action="append", help="cells of it, such as '*/psdigits'; repeatable")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--workers", default="2", help="runs at once")
    given = parser.parse_args()
    sample = {Path(given.suite).stem: given.only or ["*/*"]} if given.suite else SAMPLE
    total = wrong = 0
    for name, cells in sample.items():
        home = given.folder / name
        home.mkdir(parents=True)
        chosen = [word for cell in cells for word in ("--only", cell)]
        engine = ("--engine", "processes", "--workers", given.workers)
        print(
            harness("suite", "run", str(RESULTS / f"{name}.toml"), "--seeds", given.seed, *chosen, *engine, home=home)
        )
        now = runs(iter(harness("export", "--only", "runs", home=home).splitlines()))
        with (RESULTS / f"{name}.jsonl").open() as committed:
            wrong += compare(name, runs(committed), now)
        total += len(now)
    print(f"{total - wrong} of {total} runs and trials are equal bit for bit")
    return int(wrong > 0 or total == 0)


if __name__ == "__main__":
    sys.exit(main())
