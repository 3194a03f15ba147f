"""The committed results: whole, made from commits of this repository, and what the tables of results/README.md say."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "results"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="results/ is not beside tests/: this is no checkout")


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(DATA.glob("*.jsonl")) for line in file.open(encoding="utf-8")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that holds the committed data and nothing else."""
    found = tmp_path_factory.mktemp("home")
    harness("import", *sorted(map(str, DATA.glob("*.jsonl"))), home=found)
    return found


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_leaderboard", ROOT / "docs" / "make_leaderboard.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def harness(*words: str, home: Path) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    command = [sys.executable, "-m", "harness", *words, "--home", str(home)]
    done = subprocess.run(command, env=own, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)


@pytest.mark.parametrize("suite", sorted(file.stem for file in DATA.glob("*.toml")))
def test_the_committed_data_are_all_that_a_suite_asks_for(suite: str, home: Path) -> None:
    told = json.loads(harness("suite", "status", str(DATA / f"{suite}.toml"), "--json", home=home))
    assert told["runs"].pop("done") > 0
    assert set(told["runs"].values()) == {0}


def test_the_committed_data_come_from_commits_and_nothing_is_half_done(lines: list[dict[str, Any]]) -> None:
    for content in lines:
        if "run" in content:
            assert content["state"] in ("done", "pruned", "failed")
        if "environment" in content:
            assert content["environment"]["git"]["dirty"] is False


def test_every_commit_that_results_name_is_an_ancestor_of_this_one(lines: list[dict[str, Any]]) -> None:
    if git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        pytest.skip("this is no git repository, or one without its history")
    commits = {content["environment"]["git"]["commit"] for content in lines if "environment" in content}
    assert commits
    assert [one for one in commits if git("merge-base", "--is-ancestor", one, "HEAD").returncode] == []


def test_the_lock_file_has_the_versions_that_the_runs_recorded(lines: list[dict[str, Any]]) -> None:
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)$", (DATA / "requirements.txt").read_text(), re.MULTILINE))
    for content in lines:
        software = content.get("environment", {}).get("software", {})
        assert {name: software[name] for name in ("torch", "numpy", "optuna") if software} == {
            name: pinned[name] for name in ("torch", "numpy", "optuna") if software
        }


def test_the_tables_are_those_of_the_committed_data(script: ModuleType) -> None:
    text = script.README.read_text(encoding="utf-8")
    assert script.MARK in text
    assert text == script.with_tables(text), "run python docs/make_leaderboard.py"


def test_every_score_of_the_tables_is_what_numpy_and_scipy_work_out_of_the_data(lines: list[dict[str, Any]]) -> None:
    shown = Counter(rows_of((DATA / "README.md").read_text(encoding="utf-8")))
    assert shown == Counter(worked_out(lines))


Row = tuple[str, ...]
"""Mean, half width of its interval, seeds, best, parameters, epochs: as a table prints them."""
POWERS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def rows_of(text: str) -> Iterator[Row]:
    """The rows of all tables of one task each."""
    for table in re.findall(r"^\| Rank \|.*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE):
        for line in table.splitlines():
            _, _, _, mean, seeds, best, parameters, epochs, *_ = re.sub(r"[*\\]", "", line).strip("| ").split(" | ")
            center, _, width = mean.partition(" ± ")
            center = center.removesuffix(" (n = 1)")
            yield (*map(plain, (center, width or "none")), seeds, plain(best), parameters, epochs)


def plain(text: str) -> str:
    """``1.055×10⁻⁵`` as ``1.055e-5``."""
    mantissa, _, power = text.partition("×10")
    return f"{mantissa}e{power.translate(POWERS)}" if power else mantissa


def worked_out(lines: list[dict[str, Any]]) -> Iterator[Row]:
    """The same out of the data: one row for the tested runs of each task, recipe and kind of device."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for run in lines:
        if "run" in run and run["study"] is None and run["state"] == "done":
            groups.setdefault((run["task"], run["recipe_hash"], run["device"]), []).append(run)
    for runs in groups.values():
        percent = higher = runs[0]["metric"] == "accuracy"
        tests = np.array([run["metrics"]["test"] for run in runs])
        width = None
        if len(tests) > 1:
            low, high = stats.t.interval(0.95, len(tests) - 1, scale=stats.sem(tests)) if np.ptp(tests) else (0, 0)
            width = (high - low) / 2
        yield (
            digits(tests.mean(), percent, 4),
            "none" if width is None else digits(width, percent, 2),
            str(len(tests)),
            digits(tests.max() if higher else tests.min(), percent, 4),
            span(run["parameters"] for run in runs),
            span(run["epochs_done"] for run in runs),
        )


def digits(number: float, percent: bool, significant: int) -> str:
    """Two decimals of a percentage, or so many significant digits, as the tables have them."""
    if percent and (significant == 4 or number == 0 or 100 * number >= 0.005):
        return f"{100 * number:.2f}"
    if percent:
        number, significant = 100 * number, 1
    mantissa, power = f"{number:.{significant - 1}e}".split("e")
    if -4 < int(power) < 6:
        return f"{number:.{max(0, significant - 1 - int(power))}f}"
    return f"{mantissa}e{int(power)}"


def span(numbers: Iterator[int]) -> str:
    known = sorted(set(numbers))
    return f"{known[0]:,}" if len(known) == 1 else f"{known[0]:,}–{known[-1]:,}"
