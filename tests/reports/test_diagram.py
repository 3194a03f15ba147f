"""The critical difference diagram: aeon's, in our colours, with our names, leaving nothing behind."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

from reports.figures.diagram import critical_difference
from reports.figures.drawing import Drawing
from reports.ranking.leaderboard import rankings
from reports.ranking.standing import standing

from .fakes import frames, hostile_texts
from .test_standing import SIX, scores


def drawn(table: dict[str, list[float]], titles: dict[str, str] | None = None) -> Drawing | None:
    found = standing(rankings(frames(*scores(table)).records()))
    names = titles or {arch: arch.upper() for arch in "abcdef"}
    return critical_difference(found, names, {arch: number for number, arch in enumerate("abcdef")})


def test_it_has_the_page_s_colours_and_no_others() -> None:
    drawing = drawn(SIX)
    assert drawing is not None
    (svg,) = drawing.svgs()
    assert not re.search(r"#[0-9a-fA-F]{3,6}\b(?!\))", re.sub(r'"#[^"]*"|url\(#[^)]*\)', "", svg))
    assert {f"var(--series-{number})" in svg for number in (1, 2, 3)} == {True}
    assert "currentColor" in svg
    texts = re.findall(r"<text[^>]*>([^<]*)", svg)
    assert texts == ["1", "2", "3", "1.00", "A", "2.00", "B", "3.00", "C"]


def test_its_bars_are_those_of_the_tests() -> None:
    equal = {f"t{number}": [0.9, 0.5 + (-1) ** number / 100, 0.5] for number in range(9)}
    drawing = drawn(equal)
    assert drawing is not None
    assert [line.cells for line in drawing.lines] == [
        ("A", "1.00", "none"),
        ("B", "2.44", "1"),
        ("C", "2.56", "1"),
    ]
    (svg,) = drawing.svgs()
    assert svg.count("stroke-width: 4") == 1


def test_the_same_standing_gives_the_same_bytes_and_leaves_no_figure_open() -> None:
    before = plt.get_fignums(), dict(mpl.rcParams)
    first, second = drawn(SIX), drawn(SIX)
    assert first is not None
    assert second is not None
    assert first.svgs() == second.svgs()
    assert (plt.get_fignums(), dict(mpl.rcParams)) == before


def test_there_is_none_without_three_architectures_or_two_rankings() -> None:
    assert drawn({"one": [0.5, 0.6], "two": [0.5, 0.7]}) is None
    assert drawn({"one": [0.5, 0.6, 0.7]}) is None


def test_names_of_any_kind_are_drawn_as_they_are() -> None:
    for text in [*hostile_texts(), ""]:
        name = text.translate({0: "�", 27: "�", 0xD800: "�"})
        drawing = drawn(SIX, {"a": name, "b": name, "c": "C"})
        assert drawing is not None
        (svg,) = drawing.svgs()
        assert "<script" not in svg
        assert "<img" not in svg
        assert len(svg) < 8_000


def test_it_can_be_saved_for_a_paper(tmp_path: Path) -> None:
    drawing = drawn(SIX)
    assert drawing is not None
    for name in ("a.pdf", "b.pdf"):
        drawing.panels[0].save(tmp_path / name)
    assert (tmp_path / "a.pdf").read_bytes()[:5] == b"%PDF-"
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
