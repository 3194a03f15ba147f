"""Curves of single runs: every point in its place, axes that fit, the values behind them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reports import Frames
from reports.figures.curves import MOST_POINTS
from reports.figures.handmade import plot, strand
from reports.figures.trace import Course, of_run, of_seeds
from reports.records import Run

from .fakes import curve, run, runs
from .parsing import Element, parsed

BOX, EDGES, SCALES = range(3)


def frames(*curves: pd.DataFrame, **changed: object) -> Frames:
    rows = [run(run=f"r{seed}", seed=seed) | changed for seed in range(len(curves))]
    return Frames(runs(*rows), pd.concat(curves))


def seeds(of: Frames) -> Course:
    found = of_seeds(of.records(), of.traces(), 2, "name")
    assert found is not None
    return found


def one(of: Frames) -> Course:
    (only,) = of.records()
    found = of_run(only, of.traces().get(only.run), 0)
    assert found is not None
    return found


def table(course: Course) -> list[list[str]]:
    return parsed(f"<table><tbody>{course.rows}</tbody></table>").all("table")[0].rows()


def lines(svg: str) -> list[Element]:
    return [path for path in parsed(svg).all("path") if "stroke:var(--series" in (path.get("style") or "")]


def points(path: Element, span: list[list[float]]) -> list[tuple[float, float]]:
    # Back from the drawing to what is drawn.
    (left, right, bottom, top), (x0, x1, y0, y1) = span[BOX], span[EDGES]
    places = [float(number) for number in (path.get("d") or "").removeprefix("M").split()]
    if span[SCALES][1] == "log":
        y0, y1 = math.log(y0), math.log(y1)
    found = [
        (x0 + (x - left) / (right - left) * (x1 - x0), y0 + (y - bottom) / (top - bottom) * (y1 - y0))
        for x, y in zip(places[::2], places[1::2], strict=True)
    ]
    return [(x, math.exp(y) if span[SCALES][1] == "log" else y) for x, y in found]


def span(svg: str) -> list[list[float]]:
    found: list[list[float]] = json.loads(parsed(svg).children[0].get("data_plot") or "")
    return found


def test_every_seed_is_a_line_through_its_values() -> None:
    course = seeds(frames(curve("r0", [0.1, 0.5, 0.9]), curve("r1", [0.2, 0.6])))
    first, second = lines(course.svgs[0])
    # A tenth of a unit of the drawing is 0.01 epochs and 0.05 % here.
    assert np.allclose(points(first, span(course.svgs[0])), [(1, 10), (2, 50), (3, 90)], atol=0.05)
    assert np.allclose(points(second, span(course.svgs[0])), [(1, 20), (2, 60)], atol=0.05)
    assert "var(--series-3)" in (first.get("style") or "")
    assert course.heads == ("Epoch", "Seed 0", "Seed 1")
    assert table(course) == [["1", "10.00", "20.00"], ["2", "50.00", "60.00"], ["3", "90.00", "–"]]
    at = [row.get("data_at") for row in parsed(f"<table>{course.rows}</table>").all("tr")]
    assert at == ["1,15", "2,55", "3,90"]


def test_errors_over_decades_stand_on_a_logarithmic_scale() -> None:
    course = seeds(frames(curve("r0", [0.5, 0.01, 0.0002]), metric="mse", higher_is_better=False))
    assert span(course.svgs[0])[SCALES] == ["linear", "log"]
    (line,) = lines(course.svgs[0])
    assert np.allclose([y for _, y in points(line, span(course.svgs[0]))], [0.5, 0.01, 0.0002], rtol=0.005)
    assert [text.text for text in parsed(course.svgs[0]).all("text")][-1] == "Validation mean squared error"


def test_a_run_shows_its_losses_too() -> None:
    course = one(frames(curve("r0", [0.1, 0.5])))
    assert len(course.svgs) == 2
    assert course.heads == ("Epoch", "Validation accuracy, %", "Training loss", "Validation loss")
    assert table(course) == [["1", "10.00", "1.000", "1.200"], ["2", "50.00", "0.5000", "0.6000"]]
    training, validation = lines(course.svgs[1])
    assert "stroke-dasharray" in (training.get("style") or "")
    assert "stroke-dasharray" not in (validation.get("style") or "")


def test_losses_that_are_not_known_are_not_drawn() -> None:
    course = one(frames(curve("r0", [0.1, 0.5]).assign(train_loss=np.nan, valid_loss=np.inf)))
    assert len(course.svgs) == 1
    assert course.heads == ("Epoch", "Validation accuracy, %")


def test_points_that_are_not_finite_are_left_out_and_the_last_of_an_epoch_stays() -> None:
    points = curve("r0", [0.1, np.nan, 0.3, 0.4])
    course = one(frames(pd.concat([points, points[2:3].assign(step=125, valid=0.35)])))
    assert [row[:2] for row in table(course)] == [["1", "10.00"], ["3", "35.00"], ["4", "40.00"]]


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    course = seeds(frames(curve("r0", list(np.linspace(0, 1, 500))), curve("r1", list(np.linspace(0, 1, 300)))))
    rows = table(course)
    assert rows[0][0] == "1"
    assert rows[-1] == ["500", "100.00", "–"]
    assert "100.00" in [row[2] for row in rows]
    assert len(rows) == MOST_POINTS + 1
    assert "Drawn are 49 of 500 epochs." in course.caption


@pytest.mark.parametrize("values", [[0.5], [0.0, 0.0], [1e99, -1e99], [1e-99, 1e-99], [-0.3, -0.3]])
def test_curves_without_extent_and_beyond_measure_have_axes(values: list[float]) -> None:
    for metric in ("accuracy", "mse"):
        course = one(frames(curve("r0", values), metric=metric))
        assert "nan" not in course.svgs[0]
        assert "inf" not in course.svgs[0]


def test_a_run_without_a_curve_has_no_figure() -> None:
    (only,) = (row for row in frames(curve("other", [0.5])).records())
    assert of_run(only, None, 0) is None
    assert of_seeds([only], {}, 0, "name") is None
    empty = frames(curve("r0", [0.5]).assign(epoch=np.nan))
    assert of_run(only, empty.traces()["r0"], 0) is None


def test_a_metric_with_markup_stays_text() -> None:
    of = frames(curve("r0", [0.5, 0.6]), metric="</svg><script>alert(1)</script>")
    assert not parsed(one(of).svgs[0]).all("script")
    assert "<script" not in "".join(seeds(of).svgs)


def test_the_order_of_the_points_has_no_influence() -> None:
    of = frames(curve("r0", list(np.linspace(0.1, 0.9, 70))))
    shuffled = replace(of, curves=of.curves.sample(frac=1, random_state=4).iloc[:, ::-1])
    assert one(of).svgs == one(shuffled).svgs
    assert one(of).rows == one(shuffled).rows


def test_the_ticks_lie_between_the_ends_of_their_axes() -> None:
    svg = plot([strand(np.arange(1.0, 8.0), np.linspace(0.12, 0.97, 7))], 0, "accuracy", "title", "label")
    names = [float(text.text) for text in parsed(svg).all("text") if text.text[0].isdigit()]
    assert names == [20.0, 40.0, 60.0, 80.0, 100.0, 0.0, 2.0, 4.0, 6.0]


def test_a_state_that_is_not_done_is_told_in_the_legend() -> None:
    of = frames(curve("r0", [0.1]), curve("r1", [0.2]))
    records: list[Run] = [replace(each, state="failed" if each.seed else "done") for each in of.records()]
    course = of_seeds(records, of.traces(), 0, "name")
    assert course is not None
    assert [(key.title, key.detail) for key in course.keys] == [("seed 0", ""), ("seed 1", "failed")]
