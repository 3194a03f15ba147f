"""The links of the documents: every file is there, every heading too, and the index of docs/ leads to every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("results/*.md")])
checkout = pytest.mark.skipif(not (ROOT / "CONTRIBUTING.md").is_file(), reason="this is no checkout of the project")
CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def links(text: str) -> Iterator[str]:
    """The targets of the links and pictures of a page, outside code."""
    yield from re.findall(r"\]\(([^)\s]+)\)", CODE.sub("", text))


def anchors(text: str) -> set[str]:
    """The names of the headings of a page, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    plain = ("".join(letter for letter in one.lower() if letter.isalnum() or letter in " -_") for one in found)
    return {one.strip().replace(" ", "-") for one in plain}


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere in this repository."""
    wrong = []
    for link in links(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = (page.parent / path).resolve() if path else page
        is_page = target.suffix == ".md" and target.is_file()
        if not target.exists() or (anchor and is_page and anchor not in anchors(target.read_text(encoding="utf-8"))):
            wrong.append(link)
    return wrong


@checkout
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_would_be_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `heading`, here\n\n[a](gone.md) [b](#a-heading-here) [c](#elsewhere) `[d](code.md)`\n")
    assert broken(page) == ["gone.md", "#elsewhere"]


@checkout
def test_the_index_leads_to_every_page() -> None:
    index = set(links((DOCS / "README.md").read_text(encoding="utf-8")))
    assert index >= {page.name for page in DOCS.glob("*.md")} - {"README.md"}
