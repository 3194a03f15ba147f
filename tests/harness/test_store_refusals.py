"""What goes wrong with a store is one sentence that says what to do, and nothing that was stored is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from harness.errors import UserError
from harness.store import CurvePoint, Run, Store, complaints

from .stores import Places


def a_run(**changes: Any) -> Run:
    given: dict[str, Any] = {"recipe": {}, "recipe_name": "standard", "recipe_hash": "0a1b"}
    return Run(arch="lstm", task="psmnist", seed=0, metric="accuracy", **given | changes)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def store(file: Path) -> Store:
    return Store.open(f"sqlite:///{file}")


@pytest.fixture
def shelf() -> Iterator[Path]:
    """A folder that other users can look into, with a store of one run."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    Store.open(f"sqlite:///{folder / 'store.sqlite'}").add(a_run())
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Permissions mean nothing to root: as one, become nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.seteuid(65534)
    except PermissionError:
        pytest.skip("root without the right to become another user: permissions cannot be tested")
    try:
        yield
    finally:
        os.seteuid(0)


def refusal(action: Any) -> str:
    """The sentence of the refusal: one line, with the traceback's types left out."""
    with pytest.raises(UserError) as caught:
        action()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "sqlalche" not in sentence
    assert "Error" not in sentence
    return sentence


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    assert refusal(lambda: Store.open(f"sqlite:///{tmp_path}")) == f"the store {tmp_path} is a folder: name a file"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    sentence = refusal(lambda: Store.open(f"sqlite:///{tmp_path / 'none' / 's.sqlite'}"))
    assert sentence.endswith(f"cannot be opened: there is no folder {tmp_path / 'none'}")


def test_a_missing_store_is_not_created_unasked(file: Path) -> None:
    assert "there is no store at" in refusal(lambda: Store.open(f"sqlite:///{file}", create=False))
    assert not file.exists()
    file.touch()
    assert "there is no store at" in refusal(lambda: Store.open(f"sqlite:///{file}", create=False))
    assert Store.open(f"sqlite:///{file}").count() == 0, "an empty file is a database without tables"


def test_a_file_that_is_no_database_is_left_alone(file: Path) -> None:
    file.write_bytes(b"the diary of a researcher\n" * 100)
    before = file.read_bytes()
    assert "is not a SQLite database" in refusal(lambda: Store.open(f"sqlite:///{file}"))
    assert file.read_bytes() == before


def test_another_programs_database_is_left_alone(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE runs (run_uuid TEXT)")
    before = file.read_bytes()
    sentence = refusal(lambda: Store.open(f"sqlite:///{file}"))
    assert "is a database of another program (it has a table 'runs')" in sentence
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("version", "who"), [("3", "a newer version"), ("0", "another version"), ("x", "another version")]
)
def test_another_schema_version_is_named(places: Places, version: str, who: str) -> None:
    with Store.open(places()).database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE harness_meta SET value = '{version}' WHERE key = 'schema'")
    sentence = refusal(lambda: Store.open(places()))
    assert f"made by {who}" in sentence
    assert f"its schema is {version}, this version knows 2" in sentence


def test_a_damaged_file_is_told(store: Store, file: Path) -> None:
    store.add(a_run(environment={"padding": "x" * 50_000}))
    content = bytearray(file.read_bytes())
    content[4096 : len(content) - 4096] = b"\xaa" * (len(content) - 8192)
    file.write_bytes(content)
    assert "is damaged" in refusal(lambda: Store.open(f"sqlite:///{file}").runs())


def test_a_lock_is_waited_for_and_then_told(store: Store, file: Path) -> None:
    store.add(a_run())
    hasty = Store.open(f"sqlite:///{file}", timeout=0.01)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "is locked by another program" in refusal(lambda: hasty.add(a_run()))
        assert hasty.count() == 1, "reading goes on"
    hasty.add(a_run())
    assert store.count() == 2


