"""Text of a store that a fault of the disk has changed: the entry is named, and the rest can be saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from harness.cli import run_command
from harness.errors import UserError
from harness.store import Store, store_to_list

from .stores import Places, behind, files
from .test_store_server import a_run
from .test_timings import a_timing

READERS: dict[str, Callable[[Store], object]] = {
    "each": lambda store: list(store.each()),
    "runs": lambda store: store.runs(),
    "frame": lambda store: store.runs_frame(),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("column", ["recipe", "environment", "metrics", "warnings", "backends"])
def test_a_bit_that_flipped_in_json_names_the_run(places: Places, reader: str, column: str) -> None:
    url = places()
    store = Store.open(url)
    for seed in range(3):
        store.add(a_run(seed=seed, recipe={"arch": "lstm"}))
    damaged = store.runs()[1].id
    with behind(url) as connection:
        connection.execute(text(f"UPDATE harness_runs SET {column} = '{{\"a;1' WHERE id = '{damaged}'"))
    with pytest.raises(UserError, match=f"the {column} of run {damaged} in the store") as told:
        READERS[reader](store)
    assert "\n" not in str(told.value)


def test_a_bit_that_flipped_in_the_encoding_names_the_run(tmp_path: Path) -> None:
    url = files(tmp_path)()  # a server sees to the encoding itself
    store = Store.open(url)
    store.add(run := a_run(reason="é"))
    with behind(url) as connection:
        connection.execute(text("UPDATE harness_runs SET reason = CAST(X'c3c3' AS TEXT)"))
    with pytest.raises(UserError, match=f"the reason of run {run.id} in the store"):
        store.runs()


def test_timings_are_named_too(places: Places) -> None:
    url = places()
    store = Store.open(url)
    store.add_timings([timing := a_timing()])
    with behind(url) as connection:
        connection.execute(text("UPDATE harness_timings SET phases = '['"))
    with pytest.raises(UserError, match=f"the phases of timing {timing.id} in the store"):
        list(store.timings())


def test_a_damaged_run_is_told_by_the_verbs_and_can_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HARNESS_HOME", str(tmp_path))
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    store = Store.open(url)
    store.add(kept := a_run(seed=1))
    store.add(damaged := a_run(seed=2))
    with behind(url) as connection:
        connection.execute(text(f"UPDATE harness_runs SET recipe = '{{' WHERE id = '{damaged.id}'"))
    for verb in (["export"], ["show", damaged.id], ["report", "--out", str(tmp_path / "pages")]):
        assert run_command(verb) == 2
        said = capsys.readouterr()
        assert f"run {damaged.id}" in said.err
        assert "Traceback" not in said.err
    assert run_command(["delete", damaged.id, "--yes", "--force"]) == 0
    assert [run.id for run in store_to_list(tmp_path).runs()] == [kept.id]
