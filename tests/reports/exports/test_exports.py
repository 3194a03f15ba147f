"""Tables, data and figures outside pages: the numbers of the pages, and nothing that runs where they are opened."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from reports import Frames, export, table
from reports.exports import FORMATS, data, latex, markdown
from reports.exports.sheets import Cell, Sheet, overview, sheet
from reports.ranking.leaderboard import COLUMNS
from reports.report import Report

from ..fakes import frames, full, hostile, hostile_texts, run, runs, store


@pytest.fixture(scope="module")
def report() -> Report:
    return Report(store())


def read_csv(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))


def test_latex_has_booktabs_a_table_a_ranking_and_the_best_in_bold(report: Report) -> None:
    psmnist = next(ranking for ranking in report.rankings if ranking.task == "psmnist")
    text = latex.table(sheet(psmnist, report))
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "Rank" not in line]
    assert len(rows) == len(psmnist.rows) == 5
    assert [r"\textbf{" in row for row in rows] == [True, False, False, False, False]
    first = psmnist.rows[0].test
    assert first is not None
    assert first.half_width is not None
    assert rf"\textbf{{{100 * first.mean:.2f} $\pm$ {100 * first.half_width:.2f}}}" in rows[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 % & more_{x}$y$#1", r"50 \% \& more\_\{x\}\$y\$\#1"),
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("a~b^c", r"a\textasciitilde{}b\textasciicircum{}c"),
        ("4.084×10⁻⁴ ± 7.0×10⁻⁴", r"4.084$\times 10^{-4}$ $\pm$ 7.0$\times 10^{-4}$"),
        ("−1 – 2", "$-$1 -- 2"),
        ("two\nlines", "two lines"),
    ],
)
def test_latex_sets_every_text_as_it_is(text: str, expected: str) -> None:
    assert latex.escaped(text) == expected


def test_latex_shows_every_figure_in_a_file_of_its_own(tmp_path: Path) -> None:
    export(store(), tmp_path, "latex")
    text = (tmp_path / "figures.tex").read_text()
    shown = re.findall(r"\\includegraphics\[[^]]+\]\{(figures/[^}]+)\}", text)
    assert sorted(shown) == sorted(f"figures/{file.name}" for file in (tmp_path / "figures").glob("*.pdf"))
    captions = re.findall(r"\\caption\{(.+)\}", text)
    assert any(caption.startswith("Permuted sequential digits: Learning curves. ") for caption in captions)
    assert len(re.findall(r"\\label\{", text)) == len(set(re.findall(r"\\label\{[^}]+\}", text))) == len(captions)
    assert r"\input{figures}" in (tmp_path / "all.tex").read_text()


def test_what_a_reader_must_know_stands_below_the_table(tmp_path: Path) -> None:
    export(frames(run(test=0.9, recipe="standard, hidden_size=60, a long name of a recipe")), tmp_path, "latex")
    text = (tmp_path / "task-psdigits.tex").read_text()
    assert "a long name of a recipe" in text, "nothing is cut"
    assert "p{4cm}" in text
    below = text.split(r"\end{tabular}")[1]
    assert "One seed: there is no interval" in below
    assert "Times are means a run on" in below
    assert "%" not in below.replace(r"\%", "")


def test_the_overview_says_which_recipe_stands_for_an_architecture() -> None:
    content = overview(Report(full()))
    assert content.heads[0] == "Task"
    assert content.heads[-2:] == ("Seeds", "Epochs")
    notes = " ".join(content.notes)
    assert "Adding problem: all standard" in notes
    assert "Permuted sequential MNIST: coRNN published, GRU" in notes


def test_a_sheet_without_rows_is_a_comment_and_a_sentence() -> None:
    empty = Sheet("overview", "All tasks", "A caption.", ("Architecture",), ())
    assert latex.table(empty).startswith("% overview")
    assert markdown.table(empty) == "There are no runs yet."


def test_markdown_tables_have_as_many_cells_as_heads_also_with_hostile_names() -> None:
    hostile_report = Report(hostile())
    for ranking in hostile_report.rankings:
        heads, line, *rows = markdown.table(sheet(ranking, hostile_report)).splitlines()
        bars = len(re.findall(r"(?<!\\)\|", heads))
        assert all(len(re.findall(r"(?<!\\)\|", row)) == bars for row in (line, *rows))


def test_markdown_shows_tags_and_links_as_text() -> None:
    assert markdown.escaped("<b>[x](y)|*_`") == r"\<b\>\[x\]\(y\)\|\*\_\`"
    cells = (Cell("<script>", best=True),)
    assert markdown.table(Sheet("a", "a", "a", ("h",), (cells,))).splitlines()[-1] == r"| **\<script\>** |"


def test_the_overview_marks_one_best_an_architecture_that_failed_has_its_state(report: Report) -> None:
    content = overview(report)
    for row in content.rows:
        assert sum(cell.best for cell in row) == 1
    gru = [row[content.heads.index("GRU")].text for row in content.rows]
    assert "failed" in gru
    assert "not run" in gru


def test_a_single_seed_has_no_interval_in_any_form(tmp_path: Path) -> None:
    one = frames(run(test=0.9))
    for form in FORMATS:
        export(one, tmp_path / form, form)
    assert "90.00 (n = 1)" in (tmp_path / "latex/overview.tex").read_text()
    assert r"90.00 \(n = 1\)" in (tmp_path / "md/leaderboard.md").read_text()
    [row] = read_csv(tmp_path / "csv/rankings.csv")
    assert (row["n"], row["low"], row["high"]) == ("1", "", "")
    [entry] = json.loads((tmp_path / "json/leaderboard.json").read_text())
    assert entry["low"] is entry["high"] is None


def test_csv_and_json_hold_what_the_table_says(tmp_path: Path) -> None:
    content = store()
    export(content, tmp_path, "csv")
    export(content, tmp_path, "json")
    expected = table(content)
    assert json.loads((tmp_path / "leaderboard.json").read_text()) == expected
    rows = read_csv(tmp_path / "rankings.csv")
    assert [float(row["mean"]) for row in rows if row["mean"]] == [row["mean"] for row in expected if row["n"]]
    assert list(rows[0]) == list(COLUMNS) == list(expected[0])
    assert [row["run"] for row in read_csv(tmp_path / "runs.csv")] == [one.run for one in Report(content).runs]


def test_whole_numbers_stay_whole_where_others_are_missing(tmp_path: Path) -> None:
    export(frames(run(train_limit=5000), run(seed=1)), tmp_path, "csv")
    assert {row["train_limit"] for row in read_csv(tmp_path / "runs.csv")} == {"", "5000"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", " =1+1", "'=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert data.safe(text) == f"'{text}"


def test_numbers_and_plain_texts_stay_as_they_are_in_csv() -> None:
    assert [data.safe(value) for value in (-0.5, None, True, "LSTM", "a=b")] == [-0.5, None, True, "LSTM", "a=b"]
    assert data.safe(["one", "two"]) == "one\ntwo"


def test_hostile_texts_survive_csv_and_are_no_formulas(tmp_path: Path) -> None:
    export(hostile(), tmp_path, "csv")
    found = read_csv(tmp_path / "runs.csv")
    assert len(found) == 4 * len(hostile_texts())
    for row in found:
        assert not any((cell or "").lstrip(" ").startswith(("=", "@", "+")) for cell in row.values())


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_frames_give_the_same_bytes_in_any_order(form: str, tmp_path: Path) -> None:
    content = full()
    fields = {name: frame.iloc[::-1] for name, frame in vars(content).items() if name != "environments"}
    turned = Frames(**fields, environments=content.environments)
    one = export(content, tmp_path / "one", form)
    other = export(turned, tmp_path / "other", form)
    assert [file.relative_to(tmp_path / "one") for file in one] == [
        file.relative_to(tmp_path / "other") for file in other
    ]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, other, strict=True))


def test_figures_are_pdf_and_png_for_latex_and_linked_from_markdown(tmp_path: Path) -> None:
    content = store()
    written = export(content, tmp_path / "latex", "latex")
    kinds = {file.suffix: file.read_bytes()[:4] for file in written if file.parent.name == "figures"}
    assert kinds == {".pdf": b"%PDF", ".png": b"\x89PNG"}
    export(content, tmp_path / "md", "md")
    linked = re.findall(r"\]\((figures/[^)]+)\)", (tmp_path / "md/leaderboard.md").read_text())
    assert linked
    assert all((tmp_path / "md" / name).is_file() for name in linked)


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_store_is_exported(form: str, tmp_path: Path) -> None:
    first, *_ = export(Frames(runs()), tmp_path, form)
    assert first.is_file()


def test_a_folder_that_is_a_file_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="cannot write .* name another folder"):
        export(frames(run()), tmp_path / "file", "json")
    assert (tmp_path / "file").read_text() == "mine"


def test_runs_in_csv_have_every_field(report: Report, tmp_path: Path) -> None:
    export(store(), tmp_path, "csv")
    assert list(read_csv(tmp_path / "runs.csv")[0]) == list(asdict(report.runs[0]))
