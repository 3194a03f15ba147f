"""Ranks over resampled tasks and seeds, against chances that are worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.statistics.blocks import Table, complete_block
from reports.statistics.bootstrap import RESAMPLES, Seeds, Stability, stability


def table_of(seeds: Seeds, lower: tuple[str, ...] = ()) -> Table:
    means = {pair: math.fsum(values) / len(values) for pair, values in seeds.items()}
    return complete_block(means, {task: task not in lower for _, task in seeds}).table


def found(seeds: Seeds, lower: tuple[str, ...] = ()) -> Stability:
    result = stability(table_of(seeds, lower), seeds)
    assert result is not None
    return result


def of_chance(share: float) -> object:
    """A share of resamples whose expectation is `share`, within four standard errors of that many draws."""
    return pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / RESAMPLES))


def test_the_better_of_all_seeds_on_all_tasks_beats_always() -> None:
    result = found({("a", t): [0.8, 0.9] for t in "uvw"} | {("b", t): [0.1, 0.2] for t in "uvw"})
    assert (result.mean_ranks, result.low, result.high) == ((1.0, 2.0), (1.0, 2.0), (1.0, 2.0))
    assert result.beats == ((0.5, 1.0), (0.0, 0.5))
    assert result.single == ()


def test_equal_scores_beat_each_other_half_the_time() -> None:
    # three times 0.1 in one and five times in the other: their means are equal however they are rounded
    result = found({(a, t): [0.1] * n for a, n in (("a", 3), ("b", 5)) for t in "uv"})
    assert result.beats == ((0.5, 0.5), (0.5, 0.5))
    assert (result.low, result.high) == ((1.5, 1.5), (1.5, 1.5))


def test_tasks_are_drawn_with_replacement() -> None:
    # a wins two of three tasks: it has the better mean rank where at least 2 of 3 draws are of these two,
    # 3 * (2/3)^2 * (1/3) + (2/3)^3 = 20 / 27.
    wins = {"u": (1.0, 0.0), "v": (1.0, 0.0), "w": (0.0, 1.0)}
    result = found({(a, t): [row[at]] for t, row in wins.items() for at, a in enumerate("ab")})
    assert result.beats[0][1] == of_chance(20 / 27)
    assert result.mean_ranks == (pytest.approx(4 / 3), pytest.approx(5 / 3))
    assert (result.low[0], result.high[0]) == (1.0, 2.0)  # 1 with a chance of 8/27, 2 with 1/27, above 2.5 % both


def test_seeds_are_drawn_anew_for_every_draw_of_a_task() -> None:
    # The mean of two draws of 0 and 1 is above 0.6 with a chance of 1/4. In at least 2 of 3 draws of tasks it is with
    # 3 * (1/4)^2 * (3/4) + (1/4)^3 = 10 / 64; if a task drawn twice had the same seeds twice, with 0.23.
    result = found({("a", t): [0.0, 1.0] for t in "uvw"} | {("b", t): [0.6, 0.6] for t in "uvw"})
    assert result.beats[0][1] == of_chance(10 / 64)


def test_errors_are_better_when_lower() -> None:
    seeds = {("a", t): [0.1, 0.2] for t in "uv"} | {("b", t): [0.8, 0.9] for t in "uv"}
    assert found(seeds, lower=("u", "v")).beats[0][1] == 1.0
    assert found(seeds, lower=("v",)).beats[0][1] == of_chance(0.5)  # one task each way


def test_a_single_seed_is_told() -> None:
    result = found({("a", "u"): [1.0], ("a", "v"): [1.0, 2.0], ("b", "u"): [2.0, 3.0], ("b", "v"): [0.0]})
    assert result.single == (("a", "u"), ("b", "v"))
    assert any("2 of 4 scores are of one seed" in warning for warning in result.warnings)
    assert any("Only 2 tasks" in warning for warning in result.warnings)


def test_too_little_to_resample() -> None:
    one_task = {("a", "u"): [1.0, 2.0], ("b", "u"): [1.0, 2.0]}
    one_arch = {("a", "u"): [1.0, 2.0], ("a", "v"): [1.0, 2.0]}
    assert stability(table_of(one_task), one_task) is None
    assert stability(table_of(one_arch), one_arch) is None


def test_a_pair_without_seeds_is_refused() -> None:
    seeds = {(a, t): [1.0, 2.0] for a in "ab" for t in "uv"}
    with pytest.raises(ValueError, match="at least one seed"):
        stability(table_of(seeds), {**seeds, ("a", "v"): []})


def test_names_of_any_kind() -> None:
    names = ("", "\ud800", "<script>" * 2000)
    result = found({(a, t): [1.0, 2.0] for a in names for t in names})
    assert result.archs == tuple(sorted(names))


CELLS = st.lists(st.integers(0, 3).map(float), min_size=1, max_size=4)
TABLES = st.tuples(st.integers(2, 4), st.integers(2, 4)).flatmap(
    lambda size: st.fixed_dictionaries({(f"a{i}", f"t{j}"): CELLS for i in range(size[0]) for j in range(size[1])})
)


@settings(max_examples=30)
@given(TABLES, st.randoms(use_true_random=False))
def test_chances_add_up_and_order_has_no_influence(seeds: dict[tuple[str, str], list[float]], random) -> None:
    result = found(seeds)
    beats = np.array(result.beats)
    assert (beats + beats.T == 1).all()
    for low, high in zip(result.low, result.high, strict=True):
        assert 1 <= low <= high <= len(result.archs)
    shuffled = {
        pair: random.sample(values, len(values)) for pair, values in random.sample(list(seeds.items()), len(seeds))
    }
    assert stability(table_of(seeds), shuffled) == result


def test_names_draw_differently_but_hardly() -> None:
    seeds = {(a, t): list(np.random.default_rng([i, j]).normal(i / 4, size=3)) for i, a in enumerate("ab")
             for j, t in enumerate("uvwxyz")}  # fmt: skip
    renamed = {(a, t.upper()): values for (a, t), values in seeds.items()}
    one, other = found(seeds), found(renamed)
    assert one.beats != other.beats
    assert one.beats[1][0] == pytest.approx(other.beats[1][0], abs=4 * math.sqrt(2 * 0.25 / RESAMPLES))
