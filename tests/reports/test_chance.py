"""A result that is no better than chance says so wherever it stands: on every page and in every export."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from reports import Frames, addresses, export, table
from reports.pages import architecture, overview, pair, task
from reports.report import Report

from .fakes import frames, run
from .parsing import parsed

MARKS = {
    "lstm": "at chance in every seed",
    "gru": "worse than a constant predictor",
    "cornn": "hardly better than chance",
    "unicornn": "",
}
TESTS = {"lstm": (0.24, 0.24), "gru": (0.2, 0.24), "cornn": (0.25, 0.26), "unicornn": (0.9, 0.8)}


@pytest.fixture(scope="module")
def content() -> Frames:
    return frames(
        *(
            run(arch=arch, arch_title=arch, recipe_hash=arch, seed=seed, test=test, valid=test, chance_test=0.24)
            for arch, tests in TESTS.items()
            for seed, test in enumerate(tests)
        )
    )


@pytest.mark.parametrize("arch", MARKS)
def test_every_page_with_the_mean_marks_it(content: Frames, arch: str) -> None:
    report = Report(content)
    found = {page.address: page.content for of in (overview, task, architecture, pair) for page in of.pages(report)}
    for address, name, place in (("index.html", "grid", 0), (addresses.task("psdigits"), "ranking", 1)):
        tree = parsed(found[address])
        (rows,) = [one for one in tree.all("table") if name in (one.attributes.get("id"), one.attributes.get("class"))]
        (text,) = [row.text for row in rows.all("tr") if row.children[place].text.startswith(arch)]
        assert [mark for mark in MARKS.values() if mark and mark in text] == [MARKS[arch]] * bool(MARKS[arch])
        assert "chance level" in tree.text
    for address in (addresses.architecture(arch), addresses.pair("psdigits", arch)):
        text = parsed(found[address]).text
        assert [mark for mark in MARKS.values() if mark and mark in text] == [MARKS[arch]] * bool(MARKS[arch])
    assert "24.00 %" in parsed(found[addresses.pair("psdigits", arch)]).text


def test_csv_and_json_have_the_level_and_the_verdict(content: Frames, tmp_path: Path) -> None:
    expected = {arch: ("0.24", mark) for arch, mark in MARKS.items()}
    rows = csv.DictReader(io.StringIO(export(content, tmp_path, "csv")[0].read_text(), newline=""))
    assert {row["arch"]: (row["chance_level"], row["against_chance"]) for row in rows} == expected
    found = json.loads(export(content, tmp_path, "json")[0].read_text())
    assert {row["arch"]: (str(row["chance_level"]), row["against_chance"]) for row in found} == expected


@pytest.mark.parametrize(
    ("form", "file", "sign"), [("md", "leaderboard.md", "†"), ("latex", "overview.tex", r"\dag{}")]
)
def test_tables_for_papers_mark_the_mean_and_explain_the_mark(
    content: Frames, form: str, file: str, sign: str, tmp_path: Path
) -> None:
    export(content, tmp_path, form)
    lines = (tmp_path / file).read_text().splitlines()
    (row,) = [line for line in lines if "24.00" in line and "90.00" not in line and "85.00" in line]
    assert row.count(sign) == 3
    for arch, mark in MARKS.items():
        assert any(f"{sign} {arch}" in line and mark in line for line in lines) == bool(mark)


def test_a_run_that_failed_is_not_marked() -> None:
    (row,) = table(frames(run(state="failed", test=None, chance_test=0.24)))
    assert (row["chance_level"], row["against_chance"]) == (0.24, "")


def test_the_level_of_a_ranking_is_that_of_its_results() -> None:
    failed = run(arch="gru", recipe_hash="b", state="failed", test=None)
    assert [one.chance_level for one in Report(frames(run(chance_test=0.24), failed)).rankings] == [0.24]
    other = run(arch="gru", recipe_hash="b", chance_test=0.3)
    assert [one.chance_level for one in Report(frames(run(chance_test=0.24), other)).rankings] == [None]
