"""Statistics of leaderboards: of a few seeds, of ranks over tasks, of tuning, of times. Each says its source.

The module of the tests over tasks is `rank_tests`: `ranks` is the function that ranks the rows of one task.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.statistics.summary import CONFIDENCE, Summary, over_decades, ranks, summarise

__all__ = ["CONFIDENCE", "Summary", "over_decades", "ranks", "summarise"]


def __getattr__(name: str) -> object:
    # On first use, so that a module beside it that needs no scipy costs none.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("reports.statistics.summary"), name)
