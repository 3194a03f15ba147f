"""Rows that have the same names are told apart, in tables, legends and exports."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from reports import Frames, addresses, rankings
from reports.exports.sheets import overview, sheet
from reports.figures.learning import learning_curves
from reports.figures.pareto import pareto
from reports.pages import architecture, pair, task
from reports.records import Run
from reports.report import Report

from .fakes import curve, frames, run
from .parsing import parsed

OLD = {"code": "1111aaaa2222bbbb", "recipe_hash": "aaaa1111", "created": "2026-03-04T11:58:00+00:00"}
NEW = {"code": "3333cccc4444dddd", "recipe_hash": "bbbb1111", "created": "2026-04-05T11:58:00+00:00"}


def same_name(*changes: dict[str, str]) -> Frames:
    rows = [run(run=f"{place:012x}", test=0.9 - place / 100, **change) for place, change in enumerate(changes)]
    return frames(*rows, curves=pd.concat([curve(row["run"], [0.1, 0.9]) for row in rows]))


def test_recipes_of_one_name_have_their_hash_in_legends_tables_and_exports() -> None:
    report = Report(same_name({"recipe_hash": "aaaa11112222"}, {"recipe_hash": "bbbb11112222"}))
    (ranking,) = report.rankings
    assert [row.label for row in ranking.rows] == ["standard (aaaa1111)", "standard (bbbb1111)"]
    for drawing in (learning_curves(ranking, report.traces, report.numbers), pareto(ranking, report.numbers)):
        assert drawing is not None
        assert [key.detail.split(", ")[0] for key in drawing.keys] == ["aaaa1111", "bbbb1111"]
        assert {line.cells[1] for line in drawing.lines} == {"standard (aaaa1111)", "standard (bbbb1111)"}
    exported = sheet(ranking, report)
    assert [row[2].text for row in exported.rows] == ["standard (aaaa1111)", "standard (bbbb1111)"]
    assert sum("standard (aaaa1111)" in note for note in exported.notes) == 1
    assert any("standard (aaaa1111)" in note for note in overview(report).notes)


def test_names_that_differ_need_nothing_more() -> None:
    (ranking,) = rankings(frames(run(recipe="own", recipe_hash="a"), run(recipe="standard", recipe_hash="b")).records())
    assert [(row.label, row.named, row.code) for row in ranking.rows] == [
        (row.recipe, row.recipe, "") for row in ranking.rows
    ]


def test_rows_of_other_code_tell_it_with_its_version_and_first_day_on_every_page() -> None:
    content = same_name(OLD | {"architecture_version": "1.0"}, NEW, NEW | {"created": "2026-04-01T11:58:00+00:00"})
    content = replace(content, runs=content.runs.assign(seed=range(3)))
    report = Report(content)
    (ranking,) = report.rankings
    assert [row.code for row in ranking.rows] == [
        "code 1111aaaa, version 1.0, first run 2026-03-04",
        "code 3333cccc, first run 2026-04-01",
    ]
    assert [row.label for row in ranking.rows] == ["standard (code 1111aaaa)", "standard (code 3333cccc)"]
    found = {page.address: page.content for of in (task, architecture, pair) for page in of.pages(report)}
    for address in (addresses.task("psdigits"), addresses.architecture("lstm"), addresses.pair("psdigits", "lstm")):
        text = parsed(found[address]).text
        assert all(row.code in text for row in ranking.rows)
    notes = sheet(ranking, report).notes
    assert all(any(note.endswith(row.code) for note in notes) for row in ranking.rows)


def test_code_that_differs_between_tasks_is_told_on_both() -> None:
    found = rankings(frames(run(task="a", **OLD), run(task="b", **NEW)).records())
    assert [row.tag for ranking in found for row in ranking.rows] == ["code 1111aaaa", "code 3333cccc"]


def test_code_that_was_not_recorded_is_said_to_be_so() -> None:
    (ranking,) = rankings(frames(run(**OLD), run(recipe_hash="b", test=0.1)).records())
    assert [row.code for row in ranking.rows] == [
        f"code {code}, first run 2026-03-04" for code in ("1111aaaa", "not recorded")
    ]


def test_two_architectures_of_one_title_have_their_names_in_it() -> None:
    content = frames(run(arch="lstm"), run(arch="mine", arch_title="LSTM", recipe_hash="b", test=0.1), run(arch="LSTM"))
    (ranking,) = rankings(content.records())
    assert {row.arch: row.title for row in ranking.rows} == {
        "lstm": "LSTM (lstm)",
        "mine": "LSTM (mine)",
        "LSTM": "LSTM",
    }
    assert Report(content).titles == {"lstm": "LSTM (lstm)", "mine": "LSTM (mine)", "LSTM": "LSTM"}


def test_a_run_knows_its_code_only_where_the_frame_has_it() -> None:
    bare = frames(run()).runs.drop(columns=["code", "architecture_version", "chance_test", "chance_valid"])
    (found,) = Frames(bare).records()
    assert isinstance(found, Run)
    assert (found.code, found.architecture_version, found.chance_test) == ("", "", None)
