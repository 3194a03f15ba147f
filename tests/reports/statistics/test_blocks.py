"""The complete part of a table with gaps."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.blocks import Block, LeftOut, complete_block


def block(*rows: str) -> Block:
    """Of rows of x (there) and . (a gap): rows are architectures a, b, ..., columns tasks 0, 1, ..."""
    values = {
        ("abcdefgh"[i], f"{j}"): 1.0 if mark == "x" else None
        for i, row in enumerate(rows)
        for j, mark in enumerate(row)
    }
    return complete_block(values, {f"{j}": True for j in range(len(rows[0]))})


def test_a_complete_table_stays_as_it_is() -> None:
    found = block("xx", "xx", "xx")
    assert (found.table.archs, found.table.tasks, found.left_out) == (("a", "b", "c"), ("0", "1"), ())


def test_the_line_with_the_largest_share_of_gaps_goes() -> None:
    found = block("xxxx", "xxxx", "xxxx", "x..x")
    assert found.left_out == (LeftOut("architecture", "d", 2, 4),)
    assert found.left_out[0].reason == "It has no result on 2 of 4 tasks."


def test_lines_without_any_result_go_first() -> None:
    found = block("xxx.", "xxx.", "xxx.", "....")
    assert [(one.kind, one.name, one.missing, one.of) for one in found.left_out] == [
        ("task", "3", 4, 4),
        ("architecture", "d", 3, 3),
    ]
    assert found.left_out[1].reason == "It has no result on any of the tasks."


def test_three_architectures_are_kept_where_two_tasks_can_be() -> None:
    # c lacks half of the tasks, each of which lacks a third of its architectures: c would go, but then there is no test
    found = block("xxxxxx", "xxxxxx", "xxx...")
    assert found.table.archs == ("a", "b", "c")
    assert found.table.tasks == ("0", "1", "2")
    assert {one.name for one in found.left_out} == {"3", "4", "5"}


def test_no_useful_block_leaves_the_largest_other() -> None:
    found = block("xxxxxx", "xxxxxx", "x.....")
    assert (found.table.archs, len(found.table.tasks)) == (("a", "b"), 6)


def test_equal_shares_go_by_cost_then_kind_then_name() -> None:
    # half of task 1, of c and of d: an architecture costs one score, the task two; d is the last
    found = block("xx", "xx", "x.", "x.")
    assert [one.name for one in found.left_out] == ["d", "c"]
    # a third of e, of f and of task 2
    found = block("xxx", "xxx", "xxx", "xxx", "xx.", "xx.")
    assert [one.name for one in found.left_out] == ["f", "e"]
    # a third of c and of e, a fifth of the tasks
    found = block("xxx", "xxx", "xx.", "xxx", "x.x")
    assert [(one.kind, one.name) for one in found.left_out] == [("architecture", "e"), ("architecture", "c")]
    # 1 of 4 both ways: the task goes
    found = block("xxxx", "xxxx", "xxxx", "xxx.")
    assert [(one.kind, one.name) for one in found.left_out] == [("task", "3")]


def test_values_that_are_no_numbers_are_gaps() -> None:
    values = {("a", "t"): math.nan, ("b", "t"): math.inf, ("c", "t"): 0.0, ("d", "t"): 2.0}
    found = complete_block(values, {"t": False})
    assert found.table.archs == ("c", "d")
    assert found.table.scores == ((0.0, 2.0),)
    assert found.table.goodness.tolist() == [[0.0, -2.0]]


def test_a_task_without_a_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="direction"):
        complete_block({("a", "t"): 1.0}, {})


def test_nothing_is_an_empty_block() -> None:
    found = complete_block({}, {})
    assert (found.table.archs, found.table.tasks, found.left_out) == ((), (), ())
    found = complete_block({("a", "t"): None}, {"t": True})
    assert found.table.scores == ()


PAIRS = st.dictionaries(st.tuples(st.sampled_from("abcde"), st.sampled_from("uvwxyz")), st.floats(0, 1), max_size=30)


@given(PAIRS, st.randoms(use_true_random=False))
def test_a_block_is_complete_accounts_for_all_and_forgets_the_order(values, random) -> None:
    directions = dict.fromkeys("uvwxyz", True)
    found = complete_block(values, directions)
    assert found == complete_block(dict(random.sample(list(values.items()), len(values))), directions)
    for task, row in zip(found.table.tasks, found.table.scores, strict=True):
        assert list(row) == [values[arch, task] for arch in found.table.archs]
    gone = {(one.kind, one.name) for one in found.left_out}
    assert len(gone) == len(found.left_out)
    assert {name for kind, name in gone if kind == "task"} == {task for _, task in values} - set(found.table.tasks)
    assert {name for kind, name in gone if kind == "architecture"} == {a for a, _ in values} - set(found.table.archs)
    if len(values) == len({a for a, _ in values}) * len({t for _, t in values}):
        assert not gone
