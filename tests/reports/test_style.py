"""The colours and lines of all figures: those of the page only, and told apart by colour-blind readers."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import reports
from reports.figures.style import PAPER, SCREEN, SERIES, Series

STYLE = (Path(reports.__file__).parent / "static" / "base.css").read_text(encoding="utf-8")
LIGHT, DARK = STYLE.split("prefers-color-scheme: dark")


def colours(style: str) -> dict[str, tuple[int, int, int]]:
    found = {}
    for name, value in re.findall(r"--([a-z0-9-]+): #([0-9a-f]{6});", style):
        found.setdefault(name, tuple(bytes.fromhex(value)))
    return found


def linear(colour: tuple[int, int, int]) -> np.ndarray:
    share = np.array(colour) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(first: tuple[int, int, int], second: tuple[int, int, int]) -> float:
    """Contrast ratio of WCAG 2.2: (lighter + 0.05) / (darker + 0.05) of the relative luminances."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    dark, light = sorted(float(weights @ linear(colour)) for colour in (first, second))
    return (light + 0.05) / (dark + 0.05)


def oklab(colour: np.ndarray) -> np.ndarray:
    """Ottosson's perceptual space Oklab, from linear RGB."""
    to_cones = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    to_lab = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    return np.array(to_lab) @ np.cbrt(np.clip(np.array(to_cones) @ colour, 0, None))


# Machado, Oliveira and Fernandes (2009), severity 1, applied to linear RGB.
SIGHT = {
    "usual": np.eye(3),
    "protanopia": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deuteranopia": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritanopia": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("sight", SIGHT)
def test_colours_can_be_told_apart_by_everybody(scheme: str, sight: str) -> None:
    # A distance of 0.02 in Oklab is just seen between large fields; thin lines on a page need several times as much.
    found = colours(scheme)
    seen = [oklab(SIGHT[sight] @ linear(found[f"series-{number}"])) for number in range(1, SERIES + 1)]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen[:4], 2)) > 0.15
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > 0.08


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_paper(scheme: str) -> None:
    found = colours(scheme)
    for name in ("ink", "soft", "link", "warn"):  # text: 4.5 : 1, also on the tint of a row under the pointer
        assert contrast(found[name], found["paper"]) >= 4.5
        assert contrast(found[name], found["tint"]) >= 4.5
    for number in range(1, SERIES + 1):  # lines: 3 : 1
        assert contrast(found[f"series-{number}"], found["paper"]) >= 3


def test_no_two_of_the_first_rows_are_drawn_alike() -> None:
    styles = [Series(architecture, recipe).style(SCREEN) for architecture in range(40) for recipe in range(4)]
    assert len({repr(style) for style in styles}) == len(styles)


def test_paper_has_the_series_of_the_light_scheme() -> None:
    found = colours(LIGHT)
    assert [bytes(found[f"series-{number}"]).hex() for number in range(1, SERIES + 1)] == [c[1:] for c in PAPER.series]
