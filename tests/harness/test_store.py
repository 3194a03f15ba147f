"""What the store promises to one process: everything comes back as it was put in, and queries use their indices."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from harness.errors import UserError
from harness.store import CurvePoint, NoStore, Run, Store, open_store, rows, store_to_list, utc_now

from .stores import Places


def a_run(**changes: Any) -> Run:
    given: dict[str, Any] = {"arch": "lstm", "task": "psmnist", "seed": 0, "metric": "accuracy", "recipe_hash": "0a1b"}
    return Run(recipe={"training": {"epochs": 3}}, recipe_name="standard", **given | changes)


def a_point(epoch: int, **changes: Any) -> CurvePoint:
    point = CurvePoint(epoch, 10 * epoch, seconds=1.5, train_loss=0.1 + 0.2, valid_loss=1 / 3, valid=0.9, lr=1e-3)
    return dataclasses.replace(point, **changes)


@pytest.fixture
def store(places: Places) -> Store:
    return Store.open(places())


@pytest.fixture
def in_a_file(tmp_path: Path) -> Store:
    """For what is SQLite's own."""
    return Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")


def test_a_run_comes_back_as_it_was_stored(store: Store) -> None:
    run = a_run(
        task="psmnist[permutation=cornn]",
        seed=2**63 - 1,
        state="failed",
        reason="diverged at step 7: 'loss' is “∞”",
        metrics={"valid": 0.1 + 0.2, "test": None},
        curve=[a_point(1), a_point(2)],
        parameters=2**40,
        parameters_without_embedding=5,
        epochs_done=2,
        steps_done=20,
        seconds=1e-9,
        device="cuda",
        environment={"hardware": {"gpus": ["H100"], "cpu": None}, "z": 1, "a": [1.5, True, "ü"]},
        backends={"cornn": {"eager": 12}},
        data_checksum="f" * 64,
        warnings=["short budget"],
    )
    store.add(run)
    found = store.get(run.id)
    assert found == run
    assert list(found.environment) == ["hardware", "z", "a"], "the order of keys is kept"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 5e-324, 0.1 + 0.2, 1.7976931348623157e308])
def test_every_float_survives(store: Store, value: float) -> None:
    floats = dict.fromkeys(("seconds", "train_loss", "valid_loss", "valid", "lr"), value)
    run = a_run(seconds=value, metrics={"valid": value, "test": value}, curve=[a_point(1, **floats)])
    store.add(run)
    found = store.get(run.id)
    values = [found.seconds, *found.metrics.values(), *(getattr(found.curve[0], name) for name in floats)]
    assert [repr(one) for one in values] == [repr(value)] * 8


def test_text_that_no_database_takes_is_marked_instead_of_lost(store: Store) -> None:
    run = a_run(state="failed", reason="file \udcff\0", warnings=["\ud800"], environment={"\udcff": "\0"})
    store.add(run)
    found = store.get(run.id)
    assert (found.reason, found.warnings, found.environment) == ("file \ufffd\ufffd", ["\ufffd"], {"\ufffd": "\ufffd"})


def test_update_sets_fields_and_the_time(store: Store) -> None:
    run = a_run()
    store.add(run)
    store.update(run.id, state="done", metrics={"valid": 0.5, "test": math.nan}, backends={"lstm": {"torch": 3}})
    found = store.get(run.id)
    assert (found.state, found.metrics["valid"], found.backends) == ("done", 0.5, {"lstm": {"torch": 3}})
    assert math.isnan(found.metrics["test"] or 0)
    assert found.created == run.created
    assert found.updated > run.updated
    assert found.seed == run.seed


def test_update_refuses_fields_that_a_run_lacks_or_keeps(store: Store) -> None:
    run = a_run()
    store.add(run)
    for wrong in ("stat", "id", "created", "curve"):
        with pytest.raises(TypeError, match=wrong):
            store.update(run.id, **{wrong: "x"})


def test_a_deleted_run_cannot_be_written_any_more(store: Store) -> None:
    run = a_run()
    store.add(run)
    store.delete([run.id])
    for write in (lambda: store.update(run.id, state="done"), lambda: store.log(run.id, [a_point(1)])):
        with pytest.raises(UserError, match=f"run {run.id} is not in the store any more"):
            write()
    assert store.curves_frame().empty


