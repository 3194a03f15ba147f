"""The bars of a critical difference diagram, against those that aeon draws."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from aeon.benchmarking.stats import wilcoxon_test

from reports.statistics.blocks import Table
from reports.statistics.difference import Difference, difference
from reports.statistics.rank_tests import compare

from .examples import C45, demsar, table

WIDTH, TEXT = 6.0, 1.5


def drawn_by_aeon(given: Table, alpha: float) -> list[tuple[float, float]]:
    """The mean ranks at which the bars begin and end that aeon draws, read off its figure, by their beginning."""
    mpl.use("agg")
    from aeon.visualisation import plot_critical_difference
    from matplotlib import pyplot

    figure, axes = plot_critical_difference(
        given.goodness, list(given.archs), alpha=alpha, correction=None, width=WIDTH, textspace=TEXT, reverse=False
    )
    bars = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 2.5]
    pyplot.close(figure)
    # x in widths of the figure; bars are longer than the ranks by 0.02 inches on both sides
    scale = (len(given.archs) - 1) / (WIDTH - 2 * TEXT)
    inches = sorted((min(bar) * WIDTH + 0.02, max(bar) * WIDTH - 0.02) for bar in bars)
    return [(1 + (low - TEXT) * scale, 1 + (high - TEXT) * scale) for low, high in inches]


def ranks_of(found: Difference) -> list[tuple[float, float]]:
    ranks = dict(zip(found.archs, found.mean_ranks, strict=True))
    return sorted((ranks[bar[0]], ranks[bar[-1]]) for bar in found.bars)


def spread(tasks: int, effects: list[float], seed: int) -> Table:
    rows = np.random.default_rng(seed).normal(size=(tasks, len(effects))) + effects
    return table({f"{at:02}": tuple(row) for at, row in enumerate(rows)}, "abcdefghij"[: len(effects)])


def test_demsar_is_told_apart_by_friedman_but_not_by_pairs() -> None:
    found = difference(demsar())
    assert found is not None
    assert found.archs == ("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5")
    pairs = {(pair.one, pair.other): pair.adjusted for pair in compare(demsar()).pairs}
    below = {frozenset(pair) for pair, adjusted in pairs.items() if adjusted is not None and adjusted <= 0.05}
    for bar in found.bars:
        assert not {frozenset((bar[0], name)) for name in bar[1:]} & below
    assert set(found.archs) == set(C45)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("effects", [[0, 0, 2, 2.2, 4], [0, 1.5, 3], [0, 0, 0, 0]])
def test_aeon_draws_these_bars_at_this_level(effects: list[float], seed: int) -> None:
    given = spread(16, effects, seed)
    found = difference(given)
    assert found is not None
    assert found.alpha is not None
    drawn = drawn_by_aeon(given, found.alpha)
    assert drawn == [pytest.approx(bar, abs=1e-5) for bar in ranks_of(found)]  # aeon keeps ranks in single precision


def test_bars_are_those_of_holm_and_not_those_that_aeon_calls_holm() -> None:
    given = spread(16, [0.15 * at for at in range(10)], 3)
    found = difference(given)
    assert found is not None
    adjusted = {frozenset((pair.one, pair.other)): pair.adjusted or 1.0 for pair in compare(given).pairs}
    # 45 pairs of 10 architectures, for which aeon divides the level by 9
    theirs = wilcoxon_test(given.goodness[:, [given.archs.index(name) for name in found.archs]], found.archs)
    assert (theirs[np.triu_indices(10, 1)] <= 0.05 / 9).sum() > sum(p <= 0.05 for p in adjusted.values())
    for bar in found.bars:
        assert all(adjusted[frozenset((bar[0], name))] > 0.05 for name in bar[1:])
        beyond = found.archs[found.archs.index(bar[-1]) + 1 :][:1]
        assert all(adjusted[frozenset((bar[0], name))] <= 0.05 for name in beyond)


def test_no_level_is_claimed_where_aeon_would_join_what_differs() -> None:
    # Every table either has a level at which aeon draws its bars, which is checked above, or says that it has none.
    without = [found for seed in range(40) if (found := difference(spread(8, [0, 0.3, 0.6, 1.2], seed)))
               and found.alpha is None]  # fmt: skip
    assert without
    assert all(len(found.bars[0]) < 4 for found in without if found.bars)


def test_one_bar_where_friedman_finds_nothing() -> None:
    equal = table(dict.fromkeys("uvwxyz", (1.0, 1.0, 1.0)), "abc")
    alike = table({task: (1.0, 2.0, 3.0) if at % 2 else (3.0, 2.0, 1.0) for at, task in enumerate("uvwxyz")}, "abc")
    for given in (equal, alike):
        found = difference(given)
        assert found is not None
        assert found.bars == (("a", "b", "c"),)
        assert found.alpha is not None


def test_pairs_are_not_asked_where_friedman_finds_nothing() -> None:
    given = spread(12, [0, 0.5, 1], 9)
    told = compare(given)
    assert told.friedman is not None
    assert told.friedman.p > 0.05
    assert min(pair.adjusted or 1.0 for pair in told.pairs) < 0.05
    found = difference(given)
    assert found is not None
    assert [len(bar) for bar in found.bars] == [3]


def test_too_small_for_a_diagram() -> None:
    assert difference(table({"u": (1, 2, 3)}, "abc")) is None
    assert difference(table({"u": (1, 2), "v": (1, 2)}, "ab")) is None
