"""Timings in the store: floors, quartiles, the way through a file, data frames, and stores older than timings."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

import harness
from harness.cli import run_command
from harness.errors import UserError
from harness.store import Phase, Run, Store, Timing, open_store
from harness.store.exchange import merge, read_lines, write_lines
from harness.store.frames import TIMINGS
from harness.store.line import document, parse
from harness.store.timing_line import TimingLine

from .stores import Places

EARLY, LATE = "2025-01-01T00:00:00.000000Z", "2025-01-02T00:00:00.000000Z"
SIZES = {"length": 784, "batch": 32, "input_size": 1, "hidden_size": 128, "num_layers": 1}


def a_timing(**changes: Any) -> Timing:
    given: dict[str, Any] = {
        "phases": {
            "forward": Phase(0.5, [0.1, 0.3, 0.2], [0.2, 0.6, 0.4]),
            "backward": Phase(0.2, [0.4], [0.4]),
            "forward_backward": Phase(0.7, [0.8], [0.8]),
            "step": Phase(1.0, [1 / 3, 0.1 + 0.2], [0.5, 0.25]),
        },
        "memory": {"forward": 1000, "step": None},
        "work": {
            "forward": {"bytes": 4000, "operations": 10_000},
            "backward": {"bytes": 6000, "operations": 90_000},
        },
        "references": {
            "copy": {"bytes": 10_000, "seconds": [0.2, 0.1, 0.3]},
            "product": {"operations": 1_000_000, "seconds": [1.0, 9.0, 3.0]},
        },
        "backends": {"lstm": {"torch": 12}, "other": {"eager": 1}},
        "environment": {"hardware": {"cpu": "Fast 9000"}, "software": {"harness": "1.2"}},
    }
    own = {"dtype": "float32", "device": "cpu", "threads": 2}
    return Timing("0123456789ab", "lstm", {"bias": True}, **SIZES, **own, **given | changes)


def skipped(**changes: Any) -> Timing:
    bare = {"phases": {}, "memory": {}, "work": {}, "references": {}, "backends": {}, "environment": {}}
    return a_timing(state="skipped", reason="needs about 9.0 GB of memory, 1.0 GB are free", **bare | changes)


def a_run() -> Run:
    return Run("lstm", "psmnist", 0, "accuracy", {}, "standard", "44136fa355b3678a")


@pytest.fixture
def store(places: Places) -> Store:
    return Store.open(places())


@pytest.fixture
def older(places: Places) -> Store:
    """A store as the program made it before there were timings, with a run."""
    store = Store.open(places("older"))
    store.add(a_run())
    with store.database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE harness_timings")
    return Store.open(places("older"))


def lines(store: Store) -> str:
    out = io.StringIO()
    write_lines([*store.each(), *store.timings()], out)
    return out.getvalue()


def take(store: Store, text: str) -> dict[Any, int]:
    return merge(store, read_lines(io.BytesIO(text.encode()), "in.jsonl"), "in.jsonl, line {}".format)


def test_a_phase_tells_its_median_quartiles_and_what_the_first_call_cost() -> None:
    phase = Phase(2.0, [0.5, 0.1, 0.2, 0.3, 0.4], [])
    assert (phase.median, phase.quartiles) == (0.3, (0.2, 0.4))
    assert phase.compiling == pytest.approx(1.7)
    assert Phase(0.1, [0.3], [0.3]).quartiles == (0.3, 0.3)
    assert Phase(0.1, [0.3], [0.3]).compiling == 0


def test_a_99th_percentile_needs_a_hundred_times() -> None:
    assert Phase(0.0, [1.0] * 99, []).p99 is None
    assert Phase(0.0, [float(number) for number in range(200, 0, -1)], []).p99 == 198


def parts(step: float, last: float, cpu: float | None = None, device: str = "cpu") -> Timing:
    """Forward and dense backward take 100 ms, the optimizer 10 ms."""
    seconds = {"backward": 0.06, "forward_backward": 0.1, "backward_last_step": last, "optimizer": 0.01}
    phases = {name: Phase(one, [one], [one]) for name, one in seconds.items()}
    phases["step"] = Phase(step, [step], [step if cpu is None else cpu])
    return replace(a_timing(phases=phases), device=device)


def test_a_step_that_takes_longer_than_its_parts_is_warned_of_with_the_likely_cause() -> None:
    assert parts(0.143, 0.5).warning is None, "1.3 x 110 ms + 1 ms"
    assert "subnormal" in str(parts(0.5, 0.45).warning)
    assert "450 ms" in str(parts(0.5, 0.45).warning)
    assert "other work" in str(parts(0.5, 0.06, cpu=0.1).warning)
    for unknown in (parts(0.5, 0.06), parts(0.5, 0.06, cpu=0.1, device="cuda:0")):
        assert "no cause was found" in str(unknown.warning)
    older = parts(0.5, 0.45)
    del older.phases["optimizer"]
    assert older.warning is None


def test_what_is_reached_counts_the_gradient_that_training_has() -> None:
    timing = a_timing()
    assert timing.training_passes == "forward_backward"
    timing.phases["forward_backward_last_step"] = Phase(9.0, [3.0], [3.0])
    assert timing.training_passes == "forward_backward_last_step"
    assert timing.reached(timing.training_passes) == pytest.approx(0.3 / 3.0)
    assert timing.floor("optimizer") is None, "the declared work is that of the layer"


def test_a_line_of_schema_1_is_read() -> None:
    timing = a_timing()
    assert parse(json.dumps(document(timing) | {"schema": 1})) == timing


def test_floors_come_from_the_copy_and_the_product_measured_beside() -> None:
    timing = a_timing()  # 10,000 bytes in 0.2 s and a million operations in 3 s at the median
    forward, both = timing.floor("forward"), timing.floor("forward_backward")
    assert forward is not None
    assert both is not None
    assert (forward.copying, forward.calculating) == pytest.approx((0.08, 0.03))
    assert forward.seconds == pytest.approx(0.08)
    assert (both.copying, both.calculating) == pytest.approx((0.2, 0.3))
    assert both.seconds == pytest.approx(0.3)
    assert timing.floor("step") == both
    assert timing.reached("forward") == pytest.approx(0.08 / 0.2)
    assert timing.reached("forward_backward") == pytest.approx(0.3 / 0.8)


def test_without_the_work_of_the_architecture_the_floor_is_not_known() -> None:
    assert a_timing(work={}).floor("forward") is None
    assert a_timing(references={}).reached("step") is None


def test_a_stored_timing_comes_back_as_it_was(store: Store) -> None:
    early, late = a_timing(created=EARLY), skipped(created=LATE, preset="fig")
    store.add_timings([late])
    store.add_timings([early])
    assert list(store.timings()) == [early, late]
    assert list(store.timings("gru")) == []
    assert list(store.timings(sitting="0123456789ab")) == [early, late]
    assert store.delete_timings("gru") == 0
    assert store.delete_timings("lstm") == 2
    assert list(store.timings()) == []


def test_an_older_store_reads_as_one_without_timings_and_takes_new_ones(older: Store) -> None:
    assert list(older.timings()) == []
    assert older.delete_timings() == 0
    assert older.timings_frame().empty
    with older.database.reading() as connection:
        assert not inspect(connection).has_table("harness_timings"), "nothing is changed by those who only read"
    timing = a_timing()
    older.add_timings([timing])
    assert list(older.timings()) == [timing]
    assert older.count() == 1
    older.add_timings([a_timing()])


def test_an_older_store_takes_an_export_with_timings(older: Store, store: Store) -> None:
    store.add_timings([a_timing(), skipped()])
    assert take(older, lines(store)) == {"new": 2, "updated": 0, "known": 0}
    assert len(list(older.timings())) == 2


def test_a_round_trip_through_a_file_gives_the_same_bytes(store: Store, places: Places) -> None:
    store.add(a_run())
    store.add_timings([a_timing(created=EARLY), skipped(created=LATE, environment={"odd": float("inf")})])
    other = Store.open(places("other"))
    assert take(other, lines(store)) == {"new": 3, "updated": 0, "known": 0}
    assert lines(other) == lines(store)
    assert take(other, lines(store) * 2) == {"new": 0, "updated": 0, "known": 6}
    assert lines(other) == lines(store)


def test_two_timings_of_one_id_are_a_contradiction(store: Store) -> None:
    timing = a_timing()
    store.add_timings([timing])
    wrong = document(timing) | {"threads": 3}
    text = json.dumps(document(a_timing())) + "\n" + json.dumps(wrong)
    told = f"line 2: timing {timing.id} is already stored with other content (threads)"
    with pytest.raises(UserError, match=re.escape(told)):
        take(store, text)
    assert list(store.timings()) == [timing]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown field": ({"extra": 1}, "the schema has no field 'extra'"),
    "a newer schema": ({"schema": 3}, "the schema is 3, and this version reads 1 to 2"),
    "a phase of a later schema": (
        {"schema": 1, "phases": {"optimizer": {"first": 1, "wall": [1], "cpu": [1]}}},
        "phases: schema 1 has no phase 'optimizer'",
    ),
    "an id of capitals": ({"timing": "ABCDEF012345"}, "timing: "),
    "no length": ({"length": 0}, "length: "),
    "a state that isn't": ({"state": "running"}, "state: "),
    "nothing measured": ({"phases": {}}, "phases: a timing that is done has at least one"),
    "measured and skipped": ({"state": "skipped", "reason": "x"}, "state: what was skipped has a reason and no phases"),
    "an unknown phase": ({"phases": {"warp": {"first": 1, "wall": [1], "cpu": [1]}}}, "phases.warp"),
    "no repetition": ({"phases": {"step": {"first": 1, "wall": [], "cpu": []}}}, "phases.step.wall"),
    "times that don't match": (
        {"phases": {"step": {"first": 1, "wall": [1], "cpu": [1, 2]}}},
        "phases.step: 'wall'",
    ),
    "a time below zero": ({"phases": {"step": {"first": 1, "wall": [-1], "cpu": [1]}}}, "phases.step.wall.0"),
    "a copy of nothing": (
        {"references": {"copy": {"bytes": 0, "seconds": [1]}, "product": {"operations": 1, "seconds": [1]}}},
        "references.copy.bytes",
    ),
    "a copy alone": ({"references": {"copy": {"bytes": 1, "seconds": [1]}}}, "references: 'copy' and 'product' go"),
}


@pytest.mark.parametrize(("changes", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_line_is_refused_with_its_reason(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(json.dumps(document(a_timing()) | changes))
    assert str(refused.value).startswith(told)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("field", [field.alias or name for name, field in TimingLine.model_fields.items()])
def test_no_field_may_be_missing(field: str) -> None:
    poor = document(a_timing())
    del poor[field]
    with pytest.raises(ValueError, match="the field '(run|.*)' is missing"):
        parse(json.dumps(poor))


def test_the_schema_is_documented_field_by_field() -> None:
    page = (Path(__file__).parents[2] / "docs" / "run-schema.md").read_text(encoding="utf-8")
    _, _, section = page.partition("## Timings")
    names = [field.alias or name for name, field in TimingLine.model_fields.items()] + list(TIMINGS)
    assert [name for name in names if f"`{name}`" not in section] == []


def test_a_frame_has_a_row_for_every_phase_and_one_for_what_was_skipped(store: Store) -> None:
    store.add_timings([a_timing(created=EARLY), skipped(created=LATE)])
    frame = store.timings_frame()
    assert list(frame.columns) == list(TIMINGS)
    assert frame["phase"].fillna("-").tolist() == ["forward", "backward", "forward_backward", "step", "-"]
    row = frame.iloc[0]
    assert (row["seconds"], row["least"], row["cpu_seconds"], row["repetitions"]) == (0.2, 0.1, 0.4, 3)
    assert (row["memory"], row["bytes"], row["backends"]) == (1000, 4000, "eager, torch")
    assert row["device"] == "cpu: Fast 9000"
    assert row["reached"] == pytest.approx(0.4)
    last = frame.iloc[4]
    assert last["state"] == "skipped"
    assert last["reason"].startswith("needs about")
    assert last[["seconds", "memory", "floor", "reached"]].isna().all()
    assert frame["length"].dtype == "int64"


@pytest.mark.parametrize(
    "changes",
    [
        {"phases": {"forward": Phase(0.5, [0.25], [0.25])}},
        {"phases": {name: Phase(0.0, [0.0], [0.0]) for name in ("forward", "backward", "forward_backward", "step")}},
        {"references": {"copy": {"bytes": 1, "seconds": [0.0]}, "product": {"operations": 1, "seconds": [0.0]}}},
        {"environment": {"load_average": "high", "load_average_after": [None], "clock_mhz_after": "fast"}},
        {"environment": {"load_average": [], "load_average_after": [1.0, 1.0, 1.0], "clock_mhz_after": []}},
    ],
    ids=["one phase", "no time went by", "copies took no time", "words for numbers", "nothing for numbers"],
)
def test_odd_timings_that_import_takes_can_be_listed(
    changes: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = parse(json.dumps(document(a_timing(**changes))))
    assert isinstance(odd, Timing)
    open_store(tmp_path).add_timings([odd])
    assert run_command(["list", "timings", "--home", str(tmp_path)]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[2:3]] == [["lstm", "784"]]
    assert set(harness.timings(str(tmp_path))["phase"]) == set(odd.phases)


def test_the_frame_of_a_home(tmp_path: Path) -> None:
    assert harness.timings(str(tmp_path / "none")).empty
    open_store(tmp_path).add_timings([a_timing()])
    assert set(harness.timings(str(tmp_path))["arch"]) == {"lstm"}
