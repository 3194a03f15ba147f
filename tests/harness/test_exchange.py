"""Export and import: the same bytes after a round trip, and nothing stored from a file with one wrong line."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from harness.recipe import content_hash
from harness.recipes import listed, named
from harness.registry import Registry
from harness.store import CurvePoint, Run, Store
from harness.store.exchange import merge, read_lines, write_file, write_lines
from harness.store.line import Line, Point, document, parse

from .older import older
from .stores import Places

FULL = Path("/dev/full")
EARLY, LATE = "2025-01-01T00:00:00.000000Z", "2025-01-02T00:00:00.000000Z"


def a_run(**changes: Any) -> Run:
    given: dict[str, Any] = {"recipe": {"lr": 0.1}, "recipe_name": "standard", "metric": "accuracy"} | changes
    given.setdefault("recipe_hash", content_hash(given["recipe"]))
    if given.get("state") == "done":
        given.setdefault("metrics", {"valid": 0.5, "test": None if "trial" in given else 0.25})
    return Run(arch="lstm", task="psmnist", seed=0, **given)


def a_curve(*values: float) -> list[CurvePoint]:
    return [
        CurvePoint(epoch, 10 * epoch, 1.5, value, value, value, 1e-3) for epoch, value in enumerate(values, start=1)
    ]


def lines(store: Store) -> str:
    out = io.StringIO()
    write_lines(store.each(), out)
    return out.getvalue()


def take(store: Store, text: str) -> dict[Any, int]:
    return merge(store, read_lines(io.BytesIO(text.encode()), "in.jsonl"), "in.jsonl, line {}".format)


@pytest.fixture
def store(places: Places) -> Store:
    """A store with one run of every state, and every kind of number and letter."""
    store = Store.open(places())
    store.add(
        a_run(state="done", metrics={"valid": 0.1 + 0.2, "test": 1 / 3}, curve=a_curve(0.1, 1e-320), created=LATE)
    )
    store.add(a_run(state="failed", reason="“∞”\u2028\udcff", metrics={"valid": math.nan, "test": None}, created=LATE))
    store.add(a_run(metric="mse", curve=a_curve(math.nan, math.inf, 0.0), created=EARLY, seconds=-math.inf))
    store.add(a_run(state="pruned", study="lstm-psmnist", trial=7, reason="behind the others", curve=a_curve(0.5)))
    store.add(a_run(state="interrupted", environment={"limit": math.inf, "deep": {"list": [1, None, "NaN"]}}))
    return store


@pytest.fixture
def other(places: Places) -> Store:
    return Store.open(places("other"))


def test_a_round_trip_gives_the_same_bytes_and_runs(store: Store, other: Store) -> None:
    text = lines(store)
    assert text.isascii()
    assert text.count("\n") == 5
    assert take(other, text) == {"new": 5, "updated": 0, "known": 0}
    assert lines(other) == text
    assert repr(list(other.each())) == repr(list(store.each()))


def test_lines_are_ordered_by_time_of_creation(store: Store) -> None:
    created = [json.loads(line)["created"] for line in lines(store).splitlines()]
    assert created[:3] == [EARLY, LATE, LATE]
    assert created == sorted(created)


def test_every_line_is_json_that_strict_readers_take(store: Store) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    documents = [json.loads(line, parse_constant=refuse) for line in lines(store).splitlines()]
    assert all(list(one) == [field.alias or name for name, field in Line.model_fields.items()] for one in documents)
    assert [point["valid"] for point in documents[0]["curve"]] == ["NaN", "Infinity", 0.0]
    assert documents[0]["seconds"] == "-Infinity"


def test_the_schema_is_documented_field_by_field() -> None:
    page = (Path(__file__).parents[2] / "docs" / "run-schema.md").read_text(encoding="utf-8")
    fields = [field.alias or name for name, field in Line.model_fields.items()] + list(Point.model_fields)
    assert [name for name in fields if f"`{name}`" not in page] == []


def test_importing_twice_changes_nothing(store: Store) -> None:
    text = lines(store)
    assert take(store, text + text) == {"new": 0, "updated": 0, "known": 10}
    assert lines(store) == text


def test_a_later_state_of_an_unfinished_run_takes_its_place(other: Store) -> None:
    early = a_run(state="failed", reason="out of memory", curve=a_curve(0.1), updated=EARLY)
    late = a_run(id=early.id, state="done", created=early.created, curve=a_curve(0.1, 0.2), updated=LATE)
    other.add(early)
    text = "".join(json.dumps(document(run)) + "\n" for run in (late, early))
    assert take(other, text) == {"new": 0, "updated": 1, "known": 1}
    assert other.get(late.id) == late
    assert take(other, text) == {"new": 0, "updated": 0, "known": 2}
    assert other.get(late.id) == late


@pytest.mark.parametrize(
    ("stored", "imported"),
    [
        ({"state": "done", "updated": EARLY}, {"state": "done", "updated": LATE}),
        ({"state": "done", "updated": EARLY}, {"state": "running", "updated": LATE}),
        ({"state": "running", "updated": LATE}, {"state": "done", "updated": EARLY}),
        ({"state": "running", "updated": LATE}, {"state": "running", "updated": LATE, "epochs_done": 9}),
    ],
)
def test_contradictions_are_refused_and_nothing_is_stored(other: Store, stored: Any, imported: Any) -> None:
    run = a_run(**stored)
    other.add(run)
    before = lines(other)
    text = (
        json.dumps(document(a_run())) + "\n" + json.dumps(document(a_run(id=run.id, created=run.created, **imported)))
    )
    with pytest.raises(UserError, match=f"in.jsonl, line 2: run {run.id} is already stored with other content \\("):
        take(other, text)
    assert lines(other) == before


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown field": ({"extra": 1}, "the schema has no field 'extra'"),
    "a newer schema": ({"schema": 3, "extra": 1}, "the schema is 3, and this version reads 1 to 2"),
    "an id of capitals": ({"run": "ABCDEF012345"}, "run: "),
    "a number as text": ({"seed": "3"}, 'seed: Input should be a valid integer, got "3"'),
    "a fraction of a seed": ({"seed": 1.5}, "seed: "),
    "a truth as a number": ({"seed": True}, "seed: "),
    "a negative count": ({"parameters": -1}, "parameters: "),
    "more than 64 bits": ({"steps_done": 2**63}, "steps_done: "),
    "a state that isn't": ({"state": "finished"}, "state: "),
    "a metric that isn't": ({"metric": "f1"}, "metric: "),
    "a score as text": ({"metrics": {"valid": "good", "test": None}}, "metrics.valid: "),
    "a split that is missing": ({"metrics": {"test": None}}, "metrics: 'valid' is missing"),
    "a date without a zone": ({"created": "2025-01-01T00:00:00.000000"}, "created: "),
    "a day that isn't": ({"created": "2025-02-30T00:00:00.000000Z"}, "created: "),
    "epochs that fall": (
        {"curve": [document(a_run(curve=a_curve(0.1, 0.2)))["curve"][n] for n in (1, 0)]},
        "curve: the epochs",
    ),
    "a point too poor": ({"curve": [{"epoch": 1}]}, "the field 'curve.0.step' is missing"),
    "a time before computers": ({"created": "1969-12-31T23:59:59.000000Z"}, "created: the year must be from 1970"),
    "a time at the end of the calendar": ({"updated": "9999-12-31T23:59:59.000000Z"}, "updated: the year must be"),
    "a seed below zero": ({"seed": -1}, "seed: "),
    "a seed of more than 63 bits": ({"seed": 2**63}, "seed: "),
    "an accuracy in percent": ({"metrics": {"valid": 98.3, "test": None}}, "metrics.valid: an accuracy must be a frac"),
    "an accuracy below zero": ({"metrics": {"valid": 0.5, "test": -0.1}}, "metrics.test: an accuracy must be a frac"),
    "an infinite accuracy": ({"metrics": {"valid": "Infinity", "test": None}}, "metrics.valid: an accuracy must be"),
    "percents in the curve": ({"curve": document(a_run(curve=a_curve(0.5, 50)))["curve"]}, "curve.1.valid: an accur"),
    "an error below zero": ({"metric": "mse", "metrics": {"valid": 9, "test": -1}}, "metrics.test: mse is never nega"),
    "a done run without a score": ({"state": "done"}, "metrics: 'test' must be a number in a run that is done"),
    "a trial of nothing": ({"trial": 0}, "study: 'study' and 'trial' go together"),
    "a study without a trial": ({"study": "s"}, "study: 'study' and 'trial' go together"),
    "a study without a name": ({"study": "", "trial": 0}, "study: "),
    "a trial below zero": ({"study": "s", "trial": -1}, "trial: "),
    "a trial that was tested": (
        {"study": "s", "trial": 0, "metrics": {"valid": 0.5, "test": 0.5}},
        "metrics: 'test' must be null in a trial of a study",
    ),
    "a done trial without a score": (
        {"study": "s", "trial": 0, "state": "done"},
        "metrics: 'valid' must be a number in a run that is done",
    ),
    "a pruned run that is no trial": ({"state": "pruned"}, "state: only a trial of a study is pruned"),
    "a trial of schema 1": ({"schema": 1, "study": "s", "trial": 0}, "schema 1 has no field 'study'"),
    "another hash": (
        {"recipe_hash": "0a1b"},
        'recipe: its content has the hash c924a5f4ab3bf1f6, but recipe_hash is "0',
    ),
    "another recipe": ({"recipe": {"lr": 0.2}}, "recipe: its content has the hash "),
    "a recipe with one more key": ({"recipe": {"lr": 0.1, "extra": None}}, "recipe: its content has the hash "),
    "an empty name": ({"arch": ""}, "arch: "),
    "a recipe that is a list": ({"recipe": []}, "recipe: "),
}


@pytest.mark.parametrize(("changes", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_line_is_named_and_nothing_is_stored(other: Store, changes: dict[str, Any], reason: str) -> None:
    good, wrong = document(a_run()), document(a_run()) | changes
    with pytest.raises(UserError) as refused:
        take(other, f"{json.dumps(good)}\n\n{json.dumps(wrong)}\n{json.dumps(good)}\n")
    assert str(refused.value).startswith(f"in.jsonl, line 3: {reason}")
    assert str(refused.value).endswith("; nothing was imported")
    assert "\n" not in str(refused.value)
    assert other.count() == 0


@pytest.mark.parametrize("score", [0.0, 1.0, math.nan])
def test_possible_scores_are_taken(other: Store, score: float) -> None:
    run = a_run(state="done", metrics={"valid": score, "test": score}, curve=a_curve(score))
    assert take(other, json.dumps(document(run)))["new"] == 1
    assert repr(other.get(run.id)) == repr(run)
    diverged = a_run(state="done", metric="mse", metrics={"valid": math.inf, "test": math.inf}, curve=a_curve(math.inf))
    assert take(other, json.dumps(document(diverged)))["new"] == 1


def test_trials_are_taken_without_a_test_score(other: Store) -> None:
    trials = [a_run(study="s", trial=number, state=state) for number, state in enumerate(("done", "pruned", "failed"))]
    assert take(other, "\n".join(json.dumps(document(run)) for run in trials))["new"] == 3
    assert other.of_study("s") == trials
    assert [document(run)["trial"] for run in other.each()] == [0, 1, 2]


LINE_OF_SCHEMA_1 = (
    '{"schema":1,"run":"aaaaaaaaaaaa","arch":"lstm","task":"psdigits","seed":0,"state":"done","reason":null,'
    '"metric":"accuracy","metrics":{"valid":0.5,"test":0.25},"recipe_name":"standard","recipe_hash":"8979192e5780ee06",'
    '"recipe":{"arch":"lstm","task":"psdigits","layer":{"hidden_size":8},"training":{"epochs":2,"lr":0.001}},'
    '"parameters":9,"parameters_without_embedding":9,"epochs_done":1,"steps_done":10,"seconds":1.5,"device":"cpu",'
    '"environment":{"threads":1},"backends":{"lstm":{"torch":10}},"data_checksum":"d00d","warnings":[],'
    '"created":"2025-01-01T00:00:00.000000Z","updated":"2025-01-01T00:00:00.000000Z","curve":[{"epoch":1,"step":10,'
    '"seconds":1.5,"train_loss":2.0,"valid_loss":2.5,"valid":0.5,"lr":0.001}]}'
)


def test_a_line_of_schema_1_is_a_run_that_is_no_trial(other: Store) -> None:
    assert take(other, LINE_OF_SCHEMA_1) == {"new": 1, "updated": 0, "known": 0}
    [run] = other.runs(with_curves=True)
    assert (run.study, run.trial, run.metrics, len(run.curve)) == (None, None, {"valid": 0.5, "test": 0.25}, 1)
    now = json.loads(lines(other))
    assert now == json.loads(LINE_OF_SCHEMA_1) | {"schema": 2, "study": None, "trial": None}
    assert take(other, LINE_OF_SCHEMA_1 + "\n" + lines(other)) == {"new": 0, "updated": 0, "known": 2}
    with pytest.raises(UserError, match="the field 'curve' is missing"):
        take(other, LINE_OF_SCHEMA_1.partition(',"curve"')[0] + "}")


def test_a_store_of_version_1_takes_an_import(places: Places) -> None:
    found = Store.open(older(places("older")))
    before = lines(found)
    assert take(found, before + LINE_OF_SCHEMA_1) == {"new": 0, "updated": 0, "known": 3}
    trial = a_run(study="s", trial=0, state="done")
    assert take(found, json.dumps(document(trial)))["new"] == 1
    assert lines(found).startswith(before)


def test_every_shipped_recipe_keeps_its_hash_on_the_way_through_a_file() -> None:
    registry = Registry()
    recipes = [named(registry, arch, task, name).recipe for task, arch, name, _ in listed(registry)]
    exported = [json.loads(json.dumps(document(a_run(recipe=recipe.to_dict()))))["recipe"] for recipe in recipes]
    assert [content_hash(recipe) for recipe in exported] == [recipe.hash for recipe in recipes]
    assert any("variant" not in recipe for recipe in exported)


def test_a_plugins_recipe_keeps_its_hash_on_the_way_through_a_file(registry: Registry) -> None:
    recipe = named(registry, "mean", "sign", "standard", {"lr": 0.5}).recipe
    assert recipe.code
    assert content_hash(json.loads(json.dumps(recipe.to_dict()))) == recipe.hash


@pytest.mark.parametrize("field", [field.alias or name for name, field in Line.model_fields.items()])
def test_no_field_may_be_missing(field: str) -> None:
    poor = document(a_run())
    del poor[field]
    with pytest.raises(ValueError, match=f"the field '{field}' is missing"):
        parse(json.dumps(poor))


@pytest.mark.parametrize(
    "text", ["{", "", "null", "[]", '{"schema": 1', "\ufffd", '{"reason": "\\ud800"}', "[" * 100_000]
)
def test_what_is_no_run_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="JSON|object"):
        parse(text)


def test_bytes_that_are_no_text_are_refused(other: Store) -> None:
    with pytest.raises(UserError, match="line 1: byte 10 .0xff. is not UTF-8"):
        read_lines([b'{"arch": "\xff"}'], "in.jsonl")


def test_a_mark_of_byte_order_and_windows_line_ends_are_fine(store: Store, other: Store) -> None:
    take(other, "\ufeff" + lines(store).replace("\n", "\r\n"))
    assert lines(other) == lines(store)


def test_a_file_appears_whole_or_not_at_all(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "runs.jsonl"
    out.write_text("before")

    def breaks() -> Any:
        yield store.runs()[0]
        raise UserError("the store is gone")

    with pytest.raises(UserError, match="the store is gone"):
        write_file(breaks(), out)
    assert out.read_text() == "before"
    assert write_file(store.each(), out) == 5
    assert out.read_text() == lines(store)
    left = {path.suffix for path in tmp_path.iterdir()} - {".sqlite"}
    assert left == {".jsonl"}, "nothing is left lying about"


def test_a_link_keeps_pointing_at_its_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "target.jsonl").touch()
    (tmp_path / "link.jsonl").symlink_to("target.jsonl")
    write_file(store.each(), tmp_path / "link.jsonl")
    assert (tmp_path / "link.jsonl").is_symlink()
    assert (tmp_path / "target.jsonl").read_text() == lines(store)


def test_a_file_that_cannot_be_written_is_told(store: Store, tmp_path: Path) -> None:
    for place, reason in ((tmp_path / "no" / "x", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(UserError, match=f"cannot write {place} \\({reason}\\)"):
            write_file(store.each(), place)


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full, a disk that is always full")
def test_a_full_disk_is_told(store: Store) -> None:
    with pytest.raises(UserError, match="cannot write /dev/full \\(No space left on device\\)"):
        write_file(store.each(), FULL)
