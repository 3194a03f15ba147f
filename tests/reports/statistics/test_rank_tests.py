"""Tests over several tasks, against the worked example of Demsar 2006 and against aeon."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from aeon.benchmarking.stats import check_friedman, wilcoxon_test
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.statistics.blocks import complete_block
from reports.statistics.pairwise import SignedRank, holm, wilcoxon
from reports.statistics.rank_tests import FEW_TASKS, Comparison, Friedman, Pair, compare, iman_davenport, task_ranks

from .examples import demsar, table


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def pair(comparison: Comparison, one: str, other: str) -> Pair:
    [found] = [pair for pair in comparison.pairs if {pair.one, pair.other} == {one, other}]
    return found


def test_mean_ranks_of_demsar() -> None:
    found = compare(demsar())
    ranks = dict(zip(found.archs, found.mean_ranks, strict=True))
    # Table 6: average ranks 3.143, 2.000, 2.893, 1.964
    printed = {"C4.5": 3.143, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}
    assert {name: round(rank, 3) for name, rank in ranks.items()} == printed


def test_friedman_of_demsar() -> None:
    # Page 12 prints 9.28 without a correction for ties, of which there are three twos and a four, so that
    # sum(t^3 - t) = 3 * 6 + 60 = 78 and the corrected value is 9.28 / (1 - 78 / (14 * (4^3 - 4))) = 9.28 / 0.90714.
    found = compare(demsar()).friedman
    assert found is not None
    assert round(found.chi2 * (1 - 78 / 840), 2) == 9.28
    # It goes on to F = 13 * 9.28 / (14 * 3 - 9.28) = 3.69
    f = iman_davenport(9.28, tasks=14, archs=4)
    assert f is not None
    assert round(f, 2) == 3.69
    assert found.f == pytest.approx(13 * found.chi2 / (42 - found.chi2), rel=1e-12)
    # The tables print 2.84 as the 5 % point of F(3, 39), and 7.81 as that of chi2(3): both are passed.
    assert found.f_p < 0.05
    assert found.p < 0.05


def test_the_p_values_of_friedman_are_those_of_the_printed_tables() -> None:
    # 7.815 is the 5 % point of chi2 with 3 degrees of freedom; in three tasks of four architectures, chi2 = 7.8 for
    # ranks 1 2 3 4, 1 2 4 3, 1 2 3 4: sums 3, 6, 10, 11, chi2 = 12 / (3 * 4 * 5) * (9 + 36 + 100 + 121) - 3 * 3 * 5
    found = compare(table({"a": (4, 3, 2, 1), "b": (4, 3, 1, 2), "c": (4, 3, 2, 1)}, "pqrs")).friedman
    assert found is not None
    assert found.chi2 == pytest.approx(8.2, rel=1e-12)
    assert found.p < 0.05
    assert found.f == pytest.approx(2 * 8.2 / (9 - 8.2), rel=1e-12)


def test_wilcoxon_of_demsar() -> None:
    # Table 2: R+ = 93 and R- = 12, where the two zeros (ranks 1 and 2, halved) are split. Leaving them out lowers the
    # ranks of the others by 2: R- holds 7 and 3.5 of them, so it is 12 - 1.5 - 2 * 2 = 6.5 of 12 * 13 / 2 = 78.
    found = pair(compare(demsar()), "C4.5", "C4.5+m")
    assert found.rank_sum == 6.5
    assert (found.one, found.wins, found.losses, found.ties) == ("C4.5", 2, 10, 2)
    assert found.p is not None
    assert found.p < 0.05  # as there: the critical value for 12 differences is 13


def test_wilcoxon_by_counting_signs() -> None:
    # Differences 1, 2, 3, 4, 5, -6: T = 6. Of 64 signs those with a negative sum of at most 6 have the ranks
    # {}, 1, 2, 3, 4, 5, 6, 12, 13, 14, 15, 23, 24, 123: 14. p = 2 * 14 / 64.
    found = wilcoxon([1, 2, 3, 4, 5, -6])
    assert found == SignedRank(6.0, 28 / 64, 14 / 64)


def test_the_least_p_of_few_tasks_explains_how_many_are_few() -> None:
    least = [wilcoxon(range(1, tasks + 1)) for tasks in (FEW_TASKS - 1, FEW_TASKS)]
    assert [test.p for test in least if isinstance(test, SignedRank)] == [2 / 32, 2 / 64]
    assert 2 / 64 < 0.05 < 2 / 32


@given(st.lists(st.integers(-6, 6), min_size=2, max_size=9).filter(any))
def test_wilcoxon_with_ties_is_what_all_signs_give(differences: list[int]) -> None:
    found = wilcoxon(differences)
    assert isinstance(found, SignedRank)
    others = [one for one in differences if one]
    ranks = stats.rankdata(np.abs(others))
    sums = [sum(ranks[np.array(signs)]) for signs in itertools.product([False, True], repeat=len(others))]
    plus = sum(rank for rank, one in zip(ranks, others, strict=True) if one > 0)
    less, greater = np.mean(np.array(sums) <= plus), np.mean(np.array(sums) >= plus)
    assert found.statistic == min(plus, ranks.sum() - plus)
    assert found.p_greater == greater
    assert found.p == min(1.0, 2 * min(less, greater))


@pytest.mark.parametrize("tasks", [2, 7, 13, 14, 50, 51])
@pytest.mark.parametrize("tied", [False, True])
def test_wilcoxon_is_that_of_scipy(tasks: int, tied: bool) -> None:
    differences = np.random.default_rng(tasks).normal(0.3, size=tasks)
    if tied:
        differences = np.round(2 * differences) + 0.0
        differences[0] = 0.0
        differences[1] = 1.0
    found = wilcoxon(differences)
    assert isinstance(found, SignedRank)
    two, one = stats.wilcoxon(differences), stats.wilcoxon(differences, alternative="greater")
    assert found.statistic == two.statistic
    assert found.p == pytest.approx(two.pvalue, rel=1e-12)
    assert found.p_greater == pytest.approx(one.pvalue, rel=1e-12)


def test_holm_of_demsar() -> None:
    # Page 14: 0.016, 0.019 and 0.607 against 0.05 / 3, 0.05 / 2 and 0.05: the first two are rejected.
    adjusted = holm([0.607, 0.016, 0.019])
    assert adjusted == pytest.approx([0.607, 0.048, 0.048], rel=1e-12)


def test_holm_by_hand() -> None:
    # 0.005 * 4 = 0.02; 0.01 * 3 = 0.03; 0.03 * 2 = 0.06; 0.04 * 1 = 0.04, but not below 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02], rel=1e-12)
    # a test that could not be made counts among the four
    assert holm([0.01, None, 0.03, 0.005]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.02)]
    assert holm([0.7, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("rows", "archs", "reason"),
    [
        ({"a": (1, 2, 3)}, "xyz", "needs at least two tasks"),
        ({"a": (1, 2), "b": (3, 4)}, "xy", "needs at least three architectures"),
        ({"a": (1, 1, 1), "b": (2, 2, 2)}, "xyz", "all architectures are equal"),
        ({}, "xyz", "needs at least two tasks"),
    ],
)
def test_a_reason_where_there_is_no_friedman(rows: dict[str, tuple[float, ...]], archs: str, reason: str) -> None:
    found = compare(table(rows, archs))
    assert found.friedman is None
    assert reason in found.reason


def test_a_pair_that_is_equal_everywhere_has_no_p_but_a_reason() -> None:
    found = compare(table(dict.fromkeys("abcdef", (1, 1, 0)), "xyz"))
    equal = pair(found, "x", "y")
    assert (equal.p, equal.adjusted, equal.rank_sum, equal.ties) == (None, None, None, 6)
    assert "equal on every task" in equal.reason
    other = pair(found, "x", "z")
    assert (other.p, other.adjusted, other.reason) == (2 / 64, 3 * 2 / 64, "")


def test_tasks_that_all_agree_have_an_infinite_f() -> None:
    found = compare(table(dict.fromkeys("abcd", (3, 2, 1)), "xyz")).friedman
    assert found is not None
    assert (found.chi2, found.f, found.f_p) == (pytest.approx(8.0), None, 0.0)


def test_one_task_has_ranks_but_no_tests() -> None:
    found = compare(table({"a": (3, 1, 3)}, "xyz"))
    assert found.mean_ranks == (1.5, 3.0, 1.5)
    assert {pair.p for pair in found.pairs} == {None}
    assert any(warning.startswith("Only 1 task:") for warning in found.warnings)


def test_warnings_say_what_the_numbers_cannot() -> None:
    def told(tasks: int, archs: int) -> tuple[str, ...]:
        rows = {f"{task}": tuple(range(archs)) for task in range(tasks)}
        return compare(table(rows, [f"{arch}" for arch in range(archs)])).warnings

    assert [warning[:12] for warning in told(5, 3)] == ["Only 5 tasks"]
    assert [warning[:31] for warning in told(6, 3)] == ["With 6 tasks and 3 pairs of arc"]
    assert told(7, 3) == ()  # 3 * 2 / 128 < 0.05
    assert told(13, 3) == ()


def test_metrics_that_differ_are_warned_of() -> None:
    values = {(arch, f"{task}"): float(task) for arch in "xyz" for task in range(8)}
    directions = {f"{task}": True for task in range(8)}
    metrics = dict.fromkeys(directions, "accuracy")
    assert not complete_block(values, directions, metrics).table.mixed
    found = compare(complete_block(values, directions, {**metrics, "3": "f1"}).table)
    assert any("do not share one metric" in warning for warning in found.warnings)
    assert complete_block(values, {**directions, "3": False}).table.mixed


def test_lower_is_better_turns_the_ranks_of_its_task() -> None:
    values = {("x", "acc"): 0.9, ("y", "acc"): 0.8, ("x", "rmse"): 0.1, ("y", "rmse"): 0.2}
    found = compare(complete_block(values, {"acc": True, "rmse": False}).table)
    assert found.mean_ranks == (1.0, 2.0)
    assert (found.pairs[0].wins, found.pairs[0].losses) == (2, 0)


SCORES = st.integers(3, 5).flatmap(
    lambda archs: st.lists(
        st.lists(st.integers(0, 5), min_size=archs, max_size=archs).map(tuple), min_size=2, max_size=7
    )
)


@given(SCORES, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_has_no_influence(rows, random) -> None:
    archs = [f"arch {at}" for at in range(len(rows[0]))]
    values = [((arch, f"{task}"), row[at]) for task, row in enumerate(rows) for at, arch in enumerate(archs)]
    directions = {f"{task}": True for task in range(len(rows))}
    first = complete_block(dict(values), directions)
    second = complete_block(dict(random.sample(values, len(values))), directions)
    assert first == second
    assert compare(first.table) == compare(second.table)


@given(SCORES)
def test_friedman_and_ranks_are_those_of_aeon(rows) -> None:
    goodness = np.array(rows, dtype=float)
    found = compare(table({f"{task}": row for task, row in enumerate(rows)}, "abcde"[: len(rows[0])]))
    assert sum(found.mean_ranks) == pytest.approx(goodness.shape[1] * (goodness.shape[1] + 1) / 2, rel=1e-12)
    if found.friedman is not None:
        assert isinstance(found.friedman, Friedman)
        assert found.friedman.p == pytest.approx(check_friedman(task_ranks(goodness)), rel=1e-9)


def test_one_sided_wilcoxon_is_that_of_aeon() -> None:
    rows = np.random.default_rng(5).normal(size=(9, 4))
    theirs = wilcoxon_test(rows, list("abcd"))
    for one, other in itertools.combinations(range(4), 2):
        found = wilcoxon(rows[:, one] - rows[:, other])
        assert isinstance(found, SignedRank)
        assert found.p_greater == pytest.approx(theirs[one, other], rel=1e-12)
