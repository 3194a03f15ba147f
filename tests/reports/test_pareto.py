"""Accuracy against cost: which rows are not beaten, and what the figure says of the others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from reports.figures.drawing import Drawing
from reports.figures.pareto import MOST_ROWS, front, pareto
from reports.report import Report

from .fakes import frames, run, store
from .parsing import parsed

SIX = [(1.0, 0.5), (2.0, 0.7), (2.0, 0.6), (3.0, 0.7), (4.0, 0.9), (0.5, 0.4)]
"""By hand: (2, 0.6) and (3, 0.7) are beaten by (2, 0.7), and the others only trade cost for score."""


def figure(*rows: dict[str, Any]) -> Drawing | None:
    report = Report(frames(*rows))
    return pareto(report.rankings[0], report.numbers)


def cells(found: Drawing | None) -> list[tuple[str, ...]]:
    assert found is not None
    return [line.cells for line in found.lines]


def cheap_and_dear(**changed: Any) -> list[dict[str, Any]]:
    better = {"test": 0.9, "seconds": 90.0, "steps": 1000, "parameters": 300} | changed
    return [
        *(run(arch="a", arch_title="A", seed=seed, seconds=30.0, steps=100, test=0.8 + seed / 10) for seed in (0, 1)),
        run(arch="b", arch_title="B", **better),
        run(arch="c", arch_title="C", test=0.5, seconds=100.0, steps=100, parameters=100_000),
    ]


def test_the_front_of_a_small_example() -> None:
    assert front(SIX, higher_is_better=True) == [5, 0, 1, 4]
    # With the least score best: nothing is cheaper or lower than (0.5, 0.4).
    assert front(SIX, higher_is_better=False) == [5]
    assert front([(cost, -score) for cost, score in SIX], higher_is_better=False) == [5, 0, 1, 4]
    assert front([], higher_is_better=True) == []


def test_the_front_does_not_depend_on_the_order_and_equal_points_share_it() -> None:
    turned = SIX[::-1]
    assert [turned[place] for place in front(turned, True)] == [SIX[place] for place in front(SIX, True)]
    assert front([(1.0, 0.5), (1.0, 0.5), (1.0, 0.4)], higher_is_better=True) == [0, 1]


def test_the_table_marks_the_rows_that_are_not_beaten() -> None:
    first, second, last = cells(figure(*cheap_and_dear()))
    # One seed has no interval; that of two, 0.8 and 0.9, is 12.706 times 0.0707 / sqrt(2) on both sides.
    assert first[:8] == ("B", "standard", "90.00", "none", "1", "1 min 30 s", "300", "90.0 ms")
    assert first[8] == "time per run, parameters and time per step"
    assert second == ("A", "standard", "85.00", "± 63.53", "2", "30 s", "67,466", "300 ms", "time per run")
    assert last[-1] == "–"


def test_of_an_error_the_lowest_is_not_beaten() -> None:
    low = {"metric": "mse", "higher_is_better": False}
    rows = [run(arch="a", test=0.1, seconds=50.0, **low), run(arch="b", test=0.4, seconds=10.0, **low)]
    found = figure(*rows, run(arch="c", test=0.3, seconds=60.0, **low))
    assert [one[-1].startswith("time per run") for one in cells(found)] == [True, False, True]
    assert found is not None
    assert found.heading == "Error against cost"


def test_a_panel_whose_cost_nobody_knows_is_left_out() -> None:
    found = figure(*(row | {"steps": None} for row in cheap_and_dear()))
    assert found is not None
    assert [panel.name.rpartition("--")[2] for panel in found.panels] == ["pareto-time", "pareto-parameters"]
    unknown = {"seconds": None, "parameters": None, "steps": 0}
    assert figure(*(row | unknown for row in cheap_and_dear())) is None
    assert figure(run()) is None


def test_a_row_without_a_cost_is_told_and_stays_in_the_table() -> None:
    found = figure(*cheap_and_dear(seconds=None))
    assert found is not None
    assert found.notes == (
        "Time per run: not known for 1 row.",
        "Time per step: not known for 1 row.",
    )
    assert cells(found)[0][5:8] == ("–", "300", "–")
    assert [place is None for place in found.lines[0].at] == [True, False, True]


def test_times_of_several_machines_are_warned_of() -> None:
    found = figure(*cheap_and_dear(device="cpu: elsewhere"))
    assert found is not None
    assert found.notes[0].startswith("The runs were not all on the same machine")


def test_costs_over_a_decade_get_a_logarithmic_axis_and_others_begin_at_zero() -> None:
    found = figure(*cheap_and_dear())
    assert found is not None
    scales = [panel.svg().partition('data-plot="')[2].partition('"')[0] for panel in found.panels]
    assert ["log" in scale for scale in scales] == [False, True, True]
    assert "[0.0, " in scales[0]


def test_places_lie_inside_the_axes_in_their_units() -> None:
    report = Report(store())
    for ranking in report.rankings:
        found = pareto(ranking, report.numbers)
        assert found is not None
        for number, panel in enumerate(found.panels):
            (svg,) = parsed(panel.svg()).all("svg")
            _, span, _ = json.loads(svg.get("data_plot") or "")
            for line in found.lines:
                place = line.at[number]
                assert place is not None
                assert span[0] <= place[0] <= span[1]
                assert span[2] <= place[1] <= span[3]


def test_two_recipes_of_one_architecture_are_told_apart() -> None:
    found = figure(run(), run(recipe="published", recipe_hash="f" * 16))
    assert found is not None
    assert {key.detail for key in found.keys} == {"published", "standard, hollow"}
    svg = found.panels[0].svg()
    assert svg.count("fill-opacity: 0; stroke: var(--series-1)") == svg.count("fill: var(--series-1)") == 1


def test_the_figure_is_the_same_twice_and_in_any_order_of_runs() -> None:
    first, turned = figure(*cheap_and_dear()), figure(*cheap_and_dear()[::-1])
    assert first is not None
    assert turned is not None
    assert first.svgs() == figure(*cheap_and_dear()).svgs()  # type: ignore[union-attr]
    shuffled = store()
    report, other = Report(shuffled), Report(replace(shuffled, runs=shuffled.runs.iloc[::-1]))
    for one, same in zip(report.rankings, other.rankings, strict=True):
        drawings = pareto(one, report.numbers), pareto(same, other.numbers)
        assert drawings[0] is not None
        assert drawings[1] is not None
        assert drawings[0].svgs() == drawings[1].svgs()
        assert drawings[0].lines == drawings[1].lines


@pytest.mark.parametrize("odd", [0.0, -1.0, 5e-324, 1e99])
def test_no_cost_whatever_breaks_the_figure(odd: float) -> None:
    found = figure(*cheap_and_dear(seconds=odd, parameters=odd))
    assert found is not None
    for panel in found.svgs():
        parsed(panel)


def test_sizes_that_are_close_stand_apart_on_an_axis_of_their_own_and_equal_ones_are_no_cost() -> None:
    def span(*parameters: int) -> tuple[float, float] | None:
        rows = (run(run=str(n), arch=str(n), parameters=size, seconds=9.0 + n) for n, size in enumerate(parameters))
        found = figure(*rows)
        assert found is not None
        panels = [one for one in found.panels if one.name.endswith("parameters")]
        if not panels:
            return None
        (panel,) = panels
        low, high = json.loads(parsed(panel.svg()).children[0].get("data_plot") or "")[1][:2]
        return low, high

    assert span(20_000, 20_400) is span(20_000, 20_000) is None
    assert (span(18_000, 20_000) or (0,))[0] > 17_000
    assert (span(10_000, 20_000) or (1,))[0] == 0


def test_of_very_many_rows_the_best_and_those_that_are_not_beaten_are_drawn() -> None:
    rows = [
        run(run=str(n), arch=f"a{n}", arch_title=f"A{n}", test=0.9 - n / 1000, seconds=100.0 + n, parameters=500)
        for n in range(MOST_ROWS + 20)
    ]
    rows[-3] |= {"seconds": 1.0}
    found = figure(*rows)
    assert found is not None
    assert [line[0] for line in cells(found)] == [*(f"A{n}" for n in range(MOST_ROWS)), f"A{MOST_ROWS + 17}"]
    assert found.notes[-1].startswith("19 further rows are beaten in every cost")
