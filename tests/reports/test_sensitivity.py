"""Trials against what was drawn for them: scales, markers, what is left out, and values that nobody should trust."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports.figures.drawing import Drawing
from reports.figures.sampled import values
from reports.figures.sensitivity import MOST_PANELS, sensitivity
from reports.pages import architecture
from reports.records import Trial
from reports.report import Report, Study

from .fakes import frames, full, hostile, hostile_texts, run
from .parsing import parsed

TRIAL: dict[str, Any] = {
    "study": "s",
    "arch": "lstm",
    "task": "psdigits",
    "metric": "accuracy",
    "higher_is_better": True,
    "state": "complete",
    "value": 0.5,
    "best_seen": np.nan,
    "epochs": 3,
    "seconds": 1.0,
    "parameters": 10,
}


def study(*trials: dict[str, Any], shares: dict[str, float] | None = None) -> Study:
    rows = [TRIAL | {"trial": number} | trial | {"values": _json(trial)} for number, trial in enumerate(trials)]
    importance = [{"study": "s", "key": key, "share": share} for key, share in (shares or {}).items()]
    (found,) = Report(replace(frames(), trials=pd.DataFrame(rows), importance=pd.DataFrame(importance))).studies
    return found


def _json(trial: dict[str, Any]) -> str:
    return trial["values"] if isinstance(trial["values"], str) else json.dumps(trial["values"])


def drawn(of: Study) -> Drawing:
    found = sensitivity(of, {"lstm": 1}, "figure")
    assert found is not None
    return found


def scales(drawing: Drawing) -> list[str]:
    return [json.loads(parsed(svg).children[0].get("data_plot") or "")[2][0] for svg in drawing.svgs()]


def test_hyper_parameters_stand_in_the_order_of_their_importance() -> None:
    trials = [{"values": {"a": number, "b": number, "c": number}, "value": number / 10} for number in range(4)]
    of = study(*trials, shares={"c": 0.7, "b": 0.2})
    assert [column.title for column in drawn(of).columns] == [
        *("Trial", "State", "Validation accuracy, %", "c", "b", "a"),
    ]


def test_no_more_than_the_most_important_ones_are_drawn() -> None:
    names = [f"p{number}" for number in range(9)]
    of = study(*({"values": dict.fromkeys(names, each)} for each in (1, 2)), shares={"p7": 0.9})
    assert len(drawn(of).panels) == MOST_PANELS
    assert drawn(of).columns[3].title == "p7"


def test_scales_follow_the_span_and_the_name() -> None:
    of = study(
        {"values": {"wide": 0.001, "narrow": 1.0, "lr": 0.01, "below": -1.0, "cell": "a"}},
        {"values": {"wide": 0.5, "narrow": 2.0, "lr": 0.02, "below": 100.0, "cell": "b"}},
        shares={"wide": 0.5, "narrow": 0.4, "lr": 0.3, "below": 0.2, "cell": 0.1},
    )
    assert scales(drawn(of)) == ["log", "linear", "log", "linear", "linear"]


def test_names_stand_at_places_of_their_own() -> None:
    of = study(
        {"values": {"cell": "tanh", "flag": True}, "value": 0.25},
        {"values": {"cell": "relu", "flag": False}, "value": 0.5},
    )
    drawing = drawn(of)
    # In alphabetical order: relu, tanh; false, true.
    assert [line.at for line in drawing.lines] == [((1.0, 25.0), (1.0, 25.0)), ((0.0, 50.0), (0.0, 50.0))]
    texts = [text.text for text in parsed(drawing.svgs()[0]).all("text")]
    assert texts[:2] == ["relu", "tanh"]


def test_complete_and_ended_trials_are_told_apart_and_others_left_out() -> None:
    of = study(
        {"values": {"a": 1}, "value": 0.9},
        {"values": {"a": 2}, "value": 0.8},
        {"values": {"a": 3}, "state": "pruned", "value": np.nan, "best_seen": 0.3},
        {"values": {"a": 4}, "state": "failed", "value": np.nan},
        {"values": {"a": 5}, "state": "running", "value": np.nan, "best_seen": 0.4},
    )
    drawing = drawn(of)
    assert [line.at for line in drawing.lines] == [((1, 90),), ((2, 80),), ((3, 30),), (None,), (None,)]
    # A triangle's outline is one path; full circles refer to one that they share.
    (svg,) = drawing.svgs()
    styles = [element.get("style") or "" for element in parsed(svg).every()]
    assert len([style for style in styles if "fill: none; stroke: var(--series-2)" in style]) == 1
    assert len([style for style in styles if "fill: var(--series-2)" in style]) >= 1
    assert "1 that was ended early stands at the best that it reached." in drawing.caption
    assert "2 without a value are not drawn." in drawing.caption


def test_small_numbers_that_read_alike_are_still_different() -> None:
    of = study({"values": {"lr": 1.1e-4}}, {"values": {"lr": 1.3e-4}})
    assert scales(drawn(of)) == ["log"]


def test_what_was_never_varied_is_not_drawn() -> None:
    assert sensitivity(study({"values": {"a": 1}}, {"values": {"a": 1}}), {}, "figure") is None
    assert sensitivity(study({"values": {"a": 1}}), {}, "figure") is None


def test_errors_over_decades_stand_on_a_logarithmic_scale() -> None:
    changed = {"metric": "mse", "higher_is_better": False}
    of = study({"values": {"a": 1}, "value": 1e-4, **changed}, {"values": {"a": 2}, "value": 0.1, **changed})
    (svg,) = drawn(of).svgs()
    assert json.loads(parsed(svg).children[0].get("data_plot") or "")[2] == ["linear", "log"]
    assert "lower is better" in drawn(of).caption


@pytest.mark.parametrize(
    "text",
    ["", "[1]", "{", "null", '{"a": 1e999}', '{"a": [[1]]}', '{"a": null}', '{"a": "\\u0000\\ud800"}', "1" * 9000],
)
def test_values_that_cannot_be_read_are_text_or_nothing(text: str) -> None:
    found = values(Trial(**TRIAL, trial=0, values=text))  # type: ignore[arg-type]
    for value in found.values():
        assert isinstance(value, str)
        assert value.isprintable()


def test_hostile_names_stay_text() -> None:
    for text in hostile_texts():
        of = study({"values": {text: text}}, {"values": {text: "other"}})
        for svg in drawn(of).svgs():
            assert not parsed(svg).all("script")
            assert not parsed(svg).all("img")
    for of in Report(hostile()).studies:
        assert sensitivity(of, {}, "figure") is None


def test_the_order_of_the_trials_has_no_influence() -> None:
    first = full()
    shuffled = replace(
        first, trials=first.trials.sample(frac=1, random_state=3), importance=first.importance.iloc[::-1]
    )
    for one, other in zip(Report(first).studies, Report(shuffled).studies, strict=True):
        assert drawn(one).svgs() == drawn(other).svgs()
        assert drawn(one).lines == drawn(other).lines


def test_of_very_many_trials_the_best_and_some_others_are_told_and_how_many() -> None:
    trials = [{"values": {"a": number % 7, "b": number}, "value": number % 50 / 100} for number in range(300)]
    found = sensitivity(study(*trials), {}, "figure", panels=1, trials=60)
    assert found is not None
    values = [float(line.cells[2]) for line in found.lines]
    assert len(values) <= 60
    assert [values.count(best) for best in (49.0, 48.0, 47.0, 46.0, 45.0)] == [6] * 5
    assert min(values) < 10
    assert "Told here are 60 of 300 trials" in found.caption
    assert "Of 2 hyper-parameters the first 1 are drawn" in found.caption
    assert len(found.panels) == 1


def test_a_page_of_many_studies_has_no_more_panels_than_one_of_few() -> None:
    rows = [
        TRIAL | {"study": f"s{number}", "trial": trial, "value": trial / 9}
        | {"values": json.dumps(dict.fromkeys("abcdef", trial))}
        for number in range(12)
        for trial in range(4)
    ]  # fmt: skip
    (page,) = architecture.pages(Report(replace(frames(run(arch="lstm")), trials=pd.DataFrame(rows))))
    assert len(parsed(page.content).all("div", class_="panel")) == 12 * 2
