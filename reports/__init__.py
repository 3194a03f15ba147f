"""Leaderboards: data frames of runs in, one self-contained page out. Knows pandas; neither torch nor the harness."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.frames import Frames
    from reports.html import render
    from reports.leaderboard import table

__all__ = ["Frames", "render", "table"]

_HOME = {"Frames": "reports.frames", "render": "reports.html", "table": "reports.leaderboard"}


def __getattr__(name: str) -> object:
    # Public names are served on first use, so that importing this package costs no pandas and no matplotlib.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
