"""One driver a suite: a second one is told who the first is."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from harness.home import Home
from harness.store import Store
from harness.suites.standing import driver_lock


@contextmanager
def driving(suite: str, store: Store, home: Home) -> Iterator[None]:
    """Be the one driver of a suite. A :class:`~harness.errors.UserError` says where another one is, if that is known.

    Who drives is written to a file beside the locks of the home, which another machine may not see.
    """
    lock = driver_lock(suite)
    note = home.locks() / f"{lock}.json"
    with store.alone(lock, f"suite {suite}", f"{_who(note)}wait for it or end it; 'suite status' shows how it stands"):
        with suppress(OSError):  # a courtesy
            note.write_text(json.dumps({"host": platform.node(), "pid": os.getpid()}), encoding="utf-8")
        try:
            yield
        finally:
            with suppress(OSError):
                note.unlink(missing_ok=True)


def _who(note: Path) -> str:
    """``it is process 4711 on node7, ``; nothing where that isn't known, or was told by a driver that was killed."""
    try:
        said: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        host, pid = str(said["host"]), int(said["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    if host == platform.node() and not psutil.pid_exists(pid):
        return ""
    return f"it is process {pid} on {''.join(filter(str.isprintable, host))}: "
