"""Write the tables of results/README.md and the versions in results/requirements.txt from the data in results/.

    python docs/make_leaderboard.py

imports results/*.jsonl into an empty home, writes its report as Markdown below the mark in results/README.md, and the
exact versions of this environment, in which the results should have been made, into results/requirements.txt. Tests
hold the tables to the data and the versions to what the runs recorded. docs/make_picture.py makes the README's picture.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DATA = Path(__file__).resolve().parents[1] / "results"
README, VERSIONS = DATA / "README.md", DATA / "requirements.txt"
MARK = "<!-- Below this line, docs/make_leaderboard.py writes what the data say. -->\n"
PROJECT = "recurrent-harness"
OWN = ("HARNESS_HOME", "HARNESS_STORE", "HARNESS_STUDIES", "HARNESS_DATA")
"""Variables of the person who calls, which the tables must not depend on."""


def harness(*words: str, home: str) -> None:
    """Run a command of the harness in `home`."""
    environment = {name: value for name, value in os.environ.items() if name not in OWN}
    subprocess.run([sys.executable, "-m", "harness", *words, "--home", home], env=environment, cwd=home, check=True)


def tables() -> str:
    """The report of the committed data as Markdown, without its figures and its title."""
    with tempfile.TemporaryDirectory() as home:
        harness("import", *map(str, sorted(DATA.glob("*.jsonl"))), home=home)
        harness("report", "--format", "md", "--out", "tables", home=home)
        text = (Path(home) / "tables" / "leaderboard.md").read_text(encoding="utf-8")
    return re.sub(r"^(# .*|!\[.*)\n+", "", text, flags=re.MULTILINE).rstrip() + "\n"


def with_tables(text: str) -> str:
    """The README `text` with the tables below its mark."""
    return text.partition(MARK)[0] + MARK + "\n" + tables()


def versions() -> str:
    """The versions of all that the project needs here, one a line, as pip reads them."""
    found: dict[str, str] = {}
    wanted = [(PROJECT, "")]
    seen = set(wanted)
    while wanted:
        name, extra = wanted.pop()
        for requirement in map(Requirement, distribution(name).requires or ()):
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
                continue
            needed = canonicalize_name(requirement.name)
            found[needed] = distribution(needed).version
            more = {(needed, one) for one in ("", *requirement.extras)} - seen
            seen |= more
            wanted += sorted(more)
    lines = "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))
    return f"# The environment that the runs in this folder were made in, written by docs/make_leaderboard.py.\n{lines}"


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
    VERSIONS.write_text(versions(), encoding="utf-8")
