"""Locks that a process holds alone: who only looks at one keeps nobody out."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import pytest

from harness import locking
from harness.errors import UserError
from harness.locking import FileLocks


def test_who_asks_whether_a_lock_is_held_keeps_nobody_from_it(tmp_path: Path) -> None:
    """Whoever looks has the lock for a moment; a process that wants it at that moment must not be told it is taken."""
    locks, stop = FileLocks(tmp_path), Event()
    with locks.alone("cell", "it", "wait"):
        assert locks.held("cell")

    def look() -> None:
        while not stop.is_set():
            locks.held("cell")

    watchers = [Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(200):
            with locks.alone("cell", "it", "wait"):
                assert locks.held("cell")
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join()
    assert not locks.held("cell")


def test_a_lock_that_is_held_is_refused_with_the_advice(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path)
    with locks.alone("cell", "lstm on sign", "wait for it"):
        second = locks.alone("cell", "lstm on sign", "wait for it")
        with pytest.raises(UserError, match="^lstm on sign is being trained by another process now: wait for it$"):
            second.__enter__()
    assert not FileLocks(tmp_path / "none").held("cell")
    assert not (tmp_path / "none").exists(), "to look creates nothing"


def test_a_process_that_stood_still_tries_a_lock_some_times_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "LOOK", 0.0)
    monkeypatch.setattr(locking, "PAUSE", 0.0)
    answers = [True, *[False] * (locking.ATTEMPTS - 1)]
    assert locking._taken(answers.pop)
    tried: list[bool] = []
    assert not locking._taken(lambda: bool(tried.append(False)))
    assert len(tried) == locking.ATTEMPTS
