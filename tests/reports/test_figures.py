"""The figures: identical bytes, colours of the page only, and curves that colour-blind readers can tell apart."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

import reports
from reports.figures import SERIES, LearningCurves, Series, learning_curves
from reports.leaderboard import rankings

from .fakes import store
from .parsing import parsed

STYLE = (Path(reports.__file__).parent / "static" / "page.css").read_text()
LIGHT, DARK = STYLE.split("prefers-color-scheme: dark")


def figure(task: str = "psmnist") -> LearningCurves:
    frames = store()
    numbers = {name: number for number, name in enumerate(sorted(frames.architectures["name"]))}
    (ranking,) = [ranking for ranking in rankings(frames.records()) if ranking.task == task]
    found = learning_curves(ranking, frames.traces(), numbers)
    assert found is not None
    return found


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
    styles = [Series(architecture, recipe).style for architecture in range(40) for recipe in range(4)]
    assert len({repr(style) for style in styles}) == len(styles)


def test_a_figure_is_the_same_twice_and_ignores_a_persons_matplotlibrc() -> None:
    first = figure()
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path", "lines.linewidth": 9}):
        assert figure() == first
    assert (mpl.rcParams["svg.hashsalt"], mpl.rcParams["axes.spines.top"]) == (None, True)


def test_a_figure_uses_the_colours_and_the_font_of_the_page() -> None:
    for drawing in (*figure().panels, *figure().keys):
        assert not re.search(r"#[0-9a-f]{3,8}\b(?!-)", re.sub(r'(url\(|href=")#[^")]*', "", drawing))
        assert "font-family" not in drawing
        assert "DejaVu" not in drawing
    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", "".join(figure().panels))) == {
        "rule",
        *(f"series-{number}" for number in range(1, 5)),
    }


def test_text_stays_text() -> None:
    steps, seconds = (parsed(panel) for panel in figure().panels)
    assert [text.text for text in steps.all("text")][-1] == "Validation accuracy, %"
    assert "Steps" in [text.text for text in steps.all("text")]
    assert "Training time in hours" in [text.text for text in seconds.all("text")]
    (svg,) = steps.all("svg")
    assert svg.get("role") == "img"
    assert svg.get("aria_label") == "Line chart: validation accuracy against steps, one line a row of the ranking"


def test_identifiers_stand_on_a_page_once() -> None:
    drawings = [figure(task) for task in ("psmnist", "psdigits", "adding[length=500]")]
    text = "".join(drawing for one in drawings for drawing in (*one.panels, *one.keys))
    identifiers = re.findall(r' id="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers)) > 0
    assert set(re.findall(r"(?:url\(|href=\")#([^\")]+)", text)) <= set(identifiers)


def test_both_panels_have_the_same_scale_of_values() -> None:
    ticks = [{text.text for text in parsed(panel).all("text") if text.text.isdigit()} for panel in figure().panels]
    assert {"20", "40", "60", "80"} <= ticks[0]
    assert {"20", "40", "60", "80"} <= ticks[1]


def test_errors_over_decades_get_a_logarithmic_axis() -> None:
    (panel, _) = figure("adding[length=500]").panels
    assert {"0.1", "0.01", "0.001"} <= {text.text for text in parsed(panel).all("text")}
