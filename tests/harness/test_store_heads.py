"""What suites ask a store for: the heads of runs, and the pairs that they leave out."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from harness.cli import run_command
from harness.errors import UserError
from harness.store import CurvePoint, Run, Store, head, open_store
from harness.store.exchange import merge, read_lines, write_lines
from harness.store.line import document, parse
from harness.store.skip_line import SkipLine
from harness.store.skips import Skip

from .stores import Places, behind

PAIRS = [("lstm", "psmnist", "no published recipe"), ("gru", "adding", "“∞”\u2028 too large")]
EARLY, LATE = "2025-01-01T00:00:00.000000Z", "2025-01-02T00:00:00.000000Z"


def a_run(**changes: Any) -> Run:
    given: dict[str, Any] = {"arch": "lstm", "task": "psmnist", "seed": 0, "metric": "accuracy", "recipe_hash": "0a1b"}
    return Run(recipe={}, recipe_name="standard", **given | changes)


def a_curve(*epochs: int) -> list[CurvePoint]:
    return [CurvePoint(epoch, epoch, 1.0, 1.0, 1.0, 0.5, 1e-3) for epoch in epochs]


@pytest.fixture
def store(places: Places) -> Store:
    return Store.open(places())


@pytest.fixture
def other(places: Places) -> Store:
    return Store.open(places("other"))


def lines(store: Store) -> str:
    out = io.StringIO()
    write_lines(store.skipped(), out)
    return out.getvalue()


def take(store: Store, text: str) -> dict[Any, int]:
    return merge(store, read_lines(io.BytesIO(text.encode()), "in.jsonl"), "in.jsonl, line {}".format)


def test_a_head_tells_how_far_its_run_is(store: Store) -> None:
    known = {"created": EARLY, "updated": LATE, "data_checksum": "d00d", "seconds": 1.5, "device": "cuda"}
    running = a_run(**known, seed=7, curve=a_curve(1, 2, 3), epochs_done=1, environment={"hostname": "node-1"})
    cut_off = a_run(state="interrupted", reason="SIGTERM", created=LATE, epochs_done=4, curve=a_curve(1, 2))
    done = a_run(state="done", created=LATE, epochs_done=2, curve=a_curve(1, 2, 3), environment={"hostname": 5})
    for run in (running, cut_off, done):
        store.add(run)
    heads = {found.id: found for found in store.heads(["0a1b"])}
    assert heads[running.id] == head.Head(
        *(running.id, "0a1b", 7, "cuda", "running", None, 1.5, 1, "node-1", "d00d", EARLY, LATE), last_epoch=3
    )
    assert (heads[cut_off.id].last_epoch, heads[cut_off.id].reason) == (4, "SIGTERM")
    assert (heads[done.id].last_epoch, heads[done.id].hostname) == (2, None), "the curve of what is done isn't read"


def test_heads_are_of_these_recipes_newest_first_and_of_no_trials(store: Store) -> None:
    old, new, trial = a_run(created=EARLY), a_run(created=LATE), a_run(study="s", trial=0)
    for run in (new, old, trial, a_run(recipe_hash="ffff")):
        store.add(run)
    assert [found.id for found in store.heads(iter(["0a1b", "none", "0a1b"]))] == [new.id, old.id]
    assert store.heads([]) == []


def test_more_recipes_than_a_page_have_their_heads(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "PAGE", 3)
    hashes = [f"hash{n}" for n in range(8)]
    for name in hashes:
        store.add(a_run(recipe_hash=name, curve=a_curve(1, 2)))
        store.add(a_run(recipe_hash=name, seed=1, curve=a_curve(1)))
    found = store.heads([*hashes, "none"])
    assert sorted((one.recipe_hash, one.seed, one.last_epoch) for one in found) == sorted(
        (name, seed, 2 - seed) for name in hashes for seed in (0, 1)
    )


def test_what_a_suite_skips_takes_the_place_of_what_it_skipped(store: Store) -> None:
    store.replace_skipped("fair", [*PAIRS, PAIRS[0]])
    store.replace_skipped("quick", [("lstm", "psmnist", "too long")])
    assert store.skipped() == [
        Skip("fair", "gru", "adding", PAIRS[1][2]),
        Skip("fair", "lstm", "psmnist", PAIRS[0][2]),
        Skip("quick", "lstm", "psmnist", "too long"),
    ]
    store.replace_skipped("fair", [("gru", "adding", "another reason")])
    assert [(skip.suite, skip.reason) for skip in store.skipped()] == [
        ("fair", "another reason"),
        ("quick", "too long"),
    ]
    store.replace_skipped("fair", [])
    assert [skip.suite for skip in store.skipped()] == ["quick"]


def test_the_frame_of_skipped_pairs_has_each_once(store: Store) -> None:
    assert store.skipped_frame().columns.tolist() == ["arch", "task", "reason"]
    store.replace_skipped("quick", [("lstm", "psmnist", "too long")])
    store.replace_skipped("fair", PAIRS)
    frame = store.skipped_frame()
    assert [tuple(row) for row in frame.itertuples(index=False)] == [PAIRS[1], PAIRS[0]]


def test_an_older_store_has_no_skipped_pairs_and_takes_them(store: Store) -> None:
    with behind(str(store.database.engine.url.render_as_string(hide_password=False))) as connection:
        connection.exec_driver_sql("DROP TABLE harness_skipped")
    assert store.skipped() == []
    assert store.skipped_frame().empty
    store.replace_skipped("fair", [])
    with store.database.reading() as connection:
        assert not inspect(connection).has_table("harness_skipped"), "nothing is changed where there is nothing to say"
    store.replace_skipped("fair", PAIRS)
    assert len(store.skipped()) == 2


def test_letters_of_names_are_ordered_alike_on_every_database(store: Store) -> None:
    names = ["a", "B", "_", "b", "A", "ä", "a-b", "ab"]
    store.replace_skipped("fair", [(name, "task", "reason") for name in names])
    assert [skip.arch for skip in store.skipped()] == sorted(names)


def test_skipped_pairs_go_through_a_file_without_duplicates(store: Store, other: Store) -> None:
    store.replace_skipped("fair", PAIRS)
    store.replace_skipped("long", [("x" * 500, "y" * 500, "z" * 5000)])
    text = lines(store)
    assert text.isascii()
    assert list(json.loads(text.splitlines()[0])) == ["schema", "suite", "arch", "task", "reason"]
    assert take(other, text + text) == {"new": 3, "updated": 0, "known": 3}
    assert lines(other) == text
    assert take(other, text) == {"new": 0, "updated": 0, "known": 3}
    store.replace_skipped("fair", [(*PAIRS[0][:2], "it does not fit")])
    assert take(other, lines(store)) == {"new": 0, "updated": 1, "known": 1}
    assert [skip.reason for skip in other.skipped() if skip.suite == "fair"] == [PAIRS[1][2], "it does not fit"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown field": ({"extra": 1}, "the schema has no field 'extra'"),
    "a newer schema": ({"schema": 2}, "the schema is 2, and this version reads 1: use the one"),
    "no suite": ({"suite": ""}, "suite: "),
    "no reason": ({"reason": ""}, "reason: "),
    "a task that is none": ({"task": 5}, "task: "),
}


@pytest.mark.parametrize(("changes", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_line_is_refused_and_nothing_is_stored(other: Store, changes: dict[str, Any], told: str) -> None:
    good = document(Skip("fair", "lstm", "adding", "reason"))
    text = json.dumps(good) + "\n" + json.dumps(good | changes)
    with pytest.raises(UserError, match=re.escape(f"in.jsonl, line 2: {told}")):
        take(other, text)
    assert other.skipped() == []


def test_the_fields_are_told_and_none_may_be_missing() -> None:
    page = (Path(__file__).parents[2] / "docs" / "run-schema.md").read_text(encoding="utf-8")
    for name, field in SkipLine.model_fields.items():
        label = field.alias or name
        assert f"`{label}`" in page
        poor = document(Skip("fair", "lstm", "adding", "reason"))
        del poor[label]
        with pytest.raises(ValueError, match=f"the field '{label if label != 'suite' else 'run'}' is missing"):
            parse(json.dumps(poor))


def test_export_writes_them_after_the_runs(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HARNESS_STORE", places())
    open_store().add(a_run(recipe_hash="44136fa355b3678a"))
    open_store().replace_skipped("fair", PAIRS)
    out = tmp_path / "all.jsonl"
    assert run_command(["export", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 1 run, 2 skipped pairs\n"
    assert [next(iter(set(json.loads(line)) & {"run", "suite"})) for line in out.open()] == ["run", "suite", "suite"]
    assert run_command(["export", "--out", str(out), "--arch", "gru"]) == 0
    assert capsys.readouterr().out == f"{out}: 0 runs, 1 skipped pair\n"
    assert run_command(["export", "--out", str(out), "--state", "done"]) == 0
    assert capsys.readouterr().out == f"{out}: 0 runs\n"
    monkeypatch.setenv("HARNESS_STORE", places("other"))
    assert run_command(["export", "--out", str(out)]) == 2
    assert "there is no store" in capsys.readouterr().err
