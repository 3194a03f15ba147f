"""A store of version 1, as an earlier version of this program left it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from .stores import behind, is_file

VERSION_1 = Path(__file__).with_name("store_version_1.sql")
DONE, INTERRUPTED = "a" * 12, "b" * 12
"""Ids of its two runs."""


def older(url: str) -> str:
    """Put such a store into the empty place at `url`, and give the address back."""
    statements = VERSION_1.read_text(encoding="utf-8").split(";\n")
    if is_file(url):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(";\n".join(statements))
        return url
    with behind(url) as server:
        for statement in sorted(statements[:-2], key=lambda one: "harness_curves" in one):  # after what it refers to
            server.exec_driver_sql(re.sub(r"\bDOUBLE\b", "DOUBLE PRECISION", statement).replace("WITHOUT ROWID", ""))
    return url
