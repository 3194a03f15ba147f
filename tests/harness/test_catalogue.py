"""All about a task, as the terminal and the page in docs/ tell it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from harness.catalogue import facts
from harness.errors import UserError
from harness.registry import Registry

SCRIPT = Path(__file__).parents[2] / "docs" / "make_tasks.py"


@pytest.mark.skipif(not SCRIPT.is_file(), reason="docs/ is not beside tests/: this is no checkout of the project")
def test_the_page_about_the_tasks_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_tasks", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.FILE.read_text(encoding="utf-8") == script.text(), "run python docs/make_tasks.py"


@pytest.mark.parametrize("name", Registry().tasks)
def test_every_task_says_all_that_a_reader_needs(name):
    told = facts(Registry(), name)
    assert all(told[key] for key in ("title", "summary", "kind", "metric", "protocol", "source", "licence", "citation"))
    assert told["input_size"] >= 1
    assert told["output_size"] >= 1
    assert all(option["default"] is not None for option in told["variants"].values())
    assert all(d["size"] > 0 and d["licence"] for d in told["data_sets"])


def test_a_variant_may_have_a_protocol_of_its_own():
    plain, own = facts(Registry(), "bidmc-hr"), facts(Registry(), "bidmc-hr[source=recordings]")
    assert "leaks" in plain["protocol"], "windows of one patient are in all parts, and the page says so"
    assert "by patient" in own["protocol"]


@pytest.mark.skipif(not SCRIPT.is_file(), reason="docs/ is not beside tests/: this is no checkout of the project")
def test_files_that_the_pages_name_are_there():
    root = SCRIPT.parents[1]
    for page in (*root.glob("docs/*.md"), root / "README.md"):
        named = re.findall(
            r"`((?:harness|architectures|tasks|reports|docs)/[\w/-]+\.\w+)`", page.read_text(encoding="utf-8")
        )
        assert [name for name in named if not (root / name).is_file()] == [], page.name


def test_a_wrong_variant_is_one_sentence():
    with pytest.raises(UserError, match="task bidmc-hr: source = 'x' is refused"):
        facts(Registry(), "bidmc-hr[source=x]")
