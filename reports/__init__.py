"""Leaderboards: data frames of runs in, self-contained pages out. Knows pandas; neither torch nor the harness."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.exports import export
    from reports.frames import Frames
    from reports.ranking.leaderboard import rankings, table
    from reports.ranking.versus import versus
    from reports.site import check_folder, render, second_process

__all__ = ["Frames", "check_folder", "export", "rankings", "render", "second_process", "table", "versus"]

_HOME = {
    "Frames": "reports.frames",
    "check_folder": "reports.site",
    "export": "reports.exports",
    "render": "reports.site",
    "second_process": "reports.site",
    "rankings": "reports.ranking.leaderboard",
    "table": "reports.ranking.leaderboard",
    "versus": "reports.ranking.versus",
}


def __getattr__(name: str) -> object:
    # Public names are served on first use, so that importing this package costs no pandas and no matplotlib.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
