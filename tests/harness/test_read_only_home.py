"""A home in which nothing can be written: what doctor says of it, and what locks and journals say."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.diagnosis import _home
from harness.errors import UserError
from harness.home import Home
from harness.locking import FileLocks, Life, has_ended
from harness.store import open_store
from harness.tuning.storage import Address, journal, open_storage

from .test_store_refusals import ordinary_user


@pytest.fixture
def home() -> Iterator[Home]:
    """A home of root that others can look into, with a store and a journal."""
    folder = Path(tempfile.mkdtemp())
    found = Home(folder)
    open_store(folder)
    open_storage(Address(journal(found, "s")), found)
    found.locks()
    folder.chmod(0o755)
    yield found
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(folder)


def read_only(home: Home) -> None:
    for path in (*home.path.rglob("*"), home.path):
        path.chmod(0o555 if path.is_dir() else 0o444)


def test_doctor_says_where_the_home_cannot_be_written(home: Home) -> None:
    assert (_home(home).state, _home(home).detail) == ("ok", str(home.path))
    before = sorted(home.path.rglob("*"))
    read_only(home)
    with ordinary_user():
        found = _home(home)
    assert (found.state, found.needed) == ("broken", True)
    assert f"{home.path} cannot be written" in found.detail
    assert "--home" in found.advice
    assert sorted(home.path.rglob("*")) == before, "nothing is left behind"


@pytest.mark.parametrize("name", ["locks", "studies"])
def test_doctor_says_which_folder_cannot_be_written(home: Home, name: str) -> None:
    home.path.chmod(0o777)
    for path in home.path.iterdir():
        path.chmod(0o777 if path.is_dir() else 0o666)
    home.folder(name).chmod(0o555)
    with ordinary_user():
        assert str(home.path / name) in _home(home).detail


def test_doctor_says_which_journal_cannot_be_written(home: Home) -> None:
    for path in (home.path, *home.path.rglob("*")):
        path.chmod(0o777)
    journal(home, "s").chmod(0o444)
    with ordinary_user():
        assert str(journal(home, "s")) in _home(home).detail


def test_locks_and_journals_there_say_what_to_do(home: Home) -> None:
    opened = open_storage(Address(journal(home, "s")), home)
    locks = FileLocks(home.locks())
    with locks.exclusive("one"):
        pass
    worker = home.locks() / "worker.lock"
    worker.touch()
    read_only(home)
    with ordinary_user():
        for name in ("one", "two"):
            with pytest.raises(UserError, match=f"cannot lock .*{name}.lock .Permission denied.: make its folder"):
                locks.exclusive(name).__enter__()
        with pytest.raises(UserError, match="cannot lock"):
            locks.alone("one", "it", "wait").__enter__()
        with pytest.raises(UserError, match="cannot lock"):
            Life(home.locks() / "mine.lock").begin()
        assert not locks.held("one")
        assert has_ended(worker)
        assert worker.exists()
        assert opened.storage.get_all_studies() == []
        assert open_storage(Address(journal(home, "s")), home, create=False).storage.get_all_studies() == []
        with pytest.raises(UserError, match="cannot be written|cannot lock|cannot create"):
            opened.storage.create_new_study([1], "other")
