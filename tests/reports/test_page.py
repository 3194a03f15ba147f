"""The page: pure, self-contained, unharmed by what others write, and with every state in words."""

from __future__ import annotations

import base64
import hashlib
import math
import re

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reports import Frames
from reports.html import page

from .fakes import curve, frames, hostile, hostile_texts, run, runs, store
from .parsing import Element, parsed, section


@pytest.fixture(scope="module")
def whole() -> str:
    return page(store())


@pytest.fixture(scope="module")
def tree(whole: str) -> Element:
    return parsed(whole)


def test_the_same_frames_give_the_same_bytes_in_any_order_of_rows_and_columns(whole: str) -> None:
    first = store()
    shuffled = Frames(
        runs=first.runs.sample(frac=1, random_state=7).iloc[:, ::-1],
        curves=first.curves.sample(frac=1, random_state=8),
        architectures=first.architectures.iloc[::-1],
        tasks=first.tasks.iloc[::-1],
    )
    assert page(first) == whole
    assert page(shuffled) == whole


def test_nothing_is_asked_of_the_network(tree: Element, whole: str) -> None:
    for element in tree.every():
        for name, value in element.attributes.items():
            if name in ("src", "href", "action", "data", "poster", "srcset"):
                assert (value or "").startswith(("#", "data:")), (element.tag, name, value)
    assert "@import" not in whole
    assert not re.search(r"url\((?!#)", whole)
    (policy,) = [e.get("content") for e in tree.all("meta") if e.get("http_equiv") == "Content-Security-Policy"]
    (script,) = tree.all("script")
    digest = base64.b64encode(hashlib.sha256("".join(script.pieces).encode()).digest()).decode()
    assert policy is not None
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_a_ranking_shows_what_its_rows_say(tree: Element) -> None:
    (table,) = section(tree, "task-psdigits").all("table", class_="ranking")
    heads = [head.text for head in table.all("thead")[0].all("th")]
    assert heads[:5] == ["Rank", "Architecture", "Test mean, %", "95 % interval", "Seeds92.4397.48"]
    first = dict(zip(heads, table.rows()[0], strict=True))
    assert first["Rank"] == "1"
    assert first["Architecture"].startswith("UnICORNN standard 287aaed9")
    assert first["Test mean, %"] == "96.38"
    assert first["95 % interval"] == "± 2.02"
    assert first["n"] == "3"
    assert first["Parameters"] == "35,082"
    assert first["Epochs"] == "23–30 of 30"
    assert first["Time per run"] == "25 s"
    assert first["Machine"] == "cpu: AMD EPYC 9R14, 2 threads, eager"
    assert "Trained on the whole training set" in table.all("caption")[0].text


def test_the_protocol_is_told_with_its_ranking_and_nothing_where_it_is_not_known() -> None:
    leaky, plain = run(task="leaky", task_protocol="Windows of one patient are in all parts."), run(task="plain")
    tree = parsed(page(frames(leaky, plain)))
    (told,) = tree.all("p", class_="protocol")
    assert told.text == "Protocol: Windows of one patient are in all parts."
    assert told in section(tree, "task-leaky").all("p")


def test_a_limited_training_set_is_told_in_heading_and_caption(tree: Element) -> None:
    part = section(tree, "task-smnist-first-5000")
    assert part.all("p", class_="subtitle")[0].text == "smnist, first 5,000 training samples"
    assert "the first 5,000 samples of the training set" in part.all("caption")[0].text


def test_a_single_seed_gets_no_interval_anywhere(tree: Element) -> None:
    for part in (section(tree, "task-smnist-first-5000"), section(tree, "overview")):
        for row in part.all("tr"):
            text = row.text
            if "Sequential MNIST smnist" in text or part.get("aria_labelledby") != "overview":
                assert "±" not in text
    rows = section(tree, "task-smnist-first-5000").all("table", class_="ranking")[0].rows()
    assert [row[3] for row in rows] == ["n = 1, no interval"] * 2


def test_the_best_seed_is_never_shown_as_a_mean() -> None:
    tree = parsed(page(frames(run(test=0.9), run(test=0.7, seed=1))))
    (row,) = tree.all("table", class_="ranking")[0].rows()
    heads = [head.text for head in tree.all("table", class_="ranking")[0].all("th", scope="col")]
    assert row[heads.index("Test mean, %")] == "80.00"
    assert row[heads.index("Best, %")] == "90.00"
    assert "90.00" not in section(tree, "overview").text


def test_every_state_is_told_in_words(tree: Element) -> None:
    overview = section(tree, "overview").text
    for words in ("not run", "failed", "n = 2; 1 failed", "n = 4; 1 interrupted", "n = 4; 1 running"):
        assert words in overview
    assert "out of memory in epoch 1" in overview
    assert "54 (49 done, 1 running, 1 interrupted, 3 failed)" in tree.text
    notes = section(tree, "task-psmnist").all("ol", class_="notes")[0].text
    assert "Seed 4 interrupted, not in the mean: SIGTERM after epoch 31" in notes


def test_every_note_is_pointed_to_and_every_pointer_ends_at_something(tree: Element) -> None:
    identifiers = [element.get("id") for element in tree.every() if element.get("id")]
    assert len(identifiers) == len(set(identifiers))
    targets = {(link.get("href") or "")[1:] for link in tree.all("a")}
    assert targets <= set(identifiers)
    assert {item.get("id") for part in tree.all("ol", class_="notes") for item in part.all("li")} <= targets
    for element in tree.every():
        assert set((element.get("aria_labelledby") or "").split()) <= set(identifiers)


