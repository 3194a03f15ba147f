"""Which runs of a report have a page of their own: every one, or of a large store some of each row that is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.ranking.leaderboard import Ranking
from reports.records import Run

EVERY = 10_000
"""So many runs at most have a page each. A page takes a millisecond and 17 kB: a hundred thousand are not read."""
MOST = 4_000
"""So many pages of runs a report of more runs has, where no more rows than that are shown."""


def paged(runs: Sequence[Run], rankings: Iterable[Ranking], every_run: bool = False) -> frozenset[str]:
    """The ids of the `runs` that have a page.

    These are all of them up to :data:`EVERY`, or with `every_run`. Beyond, they are runs of the rows that stand for an
    architecture in a ranking: of each the runs that count, in the order of their seeds, as many of every row as give
    :data:`MOST` pages in all, and at least one. The test set has no say in it.
    """
    if every_run or len(runs) <= EVERY:
        return frozenset(run.run for run in runs)
    rows = [row.counted for ranking in rankings for row in ranking.shown.values()]
    each = share([len(counted) for counted in rows], MOST)
    return frozenset(run.run for counted in rows for run in counted[:each])


def share(sizes: Iterable[int], most: int) -> int:
    """How many of each of several things of these `sizes` may be taken to have `most` in all; at least one."""
    left, rest = most, sorted(sizes)
    for place, size in enumerate(rest):
        if size * (len(rest) - place) > left:
            return max(1, left // (len(rest) - place))
        left -= size
    return max(1, rest[-1] if rest else 1)
