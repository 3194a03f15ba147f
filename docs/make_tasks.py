"""Write the page about the tasks, docs/tasks.md, from what their classes say.

    python docs/make_tasks.py

A test holds that the page is what this writes.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from harness.catalogue import page
from harness.registry import BUILT_IN, Registry

FILE = Path(__file__).parent / "tasks.md"
ORDER = (
    *("adding", "smnist", "psmnist", "ncifar", "scifar", "har2", "imdb", "eigenworms"),
    *("bidmc-rr", "bidmc-hr", "bidmc-spo2", "sdigits", "psdigits", "basicmotions", "japanesevowels"),
)
HEAD = """# The tasks

What each task is, how it is split and measured, and where sources disagree. Variants are named in brackets, as in
`--task 'psmnist[permutation=cornn]'`, and are ranked apart. This page is made by `python docs/make_tasks.py`; the same
is told by `python -m harness list tasks NAME`.

The files that tasks read, where they come from and how they are verified, with or without a network: [data sets and
licences](data.md). How to add a task of your own: [adding a task](adding-a-task.md).
"""


def text() -> str:
    """The whole page."""
    registry = Registry()
    built_in = [name for name, entry in registry.tasks.items() if entry.origin == BUILT_IN]
    assert sorted(ORDER) == sorted(built_in), "ORDER names every built-in task"
    return "\n".join([HEAD, *(section(registry, name) for name in ORDER)])


def section(registry: Registry, name: str) -> str:
    """One task: title, docstring without what it raises, and its facts."""
    facts = page(registry, name)
    rows = [(heading, told) for heading, told in facts if heading not in ("title", "summary")]
    table = "\n".join(f"| {heading} | {told.replace('|', ' ')} |" for heading, told in rows)
    told = (inspect.getdoc(registry.task(name)) or "").partition("\nRaises:")[0].strip()
    told = re.sub(r"``?([^`]+)``?", r"`\1`", told)
    return f"## {dict(facts)['title']}: `{name}`\n\n{told}\n\n| | |\n|---|---|\n{table}\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
