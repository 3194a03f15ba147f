"""The page of a run: light, with a script that copies and no other, and with all that there is to know of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

import reports
from reports import Frames, addresses
from reports.pages import run as run_page
from reports.report import Report

from .fakes import curve, frames, full, hostile, many, run
from .parsing import Element, parsed, section

SCRIPT = (Path(reports.__file__).parent / "static" / "base.js").read_text(encoding="utf-8")


def pages(of: Frames) -> dict[str, str]:
    return {page.address: page.content for page in run_page.pages(Report(of))}


def only(of: Frames) -> Element:
    (content,) = pages(of).values()
    return parsed(content)


def facts(tree: Element) -> dict[str, str]:
    (found,) = tree.all("dl", class_="facts")
    return {line.all("dt")[0].text: line.all("dd")[0].text for line in found.all("div")}


def test_every_run_has_a_page() -> None:
    report = Report(full())
    assert set(pages(full())) == {addresses.run(one) for one in report.runs}
    assert len(report.runs) == 54


def test_all_that_is_known_is_told() -> None:
    tree = only(frames(run(run="abc", data_checksum="sha256:12", train_limit=500, epochs_done=28)))
    assert tree.all("h1")[0].text == "LSTM on Permuted sequential digits, seed 0"
    assert facts(tree) == {
        "State": "done",
        "Test accuracy": "94.00 %",
        "Validation": "95.00 %",
        "Epochs": "28 of 30",
        "Steps": "1,200",
        "Training time": "22 s",
        "Parameters": "67,466",
        "Training samples": "first 500",
        "Weights tested": "those of the best epoch",
        "Device": "cpu: AMD EPYC 9R14",
        "Threads": "2",
        "Backends": "torch",
        "Operations": "lstm: torch 1,200 times",
        "Created": "2026-03-04T11:58:00+00:00",
        "Version": "0.1.0",
        "Checksum of the data": "sha256:12",
    }
    assert section(tree, "repeat").all("pre")[0].text == run()["command"]
    (trail,) = [link for link in tree.all("nav")[0].all("a") if "pairs/" in (link.get("href") or "")]
    assert trail.get("href") == "../pairs/psdigits--lstm.html"


def test_what_is_not_known_is_left_out_or_says_so() -> None:
    empty = dict.fromkeys(("parameters", "seconds", "threads", "steps", "test"))
    tree = only(
        frames(run(command="", device="", version="", created="", backends="", operations="", selection="") | empty)
    )
    assert facts(tree) == {"State": "done", "Test accuracy": "–", "Validation": "95.00 %", "Epochs": "30"}
    assert [line.text for line in tree.all("p", class_="empty")] == [
        "No curve of this run is known.",
        "The command that repeats it is not known.",
        "Its settings are not known.",
        "It is not known.",
    ]


def test_recipe_and_environment_are_there_to_be_copied() -> None:
    of = replace(
        frames(run()),
        recipes=pd.DataFrame([{"recipe_hash": run()["recipe_hash"], "toml": 'arch = "lstm"\n\n[layer]\nwidth = 3\n'}]),
        environments=pd.DataFrame(
            [{"environment": "e0e0e0e0", "name": name, "value": "1"} for name in ("software.b", "hardware.a")]
        ),
    )
    tree = only(of)
    assert "".join(section(tree, "recipe").all("pre")[0].pieces) == 'arch = "lstm"\n\n[layer]\nwidth = 3\n'
    assert "".join(section(tree, "environment").all("pre")[0].pieces) == "software.b = 1\nhardware.a = 1\n"


def test_a_failed_run_says_why_and_what_it_warned_of() -> None:
    tree = only(frames(run(state="failed", reason="diverged", valid=None, test=None, warnings="one\n\ntwo")))
    assert tree.all("p", class_="reason")[0].text == "Failed: diverged"
    assert [line.text for line in tree.all("ul", class_="warnings")[0].all("li")] == ["one", "two"]


def test_it_has_the_small_script_alone_and_asks_for_nothing() -> None:
    (content,) = pages(frames(run(run="abc"), curves=curve("abc", [0.5, 0.6]))).values()
    tree = parsed(content)
    assert ["".join(script.pieces) for script in tree.all("script")] == [SCRIPT]
    assert not [e for e in tree.every() if e.get("src")]
    assert len(tree.all("figure")[0].all("svg")) == 2


def test_the_table_of_values_is_behind_the_curve() -> None:
    tree = only(frames(run(run="abc"), curves=curve("abc", [0.5, 0.6])))
    (table,) = tree.all("table")
    assert table.rows() == [["1", "50.00", "1.000", "1.200"], ["2", "60.00", "0.5000", "0.6000"]]


def test_ten_thousand_of_them_find_room() -> None:
    # Most of a page is what it shares with all others: a style sheet, a recipe, an environment.
    sizes = [len(content.encode()) for content in pages(many(2, 2, 8)).values()]
    assert max(sizes) < 20_000


def test_the_style_sheet_is_there_without_what_only_its_author_reads() -> None:
    (style,) = only(frames(run())).all("style")
    shown = "".join(style.pieces)
    static = Path(reports.__file__).parent / "static"
    written = "".join((static / name).read_text() for name in ("base.css", "run.css"))

    def bare(css: str) -> str:
        return re.sub(r"\s", "", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)).replace(";}", "}")

    assert bare(shown) == bare(written)
    assert "/*" not in shown
    assert "main > section" in shown
    assert len(shown) < 0.95 * len(written)


def test_the_same_frames_give_the_same_pages_in_any_order_of_rows() -> None:
    first = full()
    shuffled = replace(
        first, **{name: getattr(first, name).sample(frac=1, random_state=6) for name in ("runs", "curves", "recipes")}
    )
    assert pages(shuffled) == pages(first)


def test_hostile_texts_stay_texts() -> None:
    found = pages(hostile())
    assert len(found) == len(Report(hostile()).runs)
    for address, content in found.items():
        assert address == f"runs/{address.removeprefix('runs/').removesuffix('.html').replace('/', '')}.html"
        tree = parsed(content)
        assert ["".join(script.pieces) for script in tree.all("script")] == [SCRIPT]
        assert not [
            e for e in tree.every() if e.tag in ("img", "b") or any(name.startswith("on") for name in e.attributes)
        ]


def test_markup_in_recipe_and_environment_stays_text() -> None:
    evil = "</code></pre><script>alert(1)</script>"
    of = replace(
        frames(run(command=evil, warnings=evil)),
        recipes=pd.DataFrame([{"recipe_hash": run()["recipe_hash"], "toml": evil}]),
        environments=pd.DataFrame([{"environment": "e0e0e0e0", "name": evil, "value": evil}]),
    )
    assert [pre.text for pre in only(of).all("pre")] == [evil, evil, f"{evil} = {evil}"]
