"""Runs with all that is needed to repeat them, and timings, in SQLite or another database of SQLAlchemy."""

from __future__ import annotations

import os

from harness.home import Home
from harness.store.opening import NoStore
from harness.store.run import STATES, CurvePoint, Metric, Run, State, utc_now
from harness.store.store import Store
from harness.store.timing import PHASES, Floor, Phase, Timing

__all__ = [
    "PHASES",
    "STATES",
    "CurvePoint",
    "Floor",
    "Metric",
    "NoStore",
    "Phase",
    "Run",
    "State",
    "Store",
    "Timing",
    "open_store",
    "store_to_list",
    "utc_now",
]


def open_store(home: str | os.PathLike[str] | None = None, create: bool = True) -> Store:
    """The store of a home (``--home``, else ``HARNESS_HOME``, else the user's).

    ``HARNESS_STORE``, a database URL, takes its place. Where there is no store yet it is created, with the home, or
    without `create` that is a :class:`NoStore`.
    """
    found = Home.find(home)
    if create and not os.environ.get("HARNESS_STORE"):
        found.folder()
    return Store.open(found.store_url, create=create)


def store_to_list(home: str | os.PathLike[str] | None = None) -> Store:
    """The same store for those who read all there is: an empty one where there is none yet. Nothing is created."""
    try:
        return open_store(home, create=False)
    except NoStore:
        return Store.empty(Home.find(home).store_url)
