"""A password whose every part is marked goes through the verbs, and nothing of it is found in what they leave."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from harness import addresses
from harness.cli import run_command
from harness.store import Run, Store, open_store

from .stores import behind, databases

PASSWORD = "Tiger@Zebra/Lion:Panda#Koala?Quagga%Okapi Bison"
MARKS = ("Tiger", "Zebra", "Lion", "Panda", "Koala", "Quagga", "Okapi", "Bison")
USER = "keeper"


@pytest.fixture(scope="module")
def urls(server_url: str) -> Iterator[tuple[str, str]]:
    """The URLs of two databases of a user with that password: for a store, and for studies."""
    with databases(server_url) as places:
        made = [places("store"), places("studies")]
        with behind(made[0]) as connection:
            connection.execute(text(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD.replace(':', chr(92) + ':')}'"))
        for url in made:
            with behind(url) as connection:
                connection.execute(text(f"GRANT ALL ON SCHEMA public TO {USER}"))
        first, second = (f"postgresql://{USER}:{quote(PASSWORD, safe='')}@{url.partition('@')[2]}" for url in made)
        try:
            yield first, second
        finally:
            for url in made:
                with behind(url) as connection:
                    connection.execute(text(f"DROP OWNED BY {USER} CASCADE"))
            with behind(made[0]) as connection:
                connection.execute(text(f"DROP ROLE {USER}"))


class Verbs:
    """Runs commands in this process, and keeps all that they said."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd, self.said = capfd, ""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        found = run_command(arguments)
        said = "".join(self._capfd.readouterr())
        self.said += said
        assert found == code, (arguments, found, said)
        return said


def spots(said: str, folder: Path) -> list[str]:
    """Where a mark is found: in what was said, in names of files, in their contents."""
    found = [mark for mark in MARKS if mark in said]
    for path in folder.rglob("*"):
        found += [f"{path}: name" for mark in MARKS if mark in str(path.relative_to(folder))]
        if path.is_file():
            content = path.read_bytes()
            found += [f"{path}: {mark}" for mark in MARKS if mark.encode() in content]
    return found


@pytest.fixture
def verbs(capfd: pytest.CaptureFixture[str]) -> Verbs:
    return Verbs(capfd)


