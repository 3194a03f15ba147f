"""``store copy``: the same bytes on the other side, each run once, all or nothing."""

from __future__ import annotations

import gc
import io
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import addresses
from harness.cli import run_command
from harness.errors import UserError
from harness.store import CurvePoint, Run, Store, open_store, rows
from harness.store.copying import address, copy, same
from harness.store.database import Database
from harness.store.exchange import write_lines

from .older import older
from .stores import Places, databases, files, is_file
from .test_store_server import cut_off
from .test_timings import a_timing

Copied = tuple[int, str, str]
EARLY, LATE = "2025-01-01T00:00:00.000000Z", "2025-01-02T00:00:00.000000Z"


def a_run(**changes: Any) -> Run:
    given: dict[str, Any] = {"recipe": {"lr": 0.1}, "recipe_hash": "c924a5f4ab3bf1f6", "seed": 0, "metric": "mse"}
    return Run(arch="lstm", task="psmnist", recipe_name="standard", **given | changes)


def a_curve(*values: float) -> list[CurvePoint]:
    return [CurvePoint(epoch, 9, 1.5, value, value, value, 1e-3) for epoch, value in enumerate(values, start=1)]


def fill(store: Store) -> Store:
    """Runs of every state with every kind of number and letter, more than a page of two, timings and skipped pairs."""
    store.add(a_run(state="done", metrics={"valid": 0.1 + 0.2, "test": 1 / 3}, curve=a_curve(0.1, 1e-320)))
    store.add(a_run(state="failed", reason="“∞”\u2028\udcff", metrics={"valid": math.nan, "test": None}))
    store.add(a_run(seed=2**63 - 1, curve=a_curve(math.nan, math.inf, -math.inf), created=EARLY, seconds=-math.inf))
    store.add(a_run(state="pruned", study="lstm-psmnist", trial=7, reason="behind", curve=a_curve(0.5)))
    store.add(a_run(state="interrupted", environment={"limit": math.inf, "z": 1, "a": [1, None, "NaN"]}))
    store.add_timings([a_timing(created=EARLY), a_timing(preset="figure")])
    store.replace_skipped("fair", [("lstm", "adding", "“too large”"), ("gru", "adding", "no recipe")])
    return store


def content(store: Store) -> str:
    out = io.StringIO()
    write_lines([*store.each(), *store.timings(), *store.skipped()], out)
    return out.getvalue()


