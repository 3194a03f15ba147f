"""What comes in: columns, types, values that are not known."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from reports import Frames

from .fakes import run, runs, store


def test_a_frame_that_lacks_a_column_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^the frame 'runs' of a report lacks the column 'recipe_hash'$"):
        Frames(runs(run()).drop(columns="recipe_hash"))
    with pytest.raises(ValueError, match=r"^the frame 'curves' of a report lacks the column 'step'$"):
        Frames(runs(run()), store().curves.drop(columns="step"))


def test_empty_frames_need_no_columns() -> None:
    empty = Frames(pd.DataFrame())
    assert (empty.records(), empty.traces(), empty.entries("tasks")) == ([], {}, [])


@pytest.mark.parametrize("unknown", [None, np.nan, pd.NA, pd.NaT, float("inf"), 1e150, "not a number"])
def test_a_number_that_is_not_known_or_not_finite_is_none(unknown: object) -> None:
    (record,) = Frames(runs(run(test=unknown, parameters=unknown, train_limit=unknown))).records()
    assert (record.test, record.parameters, record.train_limit) == (None, None, None)


def test_a_number_too_small_to_be_told_from_zero_is_zero() -> None:
    (record,) = Frames(runs(run(test=-1e-300, valid=1e-99))).records()
    assert (record.test, record.valid) == (0.0, 1e-99)


@pytest.mark.parametrize("unknown", [None, np.nan, pd.NA])
def test_a_text_that_is_not_known_is_empty(unknown: object) -> None:
    (record,) = Frames(runs(run(reason=unknown, version=unknown))).records()
    assert (record.reason, record.version) == ("", "")


def test_a_text_keeps_no_control_characters_and_no_half_surrogates() -> None:
    (record,) = Frames(runs(run(reason="a\x00b\x1b[31m\ud800 c\nd"))).records()
    assert record.reason == "a�b�[31m� c\nd"


def test_seeds_are_exact_also_beyond_the_precision_of_a_float() -> None:
    first, second = Frames(runs(run(seed=2**63), run(seed=2**63 + 1))).records()
    assert (first.seed, second.seed) == (2**63, 2**63 + 1)


def test_trials_of_a_study_are_left_out() -> None:
    frame = runs(run(test=0.5), run(test=None, valid=1.0), run(test=None)).assign(trial=[np.nan, 0.0, 7.0])
    (record,) = Frames(frame).records()
    assert (record.test, record.trial) == (0.5, None)
    assert len(Frames(frame.drop(columns="trial")).records()) == 3, "a frame of before says nothing of trials"


def test_types_survive_the_ways_of_pandas() -> None:
    # A column with a missing value turns whole numbers into floats and truth values into objects.
    frame = runs(run(parameters=10, higher_is_better=True), run(parameters=None, higher_is_better=False))
    first, second = Frames(frame.astype({"higher_is_better": "int64"})).records()
    assert (first.parameters, second.parameters) == (10, None)
    assert isinstance(first.parameters, int)
    assert (first.higher_is_better, second.higher_is_better) == (True, False)


def test_curves_come_in_the_order_of_their_steps() -> None:
    shuffled = store().curves.sample(frac=1, random_state=1)
    for trace in Frames(runs(run()), shuffled).traces().values():
        assert list(trace.step) == sorted(trace.step)
        assert list(trace.seconds) == sorted(trace.seconds)


def test_points_in_any_order_of_rows_make_the_same_curves_also_where_a_step_has_two() -> None:
    curve = store().curves
    twice = pd.concat([curve, curve.assign(valid=curve["valid"] / 2)])
    for frame in (curve, twice):
        first = Frames(runs(run()), frame).traces()
        again = Frames(runs(run()), frame.sample(frac=1, random_state=3)).traces()
        assert list(first) == list(again)
        for name, trace in first.items():
            for column in ("step", "seconds", "valid", "epoch", "train_loss", "valid_loss"):
                np.testing.assert_array_equal(getattr(trace, column), getattr(again[name], column))


def test_frames_for_another_process_say_the_same_and_ids_that_no_file_can_hold_stay_apart() -> None:
    frame = pd.concat([store().curves.assign(run=name) for name in ("a\ud800", "b\ud800", "c", None)])
    whole = Frames(runs(run()), frame)
    light = pickle.loads(pickle.dumps(whole.lighter()))
    assert isinstance(light.curves["run"].dtype, pd.CategoricalDtype)
    first, again = whole.traces(), light.traces()
    assert list(first) == list(again) == ["", "a\N{REPLACEMENT CHARACTER}", "b\N{REPLACEMENT CHARACTER}", "c"]
    for name, trace in first.items():
        np.testing.assert_array_equal(trace.valid, again[name].valid)
    assert Frames(runs(run())).lighter().curves.empty


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import reports, sys; print(sorted({'pandas', 'numpy', 'scipy', 'matplotlib', 'jinja2'} & sys.modules.keys()))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
