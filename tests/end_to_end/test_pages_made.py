"""The pages of docs/ that scripts write are what the scripts write."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script of docs/, loaded."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # where data classes look for it
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not DOCS.is_dir(), reason="docs/ is not beside tests/: this is no checkout of the project")
@pytest.mark.parametrize("name", ["make_verbs", "make_data"])
def test_a_page_is_up_to_date(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = script(name, monkeypatch)
    assert module.FILE.read_text(encoding="utf-8") == module.text(), f"run python docs/{name}.py"
