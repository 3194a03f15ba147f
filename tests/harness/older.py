"""A store of version 1, as an earlier version of this program left it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

VERSION_1 = Path(__file__).with_name("store_version_1.sql")
DONE, INTERRUPTED = "a" * 12, "b" * 12
"""Ids of its two runs."""


def older(file: Path) -> Path:
    """Write such a store to `file`."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(VERSION_1.read_text(encoding="utf-8"))
    return file
