"""Runs, their curves and all that is needed to repeat them, in SQLite or another database of SQLAlchemy."""

from __future__ import annotations

import os

from harness.home import Home
from harness.store.run import STATES, CurvePoint, Metric, Run, State, utc_now
from harness.store.store import Store

__all__ = ["STATES", "CurvePoint", "Metric", "Run", "State", "Store", "open_store", "utc_now"]


def open_store(home: str | os.PathLike[str] | None = None) -> Store:
    """The store of a home (``--home``, else ``HARNESS_HOME``, else the user's), created where there is none.

    ``HARNESS_STORE``, a database URL, takes its place.
    """
    found = Home.find(home)
    if not os.environ.get("HARNESS_STORE"):
        found.folder()
    return Store.open(found.store_url)
