"""The standing over tasks: which rankings and architectures it is about, and what the ranks over them say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import Row
from reports.statistics.blocks import LEAST_ARCHITECTURES, LEAST_TASKS, LeftOut, Table, complete_block
from reports.statistics.bootstrap import Stability, stability
from reports.statistics.difference import Difference, difference
from reports.statistics.rank_tests import LEVEL, Comparison, Pair, compare


@dataclass(frozen=True)
class Place:
    """One architecture of the standing; `low` and `high` are the 95 % interval of its mean rank, from resampling.

    `beats` has, for each place in the order of the standing, the share of resamples in which this one has the better
    mean rank; None for itself.
    """

    arch: str
    mean_rank: float
    low: float
    high: float
    beats: tuple[float | None, ...]


@dataclass(frozen=True)
class Standing:
    """What holds over several tasks: everything is about `table`, whose tasks are the anchors of rankings.

    `rankings` are those of the table, in its order; `other_rankings` do not count, each with the reason; `left_out` is
    what was given up for a table without gaps. `places` go from the best mean rank to the worst; there are none where
    there are fewer than two architectures or two rankings, and `stability` and `difference` are None there.
    """

    table: Table
    rankings: tuple[Ranking, ...]
    other_rankings: tuple[tuple[Ranking, str], ...]
    left_out: tuple[LeftOut, ...]
    comparison: Comparison
    stability: Stability | None
    difference: Difference | None
    places: tuple[Place, ...] = ()
    of: dict[str, Ranking] = field(default_factory=dict)
    """Anchor to ranking, of all rankings that count."""

    @property
    def mean_ranks(self) -> dict[str, float]:
        """Architecture to mean rank, of those that take part."""
        return {place.arch: place.mean_rank for place in self.places}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be known before any of it is believed, a sentence each."""
        return (*self.comparison.warnings, *(self.stability.warnings if self.stability else ()))

    @property
    def apart(self) -> tuple[Pair, ...]:
        """The pairs that the tests tell apart at 5 %; none where Friedman's test finds no difference at all."""
        friedman = self.comparison.friedman
        if friedman is None or friedman.p >= LEVEL:
            return ()
        return tuple(pair for pair in self.comparison.pairs if pair.adjusted is not None and pair.adjusted <= LEVEL)

    @property
    def without_diagram(self) -> str:
        """Why there is no critical difference diagram, in one sentence; "" where there is one."""
        archs, tasks = len(self.table.archs), len(self.table.tasks)
        if archs < LEAST_ARCHITECTURES or tasks < LEAST_TASKS:
            return (
                f"There is no critical difference diagram: it needs at least {LEAST_ARCHITECTURES} architectures and "
                f"{LEAST_TASKS} rankings, and there are {archs} and {tasks}."
            )
        if self.difference is None or self.difference.alpha is None:
            return "There is no critical difference diagram: no single level of its tests gives the pairs told here."
        return ""


def standing(rankings: Sequence[Ranking]) -> Standing:
    """The standing over those of `rankings` that count.

    A ranking counts where its runs had the whole training set and its metric is known, and a task counts once: of
    several rankings of one label, with other metrics or weights, the one with the most results, then the first. Each
    architecture takes part with the recipe that the validation set chose (:attr:`Ranking.shown`).
    """
    counting, others = _counting(rankings)
    rows = {(arch, ranking.anchor): row for ranking in counting for arch, row in ranking.shown.items()}
    of = {ranking.anchor: ranking for ranking in counting}
    block = complete_block(
        {pair: row.test.mean if row.test else None for pair, row in rows.items()},
        {anchor: ranking.higher_is_better for anchor, ranking in of.items()},
        {anchor: ranking.metric for anchor, ranking in of.items()},
    )
    comparison = compare(block.table)
    found = stability(block.table, {pair: row.test.values for pair, row in rows.items() if row.test})
    return Standing(
        table=block.table,
        rankings=tuple(of[anchor] for anchor in block.table.tasks),
        other_rankings=tuple(others),
        left_out=block.left_out,
        comparison=comparison,
        stability=found,
        difference=difference(block.table, comparison),
        places=_places(found) if found else (),
        of=of,
    )


def _counting(rankings: Sequence[Ranking]) -> tuple[list[Ranking], list[tuple[Ranking, str]]]:
    chosen: dict[str, Ranking] = {}
    others = []
    for ranking in rankings:
        if reason := _reason(ranking):
            others.append((ranking, reason))
            continue
        rival = chosen.setdefault(ranking.task, ranking)
        if rival is not ranking:
            less, more = sorted((rival, ranking), key=lambda one: (_results(one), one is rival))
            chosen[ranking.task] = more
            others.append((less, "The task counts once, with the ranking that has more results or comes first."))
    return list(chosen.values()), others


def _reason(ranking: Ranking) -> str:
    if ranking.train_limit is not None:
        return "Its runs did not have the whole training set."
    if not ranking.metric:
        return "Its metric is not known."
    return "" if _results(ranking) else "It has no result yet."


def _results(ranking: Ranking) -> int:
    return sum(row.test is not None for row in _rows(ranking))


def _rows(ranking: Ranking) -> list[Row]:
    return list(ranking.shown.values())


def _places(found: Stability) -> tuple[Place, ...]:
    order = sorted(range(len(found.archs)), key=lambda at: (found.mean_ranks[at], found.archs[at]))
    return tuple(
        Place(
            arch=found.archs[at],
            mean_rank=found.mean_ranks[at],
            low=found.low[at],
            high=found.high[at],
            beats=tuple(None if other == at else found.beats[at][other] for other in order),
        )
        for at in order
    )