def test_log_replaces_points_of_the_same_epoch(store: Store) -> None:
    run = a_run()
    store.add(run)
    store.log(run.id, [a_point(1), a_point(2)])
    store.log(run.id, [a_point(2, valid=0.5), a_point(3), a_point(3, valid=0.7)])
    store.log(run.id, [])
    assert [(point.epoch, point.valid) for point in store.get(run.id).curve] == [(1, 0.9), (2, 0.5), (3, 0.7)]


def test_restart_curve_forgets_what_came_after_the_checkpoint(store: Store) -> None:
    run, other = a_run(curve=[a_point(1), a_point(2), a_point(3)]), a_run(curve=[a_point(1)])
    store.add(run)
    store.add(other)
    store.restart_curve(run.id, [a_point(1, valid=0.1)])
    assert [point.valid for point in store.get(run.id).curve] == [0.1]
    assert store.get(other.id).curve == other.curve


def test_get_takes_a_unique_beginning(store: Store) -> None:
    for run_id in ("abc000000000", "abd000000000", "f00000000000"):
        store.add(a_run(id=run_id))
    assert store.get("F").id == "f00000000000"
    assert store.get("abc").id == "abc000000000"
    with pytest.raises(UserError, match="several runs begin with 'ab' \\(abc000000000, abd000000000\\)"):
        store.get("ab")
    with pytest.raises(UserError, match="did you mean 'abc000000000'"):
        store.get("abc00000000f")
    for unknown in ("", "xyz", "%", "_"):
        with pytest.raises(UserError, match=f"there is no run '{unknown}'"):
            store.get(unknown)


def test_find_tells_recipe_seed_and_device_apart_newest_first(store: Store) -> None:
    old, new = a_run(created="2025-01-01T00:00:00.000000Z"), a_run(created="2025-01-02T00:00:00.000000Z")
    for run in (new, old, a_run(seed=1), a_run(device="cuda"), a_run(recipe_hash="ffff")):
        store.add(run)
    assert [run.id for run in store.find("0a1b", 0, "cpu")] == [new.id, old.id]


def test_trials_are_found_by_their_study_and_left_out_elsewhere(store: Store) -> None:
    run, pruned = a_run(), a_run(study="s", trial=1, state="pruned", reason="behind", curve=[a_point(1)])
    done, other = a_run(study="s", trial=0, state="done", arch="gru"), a_run(study="t", trial=0)
    for one in (run, pruned, done, other):
        store.add(one)
    assert [(one.id, one.trial, one.curve) for one in store.of_study("s")] == [(pruned.id, 1, []), (done.id, 0, [])]
    assert store.of_study("none") == []
    assert [one.id for one in store.find("0a1b", 0, "cpu")] == [run.id]
    assert [one.id for one in store.runs()] == [run.id]
    assert [one.id for one in store.runs(study="s")] == [done.id, pruned.id]
    assert [one.id for one in store.runs(study="s", state="pruned", arch="lstm")] == [pruned.id]
    assert store.runs(state="pruned") == []
    assert store.get(pruned.id) == pruned
    assert [one.id for one in store.each()] == [run.id, pruned.id, done.id, other.id]
    assert store.count() == 4
    frame = store.runs_frame()
    assert (frame["study"].tolist()[1:], frame["trial"].tolist()[1:]) == (["s", "s", "t"], [1, 0, 0])
    assert frame["trial"].dtype == "float64"
    assert frame[["study", "trial"]].isna().loc[0].all()


def test_a_trial_can_be_given_another_number(store: Store) -> None:
    run = a_run(study="s", trial=1)
    store.add(run)
    store.update(run.id, trial=9)
    assert [one.trial for one in store.of_study("s")] == [9]


