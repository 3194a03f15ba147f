"""The machine of the benchmark: resolve a recipe, train it, keep it.

In Python ``harness.runs()``, ``curves()``, ``timings()`` and ``trials()`` give what is stored, as data frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import neighbours
from harness.waiting import wait_asleep

if TYPE_CHECKING:
    import pandas

neighbours.install()

__version__ = "0.1.0"
__all__ = ["__version__", "curves", "runs", "timings", "trials"]

wait_asleep()  # here, as every process of the harness imports this before torch


def runs(home: str | None = None) -> pandas.DataFrame:
    """All stored runs, one row a run; `home` as ``--home``. Columns: ``docs/run-schema.md``."""
    from harness.store import store_to_list

    return store_to_list(home).runs_frame()


def curves(home: str | None = None) -> pandas.DataFrame:
    """The learning curves of all stored runs, one row an epoch of a run."""
    from harness.store import store_to_list

    return store_to_list(home).curves_frame()


def timings(home: str | None = None) -> pandas.DataFrame:
    """What ``speed`` measured, one row a case and phase. Columns: ``docs/run-schema.md``."""
    from harness.store import store_to_list

    return store_to_list(home).timings_frame()


def trials(home: str | None = None, storage: str | None = None) -> pandas.DataFrame:
    """The trials of all studies, one row a trial; `storage` as ``--storage``. Columns: ``docs/tuning.md``."""
    from harness.home import Home
    from harness.tuning.summary import trials_frame

    return trials_frame(storage, Home.find(home))
