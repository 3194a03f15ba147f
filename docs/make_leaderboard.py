"""Write the leaderboard of this repository, docs/leaderboard/, from the data in results/.

    python docs/make_leaderboard.py

imports results/*.jsonl into an empty home and renders its report, in place of the pages that were there. A test holds
that the pages are what this writes. docs/make_picture.py photographs one of them for the README.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA, PAGES = ROOT / "results", ROOT / "docs" / "leaderboard"
DRAWN_WITH = DATA / "drawn-with.json"
LIBRARIES = ("matplotlib", "numpy", "scipy", "pandas", "optuna", "jinja2", "latex2mathml")
"""What the digits of a page and the lines of a figure come from: with other versions they may differ."""
OWN = ("HARNESS_HOME", "HARNESS_STORE", "HARNESS_STUDIES", "HARNESS_DATA")
"""Variables of the person who calls, which the pages must not depend on."""


def make(out: Path) -> None:
    """Render the data of results/ into the folder `out`, which need not exist."""
    with tempfile.TemporaryDirectory() as home:
        environment = {name: value for name, value in os.environ.items() if name not in OWN}
        for words in (["import", *map(str, sorted(DATA.glob("*.jsonl")))], ["report", "--out", str(out)]):
            command = [sys.executable, "-m", "harness", *words, "--home", home]
            subprocess.run(command, env=environment, cwd=home, check=True)


if __name__ == "__main__":
    shutil.rmtree(PAGES, ignore_errors=True)
    make(PAGES)
    DRAWN_WITH.write_text(json.dumps({name: version(name) for name in LIBRARIES}, indent=2) + "\n")
