"""Stores of version 1, whose runs had no study and no trial: a file is readable as it is and brought up to date by a
write, a server when it is opened."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from harness.errors import UserError
from harness.store import Run, Store, rows, upgrade

from .older import DONE, INTERRUPTED, older
from .stores import Places, behind, databases
from .test_store_refusals import ordinary_user


class Killed(BaseException):
    """Ends the process between two statements."""


def die(*_: object) -> None:
    raise Killed


def a_trial(**changes: object) -> Run:
    given = {"arch": "lstm", "task": "psdigits", "seed": 0, "metric": "accuracy", "recipe": {}, "recipe_hash": "0a1b"}
    return Run(**given | {"recipe_name": "standard", "study": "s", "trial": 3} | changes)  # type: ignore[arg-type]


@pytest.fixture
def url(places: Places) -> str:
    return older(places())


@pytest.fixture
def in_a_file(tmp_path: Path) -> str:
    return older(f"sqlite:///{tmp_path / 'store.sqlite'}")


def version(url: str) -> object:
    with behind(url) as connection:
        return connection.scalar(text("SELECT value FROM harness_meta WHERE key = 'schema'"))


def columns(url: str) -> list[str]:
    with behind(url) as connection:
        return [column["name"] for column in inspect(connection).get_columns("harness_runs")]


def test_an_older_store_is_read(url: str) -> None:
    store = Store.open(url)
    assert [(run.id, run.study, run.trial) for run in store.runs()] == [(INTERRUPTED, None, None), (DONE, None, None)]
    assert store.get("aaa").curve[0].valid == 0.5
    assert [run.id for run in store.find("8979192e5780ee06", 0, "cpu")] == [DONE]
    assert (store.of_study("s"), store.runs(study="s"), store.count()) == ([], [], 2)
    assert [run.id for run in store.each()] == [DONE, INTERRUPTED]
    assert [head.id for head in store.heads(["8979192e5780ee06"])] == [INTERRUPTED, DONE]
    assert store.skipped() == []
    assert store.skipped_frame().empty
    frame = store.runs_frame()
    assert frame["trial"].isna().all()
    assert len(store.curves_frame()) == 2


def test_a_file_is_not_changed_by_who_reads_it(in_a_file: str) -> None:
    file = Path(in_a_file.removeprefix("sqlite:///"))
    before = file.read_bytes()
    test_an_older_store_is_read(in_a_file)
    assert file.read_bytes() == before
    assert "study" not in columns(in_a_file)


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.add(a_trial()),
        lambda store: store.update(INTERRUPTED, state="running"),
        lambda store: store.log(INTERRUPTED, []),
        lambda store: store.delete([INTERRUPTED]),
        lambda store: store.replace_skipped("quick", [("lstm", "adding", "no recipe")]),
    ],
)
def test_the_first_write_brings_it_up_to_date_and_keeps_what_is_there(url: str, write) -> None:
    store = Store.open(url)
    done = store.get(DONE)
    write(store)
    assert version(url) == "2"
    assert columns(url)[-2:] == ["study", "trial"]
    with behind(url) as connection:
        assert "harness_runs_study" in {index["name"] for index in inspect(connection).get_indexes("harness_runs")}
    assert store.get(DONE) == Store.open(url).get(DONE) == done
    trial = a_trial()
    store.add(trial)
    assert store.of_study("s")[-1] == trial
    assert Store.open(url).get(trial.id) == trial


def test_a_write_that_fails_leaves_the_older_store_as_it_was(in_a_file: str) -> None:
    store = Store.open(in_a_file)
    with pytest.raises(UserError, match="not in the store any more"):
        store.update("c" * 12, state="done")
    assert "study" not in columns(in_a_file)
    assert version(in_a_file) == "1"
    store.add(a_trial())
    assert store.count() == 3


def test_who_has_it_open_sees_what_another_brings(url: str) -> None:
    reader, other, writer = Store.open(url), Store.open(url), Store.open(url)
    trial = a_trial()
    writer.add(trial)
    assert reader.of_study("s") == [trial]
    other.add(a_trial(trial=4))
    assert [run.trial for run in reader.of_study("s")] == [3, 4]


def test_a_program_of_before_that_is_under_way_goes_on_writing(url: str) -> None:
    Store.open(url).add(a_trial())
    names = [name for name in columns(url) if name not in ("study", "trial")]
    copied = ", ".join(f"'{'d' * 12}'" if name == "id" else name for name in names)
    insert = f"INSERT INTO harness_runs ({', '.join(names)}) SELECT {copied} FROM harness_runs WHERE id = '{DONE}'"
    with behind(url) as connection:
        connection.execute(text(insert))
    assert Store.open(url).get("d" * 12).trial is None


def test_an_older_store_that_can_only_be_read_is_read(in_a_file: str, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with closing(sqlite3.connect(in_a_file.removeprefix("sqlite:///"))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(in_a_file.removeprefix("sqlite:///"), shelf / "store.sqlite")
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    (shelf / "store.sqlite").chmod(0o444)
    shelf.chmod(0o555)
    try:
        with ordinary_user():
            store = Store.open(f"sqlite:///{shelf / 'store.sqlite'}")
            assert [run.id for run in store.runs()] == [INTERRUPTED, DONE]
            assert store.runs_frame()["study"].isna().all()
            with pytest.raises(UserError, match="is read-only: make the file and its folder writable"):
                store.add(a_trial())
            assert store.count() == 2
    finally:
        shelf.chmod(0o755)


def test_all_at_once_or_not_at_all(in_a_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(in_a_file)
    monkeypatch.setattr(rows, "write", die)
    with pytest.raises(Killed):
        store.add(a_trial())
    assert "study" not in columns(in_a_file)
    monkeypatch.undo()
    store.add(a_trial())
    assert store.count() == 3


def test_a_server_that_is_left_in_the_middle_is_as_it_was(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with databases(server_url) as places:
        url = older(places())
        monkeypatch.setattr(upgrade, "update", die)
        with pytest.raises(Killed):
            Store.open(url)
        assert "study" not in columns(url)
        assert version(url) == "1"
        monkeypatch.undo()
        Store.open(url).add(a_trial())
        assert Store.open(url).count() == 3


def test_who_may_not_change_the_tables_of_a_server_is_told_who_can(server_url: str) -> None:
    with databases(server_url) as places:
        url = older(places())
        with behind(url) as connection:
            connection.execute(text("CREATE ROLE reader LOGIN PASSWORD 'reads'"))
            connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"))
        theirs = f"postgresql+psycopg://reader:reads@{url.partition('@')[2]}"
        try:
            with pytest.raises(UserError, match="this user may not change its tables: open it once as the user who"):
                Store.open(theirs)
            assert Store.open(url).count() == 2
            assert Store.open(theirs).count() == 2, "who may only read, reads"
        finally:
            with behind(url) as connection:
                connection.execute(text("DROP OWNED BY reader"))
                connection.execute(text("DROP ROLE reader"))
