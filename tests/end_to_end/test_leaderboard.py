"""The committed leaderboard is what the committed data give in an empty home, imported and reported: byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA, PAGES = ROOT / "results", ROOT / "docs" / "leaderboard"
DRAWN_WITH = DATA / "drawn-with.json"
"""Versions of the libraries that the digits of a page and the lines of a figure come from."""

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="results/ is not beside tests/: this is no checkout")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that holds the committed data and nothing else."""
    found = tmp_path_factory.mktemp("home")
    harness("import", *sorted(map(str, DATA.glob("*.jsonl"))), home=found)
    return found


def harness(*words: str, home: Path) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    command = [sys.executable, "-m", "harness", *words, "--home", str(home)]
    done = subprocess.run(command, env=own, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_committed_data_give_the_committed_pages(home: Path, tmp_path: Path) -> None:
    harness("report", "--out", str(tmp_path / "site"), home=home)
    now, committed = tree(tmp_path / "site"), tree(PAGES)
    differing = sorted(name for name in now.keys() | committed.keys() if now.get(name) != committed.get(name))
    drawn = json.loads(DRAWN_WITH.read_text())
    here = {name: version(name) for name in drawn}
    others = ", ".join(f"{name} {drawn[name]}, here {here[name]}" for name in drawn if here[name] != drawn[name])
    if differing and others:
        pytest.skip(f"{len(differing)} pages differ, and were made with {others}: run python docs/make_leaderboard.py")
    assert differing == [], "run python docs/make_leaderboard.py"


@pytest.mark.parametrize("suite", sorted(file.stem for file in DATA.glob("*.toml")))
def test_the_committed_data_are_all_that_a_suite_asks_for(suite: str, home: Path) -> None:
    told = json.loads(harness("suite", "status", str(DATA / f"{suite}.toml"), "--json", home=home))
    assert told["runs"].pop("done") > 0
    assert set(told["runs"].values()) == {0}


def test_the_committed_data_come_from_commits_and_nothing_is_half_done() -> None:
    for file in DATA.glob("*.jsonl"):
        for content in map(json.loads, file.open()):
            if "run" in content:
                assert content["state"] in ("done", "pruned", "failed")
            if "environment" in content:
                assert content["environment"]["git"]["dirty"] is False