@pytest.fixture(params=["file to server", "server to file", "server to server", "file to file"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of two places."""
    kinds = request.param.split(" to ")
    (tmp_path / "source").mkdir()
    (tmp_path / "target").mkdir()
    if "server" not in kinds:
        yield files(tmp_path / "source")(), files(tmp_path / "target")()
        return
    with databases(request.getfixturevalue("server_url")) as places:
        found: list[str] = []
        for kind, name in zip(kinds, ("source", "target"), strict=True):
            found.append(places(name) if kind == "server" else files(tmp_path / name)())
        yield found[0], found[1]


@pytest.fixture
def stores(pair: tuple[str, str]) -> tuple[Store, Store]:
    """A store with something of everything, and an empty one."""
    return fill(Store.open(pair[0])), Store.open(pair[1])


@pytest.fixture
def copied(capsys: pytest.CaptureFixture[str]) -> Callable[[str, str], Copied]:
    """``copied(SOURCE, TARGET)`` -> exit code, output, complaints."""

    def run(source: str, target: str) -> Copied:
        code = run_command(["store", "copy", source, target])
        return code, *capsys.readouterr()

    return run


def quietly(_done: int, _total: int) -> None:
    """Tell nothing."""


def test_a_copy_has_the_same_bytes_there_and_back(
    stores: tuple[Store, Store], pair: tuple[str, str], copied: Callable[[str, str], Copied], tmp_path: Path
) -> None:
    source, target = stores
    before = content(source)
    assert copied(*pair) == (0, f"{target.name}: 9 new, 0 updated, 0 known already\n", "")
    assert content(target) == content(source) == before
    back = f"sqlite:///{tmp_path / 'back.sqlite'}"
    assert copied(pair[1], back)[0] == 0
    assert content(Store.open(back)) == before
    assert copied(*pair) == (0, f"{target.name}: 0 new, 0 updated, 9 known already\n", "")
    assert content(target) == before


def test_what_the_target_has_stays(stores: tuple[Store, Store]) -> None:
    source, target = stores
    own, early = a_run(seed=5), a_run(created=EARLY, updated=EARLY, curve=a_curve(1))
    late = a_run(id=early.id, created=EARLY, updated=LATE, state="done", metrics={"valid": 1, "test": 1})
    for run in (own, early):
        target.add(run)
    source.add(late)
    assert copy(source, target, quietly) == {"new": 9, "updated": 1, "known": 0}
    assert target.get(own.id) == own
    assert target.get(late.id) == late
    assert target.count() == 7


def test_a_contradiction_on_the_last_page_leaves_the_target_as_it_was(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PAGE", 2)
    source, target = stores
    last = source.runs(limit=1)[0]
    target.add(a_run(id=last.id, created=last.created, updated=last.updated, state="done", parameters=3))
    before = content(target)
    with pytest.raises(UserError) as refused:
        copy(source, target, quietly)
    assert str(refused.value).startswith(f"{source.name}: run {last.id} is already stored with other content (")
    assert "parameters" in str(refused.value)
    assert content(target) == before


def test_no_more_than_a_page_is_held_and_told(stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PAGE", 10)
    source, target = stores
    with source.database.writing() as connection:
        rows.write(connection, [a_run(seed=seed, curve=a_curve(0.5)) for seed in range(95)])
    told, held = [], []

    def tell(done: int, total: int) -> None:
        told.append((done, total))
        gc.collect()
        held.append(sum(type(one) is Run for one in gc.get_objects()))

    gc.collect()
    before = sum(type(one) is Run for one in gc.get_objects())
    assert copy(source, target, tell)["new"] == 104
    assert told == [(done, 100) for done in range(0, 101, 10)]
    assert max(held) - before <= 30
    assert content(target) == content(source)


COPY = """
import sys
from harness.store import Store, copying, rows
rows.PAGE = 2

def tell(done, total):
    if done:
        print("under way", flush=True)
        sys.stdin.readline()

copying.copy(Store.open(sys.argv[1]), Store.open(sys.argv[2]), tell)
"""


def test_a_copy_that_is_killed_leaves_the_target_as_it_was(stores: tuple[Store, Store], pair: tuple[str, str]) -> None:
    source, target = stores
    target.add(a_run(seed=9))
    before = content(target)
    process = subprocess.Popen(
        [sys.executable, "-c", COPY, *pair], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "under way\n"
    assert content(target) == before, "others don't see what isn't finished"
    process.kill()
    process.communicate()
    assert content(target) == before
    assert copy(source, target, quietly)["new"] == 9
    assert target.count() == 6


@pytest.mark.parametrize("which", [0, 1], ids=["source", "target"])
def test_a_server_that_goes_away_is_named_and_nothing_is_copied(
    stores: tuple[Store, Store], pair: tuple[str, str], which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_file(pair[which]):
        pytest.skip("a file doesn't go away")
    monkeypatch.setattr(rows, "PAGE", 2)

    def tell(done: int, _total: int) -> None:
        if done == 2:
            cut_off(pair[which])

    with pytest.raises(UserError) as refused:
        copy(*stores, tell)
    assert str(refused.value).startswith(f"the store {stores[which].name} cannot be used: ")
    assert "\n" not in str(refused.value)
    assert content(stores[1]) == ""


def test_an_older_store_is_copied(places: Places, tmp_path: Path) -> None:
    source = Store.open(older(places()))
    target = Store.open(f"sqlite:///{tmp_path / 'new.sqlite'}")
    assert copy(source, target, quietly)["new"] == 2
    assert content(target) == content(source)


def test_homes_and_files_are_places_too(tmp_path: Path, copied: Callable[[str, str], Copied]) -> None:
    home = tmp_path / "home"
    source = fill(open_store(home))
    for given, made in (
        (str(tmp_path / "copy.db"), tmp_path / "copy.db"),
        (f"{tmp_path}/", tmp_path / "store.sqlite"),
        (f"sqlite:///{tmp_path / 'third.sqlite'}", tmp_path / "third.sqlite"),
    ):
        assert copied(str(home), given) == (0, f"{made}: 9 new, 0 updated, 0 known already\n", "")
        assert content(Store.open(f"sqlite:///{made}")) == content(source)
    (tmp_path / "other").mkdir()
    assert copied(str(tmp_path / "copy.db"), str(tmp_path / "other"))[0] == 0
    assert open_store(tmp_path / "other").count() == 5


def test_a_new_home_is_made(tmp_path: Path, copied: Callable[[str, str], Copied]) -> None:
    (tmp_path / "home").mkdir()
    before = fill(Store.open(f"sqlite:///{tmp_path / 'home' / 'store.sqlite'}"))
    assert copied(str(tmp_path / "home"), f"{tmp_path}/new/other/")[0] == 0
    assert content(Store.open(f"sqlite:///{tmp_path / 'new' / 'other' / 'store.sqlite'}")) == content(before)


def test_a_name_that_no_system_takes_is_one_sentence(copied: Callable[[str, str], Copied]) -> None:
    code, _, complaints = copied("x" * 300, "y")
    assert (code, complaints.count("\n")) == (2, 1)


def test_progress_is_told_with_the_time_left(
    tmp_path: Path, copied: Callable[[str, str], Copied], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.cli.data_report.LINE_EVERY", 0.0)
    monkeypatch.setattr(rows, "PAGE", 2)
    fill(open_store(tmp_path))
    _, out, told = copied(str(tmp_path), str(tmp_path / "copy.sqlite"))
    assert out.count("\n") == 1
    lines = told.splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"copying runs to {tmp_path / 'copy.sqlite'}"] * len(lines)
    assert [line.partition(": ")[2].split(",")[0] for line in lines] == ["", "40%", "80%", "100%"]
    assert all(line.endswith(" s left") for line in lines[1:])


def test_a_source_is_no_target(tmp_path: Path, copied: Callable[[str, str], Copied]) -> None:
    fill(open_store(tmp_path))
    (tmp_path / "link.sqlite").symlink_to("store.sqlite")
    for given in (".", "store.sqlite", "link.sqlite", "../" + tmp_path.name):
        code, out, told = copied(str(tmp_path), str(tmp_path / given))
        assert (code, out) == (2, "")
        assert told == (
            f"error: TARGET: it is the same store as SOURCE, {tmp_path / 'store.sqlite'}: name another one\n"
        )


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("postgresql://me:a@localhost/runs", "postgresql+psycopg://you:b@127.0.0.1:5432/runs?sslmode=require", True),
        ("postgresql://me@host/runs", "postgresql://me@HOST/runs", True),
        ("postgresql://runs@host", "postgresql://host/runs", True),
        ("postgresql://host/runs", "postgresql://host/other", False),
        ("postgresql://host:5433/runs", "postgresql://host/runs", False),
        ("postgresql://host/runs", "sqlite:///runs", False),
        ("sqlite:////nowhere/runs", "sqlite:////nowhere/x/../runs", True),
    ],
)
def test_one_database_has_many_addresses(one: str, other: str, alike: bool) -> None:
    assert same(Database(one), Database(other)) is alike


def test_mistakes_are_told_in_one_sentence_and_nothing_is_made(
    tmp_path: Path, copied: Callable[[str, str], Copied]
) -> None:
    fill(open_store(tmp_path / "home"))
    here, new = str(tmp_path / "home"), str(tmp_path / "new.sqlite")
    wrong = {
        (str(tmp_path / "none"), new): f"SOURCE: there is no store at {tmp_path / 'none'} yet: ",
        (str(tmp_path), new): f"SOURCE: there is no store at {tmp_path / 'store.sqlite'} yet: ",
        ("", new): "SOURCE: the address of the store is no database URL: ",
        ("postgresql:/me:secret@host/x", new): "SOURCE: the address of the store is no database URL: ",
        ("me:secret@host/x", new): "SOURCE: the address of the store is no database URL: ",
        ("oracel://me:secret@host/x", new): "SOURCE: the store oracel://me:***@host/x names an unknown database",
        ("sqlite://", new): "SOURCE: a store in memory would forget its runs",
        (here, ""): "TARGET: the address of the store is no database URL: ",
        (here, "sqlite://"): "TARGET: a store in memory would forget its runs",
        (here, str(tmp_path / "no" / "file")): f"TARGET: the store {tmp_path / 'no' / 'file'} cannot be opened: ",
        (here, "postgresql://me:secret@127.0.0.1:1/x"): "TARGET: the store postgresql+psycopg://me:***@127.0.0.1:1/x",
    }
    for given, sentence in wrong.items():
        code, out, told = copied(*given)
        assert (code, out) == (2, ""), given
        assert told.startswith(f"error: {sentence}"), given
        assert told.count("\n") == 1
        assert "secret" not in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


def test_the_address_of_a_home_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert address("~/") == addresses.of_file(tmp_path / "store.sqlite")
    assert address("~/new.sqlite") == addresses.of_file(tmp_path / "new.sqlite")


def test_the_verb_is_light() -> None:
    program = (
        "import sys; from harness.cli import store; from harness.store import copying; print('torch' in sys.modules)"
    )
    done = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert done == "False\n"