def test_no_part_of_a_password_is_left_anywhere(
    urls: tuple[str, str], verbs: Verbs, plugin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, studies = urls
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HARNESS_STORE", store)
    monkeypatch.setenv("HARNESS_STUDIES", studies)
    pair = ("--arch", "mean", "--task", "sign", "--plugin", plugin, "--epochs", "1", "--set", "batch_size=16")
    tune = ("tune", *pair, "--trials", "1", "--final-seeds", "0")
    verbs("run", *pair)
    verbs("run", *pair, "--set", "trouble=bug", "--set", "at=2", code=1)
    verbs(*tune, "--engine", "local", "--study", "one")
    verbs(*tune, "--engine", "processes", "--study", "two")
    assert "***@127.0.0.1" in verbs("list", "runs", "--json", "--study", "none") + verbs("study", "show", "one")
    verbs("list", "runs", "--json")
    verbs("list", "studies", "--json")
    verbs("study", "show", "one", "--json")
    run = open_store().runs()[0]
    verbs("show", run.id, "--json")
    verbs("show", run.id)
    verbs("export", "--out", "all.jsonl")
    verbs("import", "all.jsonl")
    verbs("report", "--out", "pages", "--plugin", plugin)
    verbs("store", "copy", store, "copy.sqlite")
    monkeypatch.setattr("harness.diagnosis.PACKAGES", {})
    monkeypatch.setattr("harness.diagnosis._backends", lambda _registry: iter(()))
    assert "***@127.0.0.1" in verbs("doctor", "--json")
    verbs("study", "delete", "two", "--yes")
    copied = Store.open(addresses.of_file(tmp_path / "copy.sqlite"))
    assert copied.count() == 4, "what was done is there to be searched"
    assert spots(verbs.said, tmp_path) == []


def test_no_part_of_a_password_is_left_where_verbs_fail(
    urls: tuple[str, str], verbs: Verbs, plugin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = urls
    good = f"sqlite:///{tmp_path / 'good.sqlite'}"
    Store.open(good)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HARNESS_DEBUG", "1")  # tracebacks beside the sentences
    pair = ("--arch", "mean", "--task", "sign", "--plugin", plugin, "--epochs", "1")
    tune = ("tune", *pair, "--trials", "1", "--final-seeds", "0", "--engine", "local")
    url = make_url(store)
    raw = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:1/runs"
    broken = [
        url.set(password=PASSWORD + "Hippo").render_as_string(hide_password=False),
        url.set(database="nonesuch").render_as_string(hide_password=False),
        url.set(port=1).render_as_string(hide_password=False),
        f"{store}?password={quote(PASSWORD, safe='')}&patience=5",
        url.set(drivername="postgresql+nonesuch").render_as_string(hide_password=False),
        raw,
        raw.replace("://", ":/"),
        raw.removeprefix("postgresql:"),
        f"host=127.0.0.1 user={USER} password='{PASSWORD}'",
        f"'{store}'",
    ]
    for one in broken:
        monkeypatch.setenv("HARNESS_STORE", one)
        for arguments in (
            ("list", "runs"),
            ("run", *pair),
            ("export", "--out", "x.jsonl"),
            ("report", "--out", "pages"),
        ):
            verbs(*arguments, code=2)
        with monkeypatch.context() as lighter:
            lighter.setattr("harness.diagnosis.PACKAGES", {})
            lighter.setattr("harness.diagnosis._backends", lambda _registry: iter(()))
            verbs("doctor", code=1)
        monkeypatch.setenv("HARNESS_STORE", good)
        verbs("store", "copy", good, one, code=2)
        verbs("store", "copy", one, good, code=2)
        verbs("study", "show", "one", "--storage", one, code=2)
        verbs(*tune, "--storage", one, code=2)
        monkeypatch.setenv("HARNESS_STUDIES", one)
        verbs("list", "studies", code=2)
        verbs("import", os.devnull)
        monkeypatch.delenv("HARNESS_STUDIES")
    for misplaced in (raw, store, raw.replace("://", ":/")):
        verbs("export", "--out", misplaced, code=2)
        verbs("report", f"--out={misplaced}", code=2)
        verbs("list", "runs", misplaced, code=2)
        verbs("list", "runs", "--stroage", misplaced, code=2)
        verbs(misplaced, code=2)
        verbs("run", *pair, "--home", misplaced, code=2)
        verbs("run", *pair, "--data-root", misplaced, code=2)
        verbs("import", misplaced, code=2)
    assert spots(verbs.said, tmp_path) == []


def test_the_commands_to_go_on_by_hold_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.cli.training import this_command

    for words in (
        ["--storage", f"postgresql://me:{PASSWORD}@host/db"],
        [f"--storage=postgresql:/me:{PASSWORD}@host/db"],
    ):
        monkeypatch.setattr("sys.argv", ["harness", "suite", "run", "small", *words, "--workers", "2"])
        told = this_command()
        assert not [mark for mark in MARKS if mark in told]
        assert told.endswith("--workers 2")


def test_a_run_that_fails_by_an_error_with_a_password_keeps_none(
    urls: tuple[str, str], verbs: Verbs, plugin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HARNESS_DEBUG", "1")
    file = Path(plugin)
    told = f"no connection to postgresql://me:{PASSWORD}@host/db"
    file.write_text(file.read_text().replace('"mat1 and mat2 do not fit"', repr(told)))
    pair = ("--arch", "mean", "--task", "sign", "--plugin", plugin, "--epochs", "1", "--set", "batch_size=16")
    verbs("run", *pair, "--set", "trouble=bug", "--set", "at=2", code=1)
    verbs("export")
    [run] = open_store().runs()
    assert isinstance(run, Run)
    assert run.state == "failed"
    assert "no connection to" in str(run.reason)
    file.unlink()
    for cache in tmp_path.rglob("*.pyc"):
        cache.unlink()
    assert spots(verbs.said.replace(repr(told), ""), tmp_path) == []
