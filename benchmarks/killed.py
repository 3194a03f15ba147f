"""A suite from nothing, its driver killed again and again, beside the same suite left in peace: are the tables equal?

``python benchmarks/killed.py quick --folder DIR`` prints both tables and ends with code 0 where all numbers that are
stored are equal bit for bit, but for times. The kills are SIGKILL, at moments drawn by how many runs are done.
Options that it doesn't know go to ``suite run``: ``--engine processes --workers 2``, ``--only '*/basicmotions'``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness.store import open_store

CHECK_EVERY = 0.2


def command(*words: str) -> list[str]:
    """A command of the harness."""
    return [sys.executable, "-m", "harness", *words]


def start(suite: str, home: Path, options: list[str]) -> subprocess.Popen[str]:
    """The driver of a suite."""
    words = command("suite", "run", suite, "--home", str(home), *options)
    environment = {
        name: value for name, value in os.environ.items() if name not in ("HARNESS_STORE", "HARNESS_STUDIES")
    }
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def planned(suite: str, home: Path) -> int:
    """How many runs the suite has."""
    words = command("suite", "status", suite, "--home", str(home), "--json")
    told = subprocess.run(words, capture_output=True, text=True, check=True)
    return sum(count for state, count in json.loads(told.stdout)["runs"].items() if state != "skipped")


def done(home: Path) -> float:
    """Runs that are done, and parts of those under way by the epochs that the store knows of."""
    if not (home / "store.sqlite").is_file():
        return 0.0
    parts = [1.0 if run.state == "done" else _part(run) for run in open_store(home).runs(with_curves=True)]
    return sum(parts)


def _part(run: Any) -> float:
    return len(run.curve) / max(1, run.recipe["training"]["epochs"])


def numbers(home: Path) -> dict[tuple[str, str, int], Any]:
    """All that is stored but for times and random ids."""
    told = subprocess.run(command("export", "--home", str(home)), capture_output=True, text=True, check=True)
    runs = [run for run in map(json.loads, told.stdout.splitlines()) if "recipe_hash" in run]
    found: dict[tuple[str, str, int], Any] = {}
    for run in runs:
        key = (run["arch"], run["task"], run["seed"])
        assert key not in found, f"{key} is stored twice"
        curve = [{name: value for name, value in point.items() if name != "seconds"} for point in run["curve"]]
        found[key] = {name: run[name] for name in ("state", "metrics", "recipe_hash", "epochs_done")} | {"curve": curve}
    return found


def table(out: str) -> list[str]:
    """The table that a campaign ends with."""
    lines = out.splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith("task "))
    return lines[begin : lines.index("", begin)]


def finish(suite: str, home: Path, options: list[str]) -> list[str]:
    """A suite to its end: its table."""
    out, complaints = start(suite, home, options).communicate()
    sys.stderr.write(complaints)
    return table(out)


def main() -> int:
    """Train the suite twice, once with kills, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite")
    parser.add_argument("--folder", type=Path, required=True, help="for the two homes, which must not exist yet")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--runs", type=int, help="how many there are, where --only leaves some out")
    given, options = parser.parse_known_args()
    whole, killed = given.folder / "whole", given.folder / "killed"
    for home in (whole, killed):
        home.mkdir(parents=True)
    total = given.runs or planned(given.suite, whole)
    moments = random.Random(given.seed)
    for moment in sorted(moments.uniform(0.0, 0.95) * total for _ in range(given.kills)):
        process = start(given.suite, killed, options)
        while process.poll() is None and done(killed) < moment:
            time.sleep(CHECK_EVERY)
        process.kill()
        process.communicate()
        print(f"killed after {done(killed):.2f} of {total} runs", flush=True)
    after = finish(given.suite, killed, options)
    before = finish(given.suite, whole, options)
    equal = numbers(whole) == numbers(killed)
    print("\n".join(["", "left in peace:", *before, "", "killed:", *after, ""]))
    print(f"the tables are {'equal' if before == after else 'DIFFERENT'}")
    print(f"{len(numbers(killed))} runs and their curves are {'equal bit for bit' if equal else 'DIFFERENT'}")
    return int(not equal or before != after)


if __name__ == "__main__":
    sys.exit(main())