def test_a_lock_on_a_new_file_is_told(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "is locked by another program" in refusal(lambda: Store.open(f"sqlite:///{file}", timeout=0.01))


def test_a_full_disk_stores_all_or_nothing(store: Store) -> None:
    first, second = a_run(), a_run(environment={"padding": "x" * 100_000}, curve=[CurvePoint(1, 1, 1, 1, 1, 1, 1)])
    store.add(first)

    def no_room(connection: Any, _record: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(store.database.engine, "connect", no_room)
    assert "has no room left" in refusal(lambda: store.add(second))
    assert store.runs() == [first]
    event.remove(store.database.engine, "connect", no_room)
    store.add(second)
    assert store.get(second.id) == second


def test_a_read_only_file_can_be_read(shelf: Path) -> None:
    shelf.chmod(0o777)
    (shelf / "store.sqlite").chmod(0o444)
    with ordinary_user():
        store = Store.open(f"sqlite:///{shelf / 'store.sqlite'}")
        assert store.count() == 1
        assert "is read-only: make the file and its folder writable" in refusal(lambda: store.add(a_run()))


def test_a_read_only_folder_can_be_read(shelf: Path) -> None:
    run = Store.open(f"sqlite:///{shelf / 'store.sqlite'}").runs()[0]
    (shelf / "store.sqlite").chmod(0o444)
    shelf.chmod(0o555)
    with ordinary_user():
        store = Store.open(f"sqlite:///{shelf / 'store.sqlite'}")
        assert store.get(run.id) == run
        assert store.runs_frame()["run"].tolist() == [run.id]
        assert "make the file and its folder writable" in refusal(lambda: store.add(a_run()))
        assert f"may not create files in {shelf}" in refusal(lambda: Store.open(f"sqlite:///{shelf / 'new.sqlite'}"))
    assert [path.name for path in shelf.iterdir()] == ["store.sqlite"]


def test_what_waits_in_a_log_is_not_overlooked_in_a_read_only_folder(shelf: Path) -> None:
    file = shelf / "store.sqlite"
    with closing(sqlite3.connect(file)) as open_for_long:
        open_for_long.execute("SELECT * FROM harness_runs").fetchall()
        Store.open(f"sqlite:///{file}").add(a_run())
        left = {path.name: path.read_bytes() for path in (file, shelf / "store.sqlite-wal")}
    for name, content in left.items():  # as a machine that lost its power leaves them
        (shelf / name).write_bytes(content)
        (shelf / name).chmod(0o444)
    shelf.chmod(0o555)
    with ordinary_user():
        sentence = refusal(lambda: Store.open(f"sqlite:///{file}"))
    assert "has changes in store.sqlite-wal that cannot be read where nothing can be written: copy both" in sentence
    shelf.chmod(0o755)
    file.chmod(0o644)
    (shelf / "store.sqlite-wal").chmod(0o644)
    assert Store.open(f"sqlite:///{file}").count() == 2, "nothing was lost"


READ_ONLY_DISK = """
import sys
from harness.errors import UserError
from harness.store import Run, Store

store = Store.open(f"sqlite:///{sys.argv[1]}/store.sqlite")
print(store.count(), len(store.curves_frame()))
for write in (lambda: store.delete(["x"]), lambda: Store.open(f"sqlite:///{sys.argv[1]}/new.sqlite")):
    try:
        write()
    except UserError as error:
        print(error)
"""


def test_a_store_on_a_read_only_disk_can_be_read(shelf: Path) -> None:
    mount = f'mount --bind "{shelf}" "{shelf}" && mount -o remount,bind,ro "{shelf}"'
    namespace = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*namespace, mount], capture_output=True).returncode:
        pytest.skip("this system doesn't let a test mount a read-only disk of its own")
    script = [*namespace, f'{mount} && exec "$@"', "sh", sys.executable, "-c", READ_ONLY_DISK, str(shelf)]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.stderr == ""
    told = "lies on a disk that is mounted read-only: mount it so that it can be written, or name another home"
    assert done.stdout.splitlines() == [
        "1 0",
        f"the store {shelf / 'store.sqlite'} {told} with --home",
        f"the store {shelf / 'new.sqlite'} {told} with --home",
    ]


def test_a_disk_without_room_for_another_file_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SimpleNamespace(f_flag=0, f_files=1000, f_favail=0)
    monkeypatch.setattr(os, "statvfs", lambda _folder: disk)
    told = "lies on a disk that has no room for another file (no free inodes): delete files there"
    assert complaints.sentence(file, "unable to open database file").startswith(told)
    disk.f_files = 0
    assert "this user may not create files in" in complaints.sentence(file, "unable to open database file")
    assert complaints.sentence(file, "database or disk is full").startswith("has no room left: free space")


def test_a_folder_that_may_not_be_entered_is_told(shelf: Path) -> None:
    shelf.chmod(0o600)
    with ordinary_user():
        assert "cannot be opened: Permission denied" in refusal(
            lambda: Store.open(f"sqlite:///{shelf / 'store.sqlite'}")
        )


def test_an_unreadable_file_is_told(shelf: Path) -> None:
    shelf.chmod(0o777)
    (shelf / "store.sqlite").chmod(0o000)
    with ordinary_user():
        assert "may not read and write the file" in refusal(lambda: Store.open(f"sqlite:///{shelf / 'store.sqlite'}"))


def test_sqlites_own_addresses_work_read_only(shelf: Path) -> None:
    store = Store.open(f"sqlite:///file:{shelf / 'store.sqlite'}?mode=ro&uri=true")
    assert store.count() == 1
    assert "is read-only" in refusal(lambda: store.update(store.runs()[0].id, state="done"))
    assert store.runs()[0].state == "running"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "no database URL"),
        ("/home/me/store.sqlite", "no database URL"),
        ("sqlite://home/store.sqlite", "no database URL"),
        ("postgresql://me:secret@host:port/runs", "no database URL"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///file:x?mode=memory&uri=true", "in memory"),
        ("oracel://me:secret@host/runs", "oracel"),
        ("postgresql+nonesuch://me:secret@host/runs?password=secret", "nonesuch"),
    ],
)
def test_a_wrong_address_is_told_without_the_password(url: str, words: str) -> None:
    sentence = refusal(lambda: Store.open(url))
    assert words in sentence
    assert "secret" not in sentence


def test_a_mistake_of_this_program_is_no_refusal(places: Places) -> None:
    run, store = a_run(), Store.open(places())
    store.add(run)
    with pytest.raises(IntegrityError):
        store.add(run)