def test_no_name_of_a_task_takes_an_identifier_of_the_page() -> None:
    names = ["overview", "content", "method", "tasks", "a", "a-a", "a caption", "a scope", "a--a", "a!", "1", ""]
    tree = parsed(page(frames(*(run(task=name) for name in names), curves=curve("000000000000", [0.1, 0.2]))))
    identifiers = [element.get("id") for element in tree.every() if element.get("id")]
    assert len(identifiers) == len(set(identifiers))


def test_tables_can_be_read_by_a_screen_reader(tree: Element) -> None:
    tables = tree.all("table")
    assert len(tables) == 11
    for table in tables:
        assert table.all("caption")[0].text
        assert all(head.get("scope") == "col" for head in table.all("thead")[0].all("th"))
        for row in table.all("tbody")[0].all("tr"):
            assert [head.get("scope") for head in row.all("th")] == ["row"]
    for table in tree.all("table", class_="ranking"):
        assert [head.text for head in table.all("th") if head.get("aria_sort") == "ascending"] == ["Rank"]


def test_the_newest_run_dates_the_page() -> None:
    rows = [run(created="2026-03-04T23:58:00+02:00"), run(created="2026-03-04T21:59:00Z"), run(created="yesterday")]
    assert "Data up to 2026-03-04 21:59 UTC" in parsed(page(frames(*rows))).text.replace("to2", "to 2")


def test_parameters_outside_an_embedding_are_told_where_they_differ() -> None:
    text = parsed(page(frames(run(parameters=9000, parameters_without_embedding=1000)))).text
    assert "9,000 1,000 without embedding" in text
    assert "without embedding" not in parsed(page(frames(run()))).text


def test_an_architecture_that_only_runs_know_keeps_its_place() -> None:
    found = Frames(runs(run(arch="gone", arch_title="Gone")), architectures=store().architectures)
    assert "Gone gone Not installed here, known from its runs only." in parsed(page(found)).text


@pytest.mark.parametrize(
    "empty",
    [
        Frames(pd.DataFrame()),
        Frames(store().runs.head(0), store().curves.head(0)),
        Frames(pd.DataFrame(), architectures=store().architectures, tasks=store().tasks),
        Frames(pd.DataFrame(), architectures=store().architectures),
        Frames(pd.DataFrame(), tasks=store().tasks),
    ],
)
def test_an_empty_store_says_so(empty: Frames) -> None:
    tree = parsed(page(empty))
    assert "no runs" in section(tree, "overview").text
    assert not tree.all("table", class_="ranking")


@pytest.mark.parametrize("state", ["failed", "running", "interrupted"])
def test_without_a_run_that_is_done_there_is_a_table_and_no_figure(state: str) -> None:
    rows = [
        run(state=state, test=math.nan, valid=math.nan, parameters=None, seconds=None, epochs_done=None, epochs=None)
    ]
    tree = parsed(page(frames(*rows, curves=curve("000000000000", [0.1, 0.2]))))
    (table,) = tree.all("table", class_="ranking")
    assert table.rows()[0][0] == "–"
    assert state in table.rows()[0][2]
    assert not tree.all("figure")


def test_values_that_are_not_finite_never_reach_the_page() -> None:
    rows = [run(seed=seed, test=value, valid=value, seconds=value) for seed, value in enumerate((math.nan, math.inf))]
    tree = parsed(page(frames(*rows, curves=curve("000000000000", [math.nan, -math.inf]))))
    assert "no test value" in tree.text
    assert not re.search(r"\b(nan|inf|None)\b", tree.all("main")[0].text)


numbers = st.one_of(
    st.none(), st.floats(), st.floats(0, 1), st.sampled_from([0.0, -0.0, 5e-324, 1e-300, 1e16, 1e99, -1e99])
)


@settings(max_examples=40, deadline=None)
@example(metric="rmse", values=[-1e99, None, 2.2e-308, -1e99, -1e99, -1.0, 1.0, 0.0, -1.0])
@example(metric="mse", values=[1e99, 1e-300, 1.0, 1e-300, 1e99, 1.0])
@given(metric=st.sampled_from(["accuracy", "mse", "rmse", "other"]), values=st.lists(numbers, min_size=6, max_size=18))
def test_no_number_whatever_breaks_the_page(metric: str, values: list[float | None]) -> None:
    groups = [values[start : start + 3] for start in range(0, len(values) - 2, 3)]
    rows = [
        run(seed=seed, arch="ab"[seed % 2], metric=metric, test=test, valid=valid, seconds=seconds, epochs=test)
        for seed, (test, valid, seconds) in enumerate(groups)
    ]
    curves = [curve(f"{seed:012x}", group, seconds=group[2] or 0.0) for seed, group in enumerate(groups)]
    parsed(page(frames(*rows, curves=pd.concat(curves))))


def test_what_others_write_stays_text() -> None:
    tree = parsed(page(hostile()))
    assert len(tree.all("script")) == 1
    assert not tree.all("img")
    assert {element.tag for element in tree.every()} == {element.tag for element in parsed(page(store())).every()}
    for element in tree.every():
        assert not [name for name in element.attributes if name.startswith("on") or name == "srcdoc"]
        assert not (element.get("href") or "").startswith("javascript")
    for text in hostile_texts():
        assert " ".join(text.split())[:30].translate({0: "�", 27: "�", 0xD800: "�"}) in tree.all("main")[0].text


def test_very_long_texts_are_cut() -> None:
    text = page(frames(run(arch="x" * 10**6, arch_title="x" * 10**6, state="failed", reason="y" * 10**6)))
    assert len(text) < 60_000


def test_right_to_left_text_is_isolated() -> None:
    tree = parsed(page(frames(run(arch="a", arch_title="\u202eevil"))))
    holders = [element for element in tree.every() if "\u202e" in "".join(element.pieces) and not element.children]
    assert {element.tag for element in holders} == {"bdi"}
