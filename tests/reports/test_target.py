"""Time to target: the values that are asked for, and what counts as reached."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from reports import Frames
from reports.ranking.target import Reached, Targets, ladder, targets
from reports.report import Report

from . import fakes
from .fakes import run, store


def found(*seeds: tuple[dict[str, Any], list[float]]) -> Targets | None:
    """Of runs with the values of their curves, one a second; a run with no values has no curve."""
    rows = [run(seed=number, **{"run": f"r{number}"} | changed) for number, (changed, _) in enumerate(seeds)]
    curves = [fakes.curve(f"r{number}", values, seconds=1.0) for number, (_, values) in enumerate(seeds) if values]
    report = Report(Frames(fakes.runs(*rows), pd.concat(curves) if curves else pd.DataFrame()))
    return targets(report.rankings[0], report.traces)


RISING = [0.1, 0.5, 0.8, 0.9, 0.95, 0.98]


def test_targets_are_round_and_lie_between_the_first_value_and_the_best() -> None:
    # From 0.1 to 0.98 the shares 50, 75, 90 and 95 % are 0.54, 0.76, 0.892 and 0.936.
    assert ladder(0.1, 0.98, "accuracy") == (0.5, 0.8, 0.9, 0.95)
    assert ladder(0.90, 0.98, "accuracy") == (0.95, 0.96, 0.97, 0.975)
    assert ladder(10.0, 2.0, "rmse") == (5.0, 4.0, 3.0, 2.5)


def test_errors_over_decades_are_asked_for_by_powers_of_ten() -> None:
    # Shares of the way in logarithms from 0.17 to 5e-4: 9.2e-3, 2.1e-3, 9.0e-4 and 6.7e-4.
    assert ladder(0.17, 5e-4, "mse") == (0.01, 0.002, 0.001, 7e-4)


@pytest.mark.parametrize(("start", "best"), [(0.0, 1.0), (0.1, 0.1001), (-3.0, 1e99), (1e-99, 1e99), (5.0, 5.0 - 1e-9)])
@pytest.mark.parametrize("metric", ["accuracy", "mse"])
def test_every_target_is_easier_than_the_best_and_harder_than_the_start(start: float, best: float, metric: str) -> None:
    for low, high in ((start, best), (best, start)):
        values = ladder(low, high, metric)
        assert all(min(low, high) < value < max(low, high) for value in values)
        assert list(values) == sorted(values, reverse=low > high)


def test_the_median_over_seeds_of_the_first_evaluation_that_reaches_it() -> None:
    table = found(({}, RISING), ({}, [0.1, 0.1, 0.6, 0.98, 0.2, 0.2]), ({}, [0.1, 0.1, 0.1, 0.1, 0.1, 0.98]))
    assert table is not None
    assert table.values == (0.5, 0.8, 0.9, 0.95)
    ((_, reached),) = table.lines
    # Reached after 2, 3 and 6 seconds; after 3, 4 and 6; after 4, 4 and 6; after 5, 4 and 6.
    assert [one.seconds for one in reached] == [3.0, 4.0, 4.0, 5.0]
    assert {(one.count, one.n) for one in reached} == {(3, 3)}


def test_a_value_that_is_just_reached_counts() -> None:
    table = found(({}, [0.0, 0.5, 0.75, 1.0]))
    assert table is not None
    assert table.values[0] == 0.5
    assert table.lines[0][1][0] == Reached(1, 1, 2.0)


def test_seeds_that_never_reach_it_count_and_half_of_them_leave_no_median() -> None:
    never = [0.1, 0.2, 0.3, 0.3, 0.3, 0.3]
    better = {"arch": "gru"}
    table = found((better, RISING), ({}, RISING), ({}, never), ({"state": "failed"}, never), ({}, RISING), ({}, RISING))
    assert table is not None
    lines = {row.arch: reached for row, reached in table.lines}
    assert lines["lstm"][0] == Reached(5, 3, 2.0)
    table = found((better, RISING), ({}, RISING), ({}, never), ({"state": "failed"}, never), ({}, RISING))
    assert table is not None
    lines = {row.arch: reached for row, reached in table.lines}
    assert lines["lstm"][0] == Reached(4, 2, None)


def test_lower_is_reached_from_above() -> None:
    low = {"metric": "rmse", "higher_is_better": False}
    table = found((low, [10.0, 6.0, 5.0, 3.5, 2.0]))
    assert table is not None
    assert [(value, one.seconds) for value, one in zip(table.values, table.lines[0][1], strict=True)] == [
        (5.0, 3.0),
        (4.0, 4.0),
        (3.0, 5.0),
        (2.5, 5.0),
    ]


def test_runs_that_may_still_reach_it_are_not_counted_and_curves_that_lack_are_told() -> None:
    table = found(({}, RISING), ({"state": "running"}, [0.1]), ({"state": "interrupted"}, RISING), ({}, []))
    assert table is not None
    assert table.lines[0][1][0].n == 1
    assert table.left_out == 1


def test_a_row_that_only_failed_is_told_and_never_the_shortest() -> None:
    table = found(({}, RISING), ({"arch": "gru", "state": "failed"}, [0.98]))
    assert table is not None
    assert [row.arch for row, _ in table.lines] == ["lstm", "gru"]
    assert table.lines[1][1][0] == Reached(1, 1, 1.0)
    assert table.best(0) == 2.0


def test_without_a_way_there_are_no_targets() -> None:
    assert found(({}, [0.5, 0.5])) is None
    assert found(({}, [0.5, math.nan])) is None
    assert found(({}, [])) is None
    assert found(({"state": "failed"}, RISING)) is None
    worse = {"metric": "rmse", "higher_is_better": False}
    assert found((worse, [1.0, 1.0])) is None


def test_every_ranking_of_a_store_has_a_first_target_that_its_best_row_reaches() -> None:
    report = Report(store())
    for ranking in report.rankings:
        table = targets(ranking, report.traces)
        assert table is not None
        assert any(line[0].count for row, line in table.lines if row.rank == 1)
