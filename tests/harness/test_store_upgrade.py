"""Stores of version 1, whose runs had no study and no trial: readable as they are, brought up to date by a write."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.store import Run, Store, rows

from .older import DONE, INTERRUPTED, older
from .test_store_refusals import ordinary_user


def a_trial(**changes: object) -> Run:
    given = {"arch": "lstm", "task": "psdigits", "seed": 0, "metric": "accuracy", "recipe": {}, "recipe_hash": "0a1b"}
    return Run(**given | {"recipe_name": "standard", "study": "s", "trial": 3} | changes)  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return older(tmp_path / "store.sqlite")


def opened(file: Path) -> Store:
    return Store.open(f"sqlite:///{file}")


def asked(file: Path, query: str) -> list[object]:
    with closing(sqlite3.connect(file)) as connection:
        return [row[0] for row in connection.execute(query)]


def columns(file: Path) -> list[object]:
    return asked(file, "SELECT name FROM pragma_table_info('harness_runs')")


def test_an_older_store_is_read_and_not_changed_by_it(file: Path) -> None:
    before = file.read_bytes()
    store = opened(file)
    assert [(run.id, run.study, run.trial) for run in store.runs()] == [(INTERRUPTED, None, None), (DONE, None, None)]
    assert store.get("aaa").curve[0].valid == 0.5
    assert [run.id for run in store.find("8979192e5780ee06", 0, "cpu")] == [DONE]
    assert (store.of_study("s"), store.runs(study="s"), store.count()) == ([], [], 2)
    assert [run.id for run in store.each()] == [DONE, INTERRUPTED]
    frame = store.runs_frame()
    assert frame["trial"].isna().all()
    assert len(store.curves_frame()) == 2
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.add(a_trial()),
        lambda store: store.update(INTERRUPTED, state="running"),
        lambda store: store.log(INTERRUPTED, []),
        lambda store: store.delete([INTERRUPTED]),
    ],
)
def test_the_first_write_brings_it_up_to_date_and_keeps_what_is_there(file: Path, write) -> None:
    store = opened(file)
    done = store.get(DONE)
    write(store)
    assert asked(file, "SELECT value FROM harness_meta WHERE key = 'schema'") == ["2"]
    assert columns(file)[-2:] == ["study", "trial"]
    assert "harness_runs_study" in asked(file, "SELECT name FROM sqlite_master WHERE type = 'index'")
    assert store.get(DONE) == opened(file).get(DONE) == done
    trial = a_trial()
    store.add(trial)
    assert store.of_study("s")[-1] == trial
    assert opened(file).get(trial.id) == trial


def test_a_write_that_fails_leaves_the_older_store_as_it_was(file: Path) -> None:
    store = opened(file)
    with pytest.raises(UserError, match="not in the store any more"):
        store.update("c" * 12, state="done")
    assert "study" not in columns(file)
    assert asked(file, "SELECT value FROM harness_meta WHERE key = 'schema'") == ["1"]
    store.add(a_trial())
    assert store.count() == 3


def test_who_has_it_open_sees_what_another_brings(file: Path) -> None:
    reader, other, writer = opened(file), opened(file), opened(file)
    trial = a_trial()
    writer.add(trial)
    assert reader.of_study("s") == [trial]
    other.add(a_trial(trial=4))
    assert [run.trial for run in reader.of_study("s")] == [3, 4]


def test_a_program_of_before_that_is_under_way_goes_on_writing(file: Path) -> None:
    opened(file).add(a_trial())
    names = [name for name in columns(file) if name not in ("study", "trial")]
    with closing(sqlite3.connect(file)) as connection:
        copied = ", ".join(f"'{'d' * 12}'" if name == "id" else str(name) for name in names)
        connection.execute(
            f"INSERT INTO harness_runs ({', '.join(map(str, names))}) SELECT {copied} FROM harness_runs"
            f" WHERE id = '{DONE}'"
        )
        connection.commit()
    assert opened(file).get("d").trial is None


def test_an_older_store_that_can_only_be_read_is_read(file: Path, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(file, shelf / "store.sqlite")
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    (shelf / "store.sqlite").chmod(0o444)
    shelf.chmod(0o555)
    try:
        with ordinary_user():
            store = opened(shelf / "store.sqlite")
            assert [run.id for run in store.runs()] == [INTERRUPTED, DONE]
            assert store.runs_frame()["study"].isna().all()
            with pytest.raises(UserError, match="is read-only: make the file and its folder writable"):
                store.add(a_trial())
            assert store.count() == 2
    finally:
        shelf.chmod(0o755)


def test_all_at_once_or_not_at_all(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """Ends the process between two statements."""

    def die(*_: object) -> None:
        raise Killed

    store = opened(file)
    monkeypatch.setattr(rows, "write", die)
    with pytest.raises(Killed):
        store.add(a_trial())
    assert "study" not in columns(file)
    monkeypatch.undo()
    store.add(a_trial())
    assert store.count() == 3
