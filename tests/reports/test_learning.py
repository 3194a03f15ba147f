"""The figure of learning curves: identical bytes, colours of the page only, text that stays text."""

from __future__ import annotations

import re

import matplotlib as mpl
import pytest

from reports import Frames
from reports.figures.drawing import Drawing
from reports.figures.learning import MOST_CURVES, learning_curves
from reports.figures.scales import apart
from reports.report import Report

from .fakes import many, store
from .parsing import parsed


def figure(task: str = "psmnist", frames: Frames | None = None) -> Drawing:
    report = Report(frames or store())
    (ranking,) = [ranking for ranking in report.rankings if ranking.task == task]
    found = learning_curves(ranking, report.traces, report.numbers)
    assert found is not None
    return found


def drawn(one: Drawing) -> list[str]:
    return [*one.svgs(), *(key.sample for key in one.keys)]


def test_a_figure_is_the_same_twice_and_ignores_a_persons_matplotlibrc() -> None:
    first = drawn(figure())
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path", "lines.linewidth": 9}):
        assert drawn(figure()) == first
    assert (mpl.rcParams["svg.hashsalt"], mpl.rcParams["axes.spines.top"]) == (None, True)


def test_a_figure_uses_the_colours_and_the_font_of_the_page() -> None:
    for drawing in drawn(figure()):
        assert not re.search(r"#[0-9a-f]{3,8}\b(?!-)", re.sub(r'(url\(|href=")#[^")]*', "", drawing))
        assert "font-family" not in drawing
        assert "DejaVu" not in drawing
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", "".join(figure().svgs())))
    assert used == {"rule", *(f"series-{number}" for number in range(1, 5))}


def test_text_stays_text() -> None:
    steps, seconds = (parsed(panel) for panel in figure().svgs())
    assert [text.text for text in steps.all("text")][-1] == "Validation accuracy, %"
    assert "Steps" in [text.text for text in steps.all("text")]
    assert "Training time in hours" in [text.text for text in seconds.all("text")]
    (svg,) = steps.all("svg")
    assert svg.get("role") == "img"
    assert svg.get("aria_label") == "Line chart: validation accuracy against steps, one line a row of the ranking"


def test_identifiers_stand_on_a_page_once() -> None:
    text = "".join(part for task in ("psmnist", "psdigits", "adding[length=500]") for part in drawn(figure(task)))
    identifiers = re.findall(r' id="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers)) > 0
    assert set(re.findall(r"(?:url\(|href=\")#([^\")]+)", text)) <= set(identifiers)


def test_both_panels_have_the_same_scale_of_values() -> None:
    ticks = [{text.text for text in parsed(panel).all("text") if text.text.isdigit()} for panel in figure().svgs()]
    assert {"20", "40", "60", "80"} <= ticks[0]
    assert {"20", "40", "60", "80"} <= ticks[1]


def test_errors_over_decades_get_a_logarithmic_axis() -> None:
    (panel, _) = figure("adding[length=500]").svgs()
    assert {"0.1", "0.01", "0.001"} <= {text.text for text in parsed(panel).all("text")}


@pytest.mark.parametrize(("rows", "most"), [(3, 60), (12, 30)])
def test_with_many_rows_the_table_behind_the_figure_has_fewer_points_of_each(rows: int, most: int) -> None:
    lines = figure("task-00", many(rows, 1, rows, epochs=60)).lines
    of_one = [line for line in lines if line.cells[0] == "Cell 1" and line.cells[2] == "steps"]
    assert len(of_one) == min(most, 48)  # the curve itself has no more
    assert [line.cells[3] for line in (of_one[0], of_one[-1])] == ["40", "2,400"]


def test_of_very_many_rows_the_best_are_drawn_and_the_others_told() -> None:
    found = figure("task-00", many(40, 1, 40))
    assert len(found.keys) == MOST_CURVES
    assert found.notes == ("The 12 best rows are drawn, and 28 more have curves.",)
    assert figure("task-00", many(12, 1, 12)).notes == ()


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["standard", "standard"], ["", ""]),
        (["standard", "tuned"], ["standard", "tuned"]),
        (["standard, epochs=3", "standard, epochs=3, lr=0.1"], ["", "lr=0.1"]),
        (
            ["standard, hidden_size=66 (10k parameters)", "tuned"],
            ["standard, hidden_size=66 (10k parameters)", "tuned"],
        ),
        ([], []),
    ],
)
def test_a_legend_leaves_out_what_all_its_recipes_share(names: list[str], told: list[str]) -> None:
    assert apart(names) == told
