"""Tuning curves as a figure, and the table of studies."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports import Frames
from reports.figures.drawing import Drawing
from reports.figures.tuning import tuning_curves
from reports.ranking.studies import settings, tally
from reports.report import Report, Study

from .fakes import full
from .parsing import parsed


def studies(*trials: dict[str, Any]) -> list[Study]:
    usual = {
        "study": "s",
        "arch": "gru",
        "task": "t",
        "metric": "accuracy",
        "higher_is_better": True,
        "state": "complete",
    }
    usual |= {"value": 0.5, "best_seen": np.nan, "epochs": 3, "seconds": 2.0, "parameters": 7, "values": "{}"}
    rows = [usual | {"trial": number} | trial for number, trial in enumerate(trials)]
    return Report(Frames(pd.DataFrame(), trials=pd.DataFrame(rows))).studies


def figure(found: list[Study]) -> Drawing | None:
    return tuning_curves("tuning-1", found, {"gru": 0, "lstm": 1, "cornn": 2, "unicornn": 3}, str.upper)


def test_the_curve_of_three_trials() -> None:
    # Of 0.2, 0.4 and 0.9: one trial is 0.5 in the mean, the best of two (0.4 + 0.9 + 0.9) / 3, of three 0.9.
    found = figure(studies(*({"value": value} for value in (0.4, 0.9, 0.2))))
    assert found is not None
    assert [line.cells for line in found.lines] == [
        ("GRU", "s", "1", "50.00", "20.00", "90.00"),
        ("GRU", "s", "2", "73.33", "40.00", "90.00"),
        ("GRU", "s", "3", "90.00", "90.00", "90.00"),
    ]
    assert [line.at[0] for line in found.lines] == [(1.0, 50.0), pytest.approx((2.0, 73.3333333)), (3.0, 90.0)]


def test_trials_that_were_ended_early_or_failed_cost_a_share_of_the_budget() -> None:
    pruned = {"state": "pruned", "value": np.nan, "best_seen": 0.3}
    failed = {"state": "failed", "value": np.nan}
    running = {"state": "running", "value": np.nan}
    found = figure(studies({"value": 0.9}, pruned, failed, running))
    assert found is not None
    assert [line.cells[2:4] for line in found.lines] == [("1", "50.00"), ("2", "70.00"), ("3", "90.00")]


def test_without_a_score_there_is_no_curve() -> None:
    assert figure([]) is None
    assert figure(studies({"state": "failed", "value": np.nan}, {"state": "running"})) is None


def test_a_line_a_study_with_a_legend_and_the_same_bytes() -> None:
    frames = full()
    found = figure(Report(frames).studies)
    turned = figure(Report(replace(frames, trials=frames.trials.iloc[::-1])).studies)
    assert found is not None
    assert turned is not None
    assert [(key.title, key.detail) for key in found.keys] == [
        ("CORNN", "cornn-psdigits"),
        ("UNICORNN", "unicornn-psdigits"),
    ]
    assert found.svgs() == turned.svgs()
    assert found.lines == turned.lines
    assert max(int(line.cells[2]) for line in found.lines) == 30
    (svg,) = parsed(found.svgs()[0]).all("svg")
    assert svg.get("aria_label") == "Line chart: expected best validation accuracy against trials, one line a study"


def test_what_a_study_amounts_to() -> None:
    (study,) = studies(
        {"value": 0.4},
        {"value": 0.9, "values": json.dumps({"lr": 0.0123456, "batch_size": 32, "bias": False, "kind": "a\nb"})},
        {"state": "pruned", "value": np.nan, "best_seen": 0.99, "seconds": 0.5},
        {"state": "failed", "value": np.nan, "seconds": None},
        {"state": "waiting", "value": np.nan, "seconds": None},
        {"state": "odd", "value": 0.95},
    )
    found = tally(study)
    assert found.states == (("complete", 2), ("pruned", 1), ("failed", 1), ("waiting", 1), ("odd", 1))
    assert found.best is not None
    assert (found.best.trial, found.best.value) == (1, 0.9)
    assert found.settings == ("lr = 0.0123", "batch_size = 32", "bias = false", "kind = a b")
    assert (found.seconds, found.untimed) == (6.5, 1)


def test_the_best_of_an_error_is_the_lowest() -> None:
    low = {"metric": "rmse", "higher_is_better": False}
    (study,) = studies({"value": 0.4} | low, {"value": 0.2} | low)
    found = tally(study)
    assert found.best is not None
    assert found.best.value == 0.2


@pytest.mark.parametrize("text", ["<b>", "[1, 2]", "3", "[" * 100_000, '"x"'])
def test_settings_that_are_no_object_stay_as_they_are(text: str) -> None:
    assert settings(text) == (text,)
    assert settings("") == ()


def test_of_hundreds_of_trials_the_curve_has_fewer_points_and_both_ends() -> None:
    found = figure(studies(*({"value": number / 600} for number in range(600))))
    assert found is not None
    (svg,) = found.svgs()
    assert len(svg) < 20_000
    assert [line.cells[2] for line in found.lines][:2] == ["1", "2"]
    assert found.lines[-1].cells[2:4] == ("600", "99.83")
