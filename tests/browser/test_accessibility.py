"""Every kind of page before axe, the accessibility checker: no violations, in both schemes, narrow and wide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import KINDS, Site, look

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


@pytest.fixture(scope="session")
def axe() -> str:
    package = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1600, "dark"), (1600, "light")])
@pytest.mark.parametrize("kind", KINDS)
def test_no_page_has_a_violation(browser: Any, site: Site, axe: str, kind: str, width: int, scheme: str) -> None:
    look(browser, width=width, scheme=scheme)
    browser.get(site.url(site.kinds[kind]))
    # Rows are alike, and hundreds of them take a minute: of each table the first ones are looked at.
    browser.execute_script(
        "document.querySelectorAll('details').forEach((one) => { one.open = true; });"
        "document.querySelectorAll('tbody').forEach((body) => [...body.rows].slice(20).forEach((row) => row.remove()))"
    )
    browser.execute_script(axe)
    found = browser.execute_async_script(
        "const done = arguments[1];"
        "axe.run(document, { runOnly: arguments[0], resultTypes: ['violations'] }).then("
        "(result) => done(result.violations.map((one) =>"
        " [one.id, one.help, one.nodes.slice(0, 3).map((node) => [node.html.slice(0, 160), node.failureSummary])])),"
        "(error) => done([String(error)]))",
        RULES,
    )
    assert found == []