def test_runs_are_filtered_and_newest_first(store: Store) -> None:
    runs = [
        a_run(arch=arch, task=task, state=state, curve=[a_point(1)])
        for arch in ("lstm", "gru")
        for task in ("psmnist", "psmnist[permutation=cornn]")
        for state in ("done", "failed")
    ]
    for run in runs:
        store.add(run)
    newest = [run.id for run in reversed(runs)]
    assert [run.id for run in store.runs()] == newest
    assert [run.id for run in store.runs(limit=3)] == newest[:3]
    assert [run.id for run in store.runs(arch="gru", task="psmnist", state="failed")] == [runs[5].id]
    assert store.runs(task="psmnist", with_curves=True)[0].curve == [a_point(1)]
    assert store.runs(task="psmnist")[0].curve == []
    assert [run.id for run in store.each(arch="lstm")] == [run.id for run in runs[:4]]
    assert store.count() == 8
    with pytest.raises(UserError, match="a run is never 'fail' \\(did you mean 'failed'"):
        store.runs(state="fail")


def test_more_runs_than_a_page_come_with_their_own_curves(store: Store) -> None:
    with store.database.writing() as connection:
        rows.write(connection, [a_run(seed=n, curve=[a_point(1), a_point(n + 2)]) for n in range(2 * rows.PAGE + 1)])
    found = list(store.each())
    assert len(found) == 2 * rows.PAGE + 1
    assert all([point.epoch for point in run.curve] == [1, run.seed + 2] for run in found)
    assert store.delete([run.id for run in found[1:]]) == 2 * rows.PAGE
    assert [run.id for run in store.runs()] == [found[0].id]
    assert len(store.curves_frame()) == 2, "curves go with their runs"


def test_frames_have_their_columns_and_types_with_and_without_runs(store: Store) -> None:
    empty, empty_curves = store.runs_frame(), store.curves_frame()
    run = a_run(
        metrics={"valid": 0.5, "test": None},
        environment={"threads": 2, "hardware": {"cpu": "Xeon"}, "software": {"harness": "0.1.0"}},
        backends={"b": {"eager": 1, "cpu": 2}, "a": {"eager": 3}},
        curve=[a_point(1, train_loss=math.nan)],
    )
    store.add(run)
    store.add(
        dataclasses.replace(
            a_run(metric="mse", created=utc_now()), recipe={}, epochs_done=7, environment={"hardware": 1}
        )
    )
    frame, curves = store.runs_frame(), store.curves_frame()
    assert list(empty.columns) == list(frame.columns)
    assert list(empty_curves.columns) == list(curves.columns)
    numbers = frame.select_dtypes(["number", "bool"]).dtypes
    assert empty.dtypes[numbers.index].equals(numbers)
    first, second = frame.to_dict("records")
    assert (first["run"], first["valid"], first["epochs"], first["threads"]) == (run.id, 0.5, 3, 2)
    assert (first["device"], first["backends"], first["version"]) == ("cpu: Xeon", "cpu, eager", "0.1.0")
    assert (first["recipe"], first["higher_is_better"], second["higher_is_better"]) == ("standard", True, False)
    assert math.isnan(first["test"])
    assert math.isnan(first["train_limit"])
    assert (second["device"], second["epochs"]) == ("cpu", 7)
    assert curves.loc[0, ["run", "epoch", "step", "valid"]].tolist() == [run.id, 1, 10, 0.9]
    assert math.isnan(curves.loc[0, "train_loss"])


@pytest.mark.parametrize("odd", ["abc", None, 2**70, -1, True, 1.5, math.inf, [], {}])
def test_what_does_not_fit_a_frame_is_missing(store: Store, odd: Any) -> None:
    good = a_run(environment={"threads": 2, "software": {"harness": "0.1.0"}})
    bad = dataclasses.replace(
        a_run(epochs_done=7, environment={"threads": odd, "software": {"harness": 5}}),
        recipe={"training": {"epochs": odd, "train_limit": odd}},
    )
    for run in (good, bad):
        store.add(run)
    frame = store.runs_frame()
    assert [str(frame[name].dtype) for name in ("epochs", "threads", "train_limit")] == ["int64", "float64", "float64"]
    assert frame["epochs"].tolist() == [3, 7]
    assert frame["threads"].isna().tolist() == [False, True]
    assert frame["train_limit"].isna().all()
    assert frame["version"].isna().tolist() == [False, True]


