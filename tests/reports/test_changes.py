"""What changed since the report before: told once, told again the same, and never from a file that is not ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports import changes
from reports.changes import Changes, Memory, Snapshot
from reports.report import Report

from .fakes import frames, hostile, run


def shot(*rows: dict[str, Any]) -> Snapshot:
    return changes.snapshot(Report(frames(*rows)))


def between(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Changes:
    return changes.changes(shot(*before), shot(*after))


A, B = run(run="a", arch="a", test=0.9), run(run="b", arch="b", test=0.8)


def told(found: Changes) -> list[tuple[str, Any, Any]]:
    """Of every row that changed: its architecture, and mean and rank before and after."""
    return [
        (row.line.arch, *((line.mean, line.rank) if line else None for line in (row.before, row.after)))
        for row in found.rows
    ]


def test_new_rows_gone_rows_ranks_and_means() -> None:
    c = run(run="c", arch="c", test=0.95)
    worse = run(run="b2", arch="b", test=0.7, seed=1)
    found = between([A, B, run(run="d", arch="d", test=0.1)], [A, B, worse, c])
    assert told(found) == [
        ("c", None, (0.95, 1)),
        ("a", (0.9, 1), (0.9, 2)),
        ("b", (0.8, 2), (0.75, 3)),
        ("d", (0.1, 3), None),
    ]
    assert found.runs == 1
    assert found.summary == "1 run more, 1 new row, 1 row gone and 2 rows changed"


def test_new_and_gone_rankings_are_told_as_a_whole() -> None:
    found = between([A, run(run="o", task="old")], [A, run(run="n", task="new"), run(run="m", task="new", arch="m")])
    assert [ranking.task for ranking in found.new] == ["new"]
    assert [ranking.task for ranking in found.gone] == ["old"]
    assert found.rows == ()
    assert found.summary == "1 run more, 1 new ranking and 1 ranking gone"


@pytest.mark.parametrize("changed", [{"train_limit": 5}, {"metric": "mse"}, {"selection": "final"}])
def test_other_protocols_are_other_rankings(changed: dict[str, Any]) -> None:
    found = between([A], [A | changed])
    assert (len(found.new), len(found.gone), found.rows) == (1, 1, ())


def test_a_state_that_changed_is_a_row_that_changed_and_another_name_is_none() -> None:
    running = run(run="r", arch="r", state="running", test=None)
    assert [(row.before.state, row.after.state) for row in between([running], [running | {"state": "failed"}]).rows
            if row.before and row.after] == [("running", "failed")]  # fmt: skip
    assert between([A], [A | {"arch_title": "Another", "recipe": "other name"}]).summary == ""


def test_what_is_remembered_is_read_back_to_the_last_digit(tmp_path: Path) -> None:
    first, second = shot(run(test=0.1 + 0.2)), changes.snapshot(Report(hostile()))
    data = changes.remembering(Memory(), first, ["index.html"])
    (tmp_path / changes.FILE).write_bytes(data)
    memory = changes.remembered(tmp_path)
    assert memory == Memory(first, None, ("index.html",))
    (tmp_path / changes.FILE).write_bytes(changes.remembering(memory, second, ["tasks/a.html", "index.html"]))
    assert changes.remembered(tmp_path) == Memory(second, first, ("index.html", "tasks/a.html"))


def test_the_same_content_keeps_what_it_was_compared_with() -> None:
    first, second = shot(A), shot(A, B)
    memory = Memory(second, first)
    assert memory.before(second) == first
    assert memory.before(first) == second
    assert Memory().before(first) is None
    assert Memory(first).before(first) is None


_GOOD = json.loads(changes.remembering(Memory(), shot(A), ["index.html"]))


def _with(place: list[Any], value: object) -> str:
    content = json.loads(json.dumps(_GOOD))
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        '{"version": 3, "runs": []}',
        "[" * 100_000,
        "\udcff",
        _with(["format"], 2),
        _with(["pages"], ["../../etc/passwd.html"]),
        _with(["pages"], ["/etc/passwd.html"]),
        _with(["pages"], ["a/../b.html"]),
        _with(["pages"], ["notes.txt"]),
        _with(["pages"], ["index.html\n"]),
        _with(["current", "runs"], "many"),
        _with(["current", "runs"], -1),
        _with(["current", "rankings", 0, "lines", 0, "mean"], float("nan")),
        _with(["current", "rankings", 0, "lines", 0, "mean"], "0.9"),
        _with(["current", "rankings", 0, "lines", 0, "title"], "\x1b[31m"),
        _with(["current", "rankings", 0, "lines", 0, "title"], "x" * 30_000),
    ],
)
def test_a_file_that_is_not_ours_is_no_memory(text: str, tmp_path: Path) -> None:
    (tmp_path / changes.FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert changes.remembered(tmp_path) == Memory()
    (tmp_path / changes.FILE).write_text(json.dumps(_GOOD))
    assert changes.remembered(tmp_path) != Memory()


def test_where_there_is_no_file_there_is_no_memory(tmp_path: Path) -> None:
    assert changes.remembered(tmp_path) == Memory()
    assert changes.remembered(tmp_path / "missing") == Memory()
    (tmp_path / changes.FILE).mkdir()
    assert changes.remembered(tmp_path) == Memory()


def test_a_ranking_beside_one_of_the_other_direction_is_told_as_new_and_then_no_more() -> None:
    other = run(run="o", arch="o", higher_is_better=not A["higher_is_better"], test=0.4)
    assert between([A], [A, other]).summary == "1 run more and 1 new ranking"
    assert between([A, other], [A, other]).summary == ""
