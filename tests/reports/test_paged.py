"""Large stores: which runs have a page, that no link leads to one that isn't there, that what is left out is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reports import Frames, addresses, paged, render, site
from reports.pages import pair
from reports.report import Report

from .fakes import frames, many, run
from .parsing import Element, parsed


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Frames:
    """240 runs of 4 architectures on 3 tasks, 20 seeds each, in a store that counts as large from 101 runs on."""
    monkeypatch.setattr(paged, "EVERY", 100)
    monkeypatch.setattr(paged, "MOST", 40)
    return many(4, 3, 240, epochs=3)


def trees(of: Frames, folder: Path, **how: Any) -> dict[str, Element]:
    render(of, folder, **how)
    return {str(path.relative_to(folder)): parsed(path.read_text()) for path in sorted(folder.rglob("*.html"))}


def runs_of(pages: dict[str, Element]) -> set[str]:
    return {address for address in pages if address.startswith("runs/")}


@pytest.mark.parametrize(
    ("sizes", "most", "each"),
    [([], 5, 1), ([3], 5, 3), ([9], 5, 5), ([1, 9, 9], 11, 5), ([2, 2, 2], 6, 2), ([2, 2, 2], 7, 2), ([4] * 9, 5, 1)],
)
def test_a_share_is_the_same_for_all_and_no_less_than_one(sizes: list[int], most: int, each: int) -> None:
    assert paged.share(sizes, most) == each
    assert sum(min(size, each) for size in sizes) <= max(most, len(sizes))


def test_up_to_a_number_of_runs_every_one_has_a_page(large: Frames, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paged, "EVERY", 240)
    report = Report(large)
    assert report.paged == {one.run for one in report.runs}
    assert not report.unpaged


def test_beyond_it_the_first_seeds_of_every_row_have_one_and_all_links_lead_somewhere(
    large: Frames, tmp_path: Path
) -> None:
    told: list[str] = []
    pages = trees(large, tmp_path, tell=told.append)
    report = Report(large)
    expected = {addresses.run(one) for one in report.runs if one.seed < 3}
    assert len(expected) == 36
    assert runs_of(pages) == expected
    for address, tree in pages.items():
        for link in tree.all("a"):
            target = (link.get("href") or "").partition("#")[0]
            if target and not target.startswith("https:"):
                assert (tmp_path / address).parent.joinpath(target).resolve().is_file(), (address, target)
    sentence = "Of 240 runs 36 have a page, of the rows that stand for an architecture; the other 204 are told"
    assert [text for text in told if text.startswith(sentence)] == told
    assert len(told) == 1
    assert sentence in pages["index.html"].all("footer")[0].text
    assert "report --every-run" in pages["index.html"].all("footer")[0].text


def test_the_page_of_the_pair_tells_every_run_and_which_have_no_page(large: Frames, tmp_path: Path) -> None:
    (table,) = trees(large, tmp_path)["pairs/task-01--cell-02.html"].all("table", class_="runs")
    assert [row[0].split()[:2] for row in table.rows()] == [["seed", str(seed)] for seed in range(20)]
    assert [link.text for link in table.all("a")] == ["seed 0", "seed 1", "seed 2"]
    assert "3 have a page of their own; python -m harness show RUN" in table.all("caption")[0].text
    rows = {row[0].split()[-1]: row[2] for row in table.rows()}
    known = [one for one in Report(large).runs if (one.arch, one.task) == ("cell-02", "task-01")]
    assert rows == {one.run: f"{100 * (one.test or 0):.2f}" for one in known}


def test_whoever_asks_for_every_page_gets_it(large: Frames, tmp_path: Path) -> None:
    told: list[str] = []
    pages = trees(large, tmp_path, every_run=True, tell=told.append)
    assert len(runs_of(pages)) == 240
    assert not told
    assert "Each has a page of its own." in pages["pairs/task-01--cell-02.html"].text


def test_pages_that_are_no_more_are_removed_when_the_store_has_grown(large: Frames, tmp_path: Path) -> None:
    trees(large, tmp_path, every_run=True)
    assert len(runs_of(trees(large, tmp_path))) == 36


def test_the_test_set_has_no_say_in_it_and_failed_runs_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paged, "EVERY", 0)
    monkeypatch.setattr(paged, "MOST", 2)
    rows = [
        run(run="better", recipe_hash="a" * 16, seed=5, valid=0.9, test=0.1),
        run(run="worse", recipe_hash="b" * 16, seed=0, valid=0.1, test=0.9),
        run(run="failed", recipe_hash="a" * 16, seed=0, state="failed", valid=None, test=None),
        run(run="last", recipe_hash="a" * 16, seed=7, valid=0.9, test=0.99),
        run(run="second", recipe_hash="a" * 16, seed=6, valid=0.9, test=0.0),
    ]
    assert Report(frames(*rows)).paged == {"better", "second"}


def test_a_page_of_very_many_runs_lists_some_and_says_so(large: Frames, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair, "MOST_LISTED", 12)
    monkeypatch.setattr("reports.figures.trace.MOST_SEEDS", 5)
    page = next(parsed(page.content) for page in site.pages(large) if page.address == "pairs/task-01--cell-02.html")
    (table,) = page.all("table", class_="runs")
    assert len(table.rows()) == 12
    assert "Listed are the first 12; python -m harness report --format csv" in table.all("caption")[0].text
    (figure,) = page.all("figure")
    assert len(figure.all("li")) == 5
    assert "Drawn are the first 5 of 20 runs." in figure.all("figcaption")[0].text


def test_five_thousand_runs_of_a_pair_find_room_on_its_page() -> None:
    report = Report(many(1, 1, 5_000, epochs=40))
    (page,) = pair.pages(report)
    assert len(page.content.encode()) < 1_000_000
    assert "5,000 runs" in page.content


def test_both_processes_together_make_every_kind_of_page(large: Frames) -> None:
    first, second = site._halves(large, every_run=False)
    assert sorted(first + second) == sorted(site._KINDS)
    assert first
    assert second