def test_queries_over_ten_thousand_runs_use_their_indices(in_a_file: Store) -> None:
    with in_a_file.database.writing() as connection:
        for start in range(0, 10_000, rows.PAGE):
            some = range(start, start + rows.PAGE)
            rows.write(connection, [a_run(seed=n % 5, arch=f"arch{n % 40}", task=f"task{n % 20}") for n in some])
    asked: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(in_a_file.database.engine, "before_cursor_execute", listen)
    some_run = in_a_file.runs(limit=1)[0]
    in_a_file.find("0a1b", 3, "cpu")
    in_a_file.runs(arch="arch1", task="task1")
    in_a_file.runs(task="task1")
    in_a_file.runs(state="done")
    in_a_file.of_study("none")
    in_a_file.runs(study="none")
    in_a_file.get(some_run.id[:8])
    event.remove(in_a_file.database.engine, "before_cursor_execute", listen)
    with in_a_file.database.reading() as connection:
        plans = [
            [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in asked
        ]
    assert [len(plan) for plan in plans] == [1] * 9, "nothing is sorted or searched for besides"
    assert [step.split(" (")[0] for (step,) in plans] == [
        "SEARCH harness_runs USING INDEX harness_runs_study",
        "SEARCH harness_runs USING INDEX harness_runs_same",
        "SEARCH harness_runs USING INDEX harness_runs_pair",
        "SEARCH harness_runs USING INDEX harness_runs_task",
        "SEARCH harness_runs USING INDEX harness_runs_state",
        "SEARCH harness_runs USING INDEX harness_runs_study",
        "SEARCH harness_runs USING INDEX harness_runs_study",
        "SEARCH harness_runs USING INDEX sqlite_autoindex_harness_runs_1",
        "SEARCH harness_curves USING PRIMARY KEY",
    ]


def test_every_commit_is_flushed_to_the_disk(in_a_file: Store) -> None:
    with in_a_file.database.reading() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 3}, "3 is EXTRA"


def test_open_store_makes_the_home_and_obeys_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "new" / "home"
    run = a_run()
    open_store(home).add(run)
    assert open_store(str(home)).get(run.id) == run
    monkeypatch.setenv("HARNESS_STORE", f"sqlite:///{tmp_path / 'elsewhere.sqlite'}")
    assert open_store(home).count() == 0
    assert (tmp_path / "elsewhere.sqlite").exists()


def test_a_store_that_is_only_read_is_not_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with pytest.raises(NoStore, match=f"there is no store at {home / 'store.sqlite'} yet: 'harness run', 'speed' and"):
        open_store(home, create=False)
    nothing = store_to_list(home)
    assert nothing.name == str(home / "store.sqlite")
    assert (nothing.count(), nothing.runs(), list(nothing.each())) == (0, [], [])
    assert not home.exists()
    run = a_run(curve=[a_point(1)])
    open_store(home).add(run)
    assert open_store(home, create=False).get(run.id) == run
    frame, empty = store_to_list(home).runs_frame(), nothing.runs_frame()
    assert (frame["run"].tolist(), empty["run"].tolist()) == ([run.id], [])
    assert list(empty.columns) == list(frame.columns)
    assert nothing.curves_frame().empty


def test_no_connection_stays_open_between_transactions(in_a_file: Store) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("this system doesn't list the open files of a process")
    in_a_file.add(a_run())
    in_a_file.runs()
    folder = str(Path(in_a_file.name).parent)
    assert not [fd for fd in descriptors.iterdir() if fd.is_symlink() and str(fd.readlink()).startswith(folder)]


def test_a_frame_of_one_recipe_has_no_other_runs(store: Store) -> None:
    wanted, other = a_run(recipe_hash="0a1b"), a_run(recipe_hash="0a1c")
    store.add(wanted)
    store.add(other)
    assert list(store.runs_frame("0a1b")["run"]) == [wanted.id]
    assert set(store.runs_frame()["run"]) == {wanted.id, other.id}


def test_what_is_read_is_of_one_moment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PAGE", 2)
    runs = [a_run(seed=seed, curve=[a_point(1)]) for seed in range(5)]
    for run in runs:
        store.add(run)
    found = store.each()
    first = next(found)
    store.delete([runs[4].id])
    store.log(runs[3].id, [a_point(2)])
    store.add(a_run())
    assert [first, *found] == runs
    assert store.count() == 5
