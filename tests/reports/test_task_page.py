"""The page of a task: its tables say what the runs say, in every state, unharmed by what others write."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reports import Frames, addresses
from reports.pages import task
from reports.report import Report

from .fakes import curve, frames, full, hostile, hostile_texts, many, run, runs
from .parsing import Element, parsed, section


def pages(of: Frames) -> dict[str, str]:
    return {page.address: page.content for page in task.pages(Report(of))}


def page(of: Frames, name: str = "psdigits") -> Element:
    return parsed(pages(of)[addresses.task(name)])


@pytest.fixture(scope="module")
def whole() -> dict[str, Element]:
    return {address: parsed(content) for address, content in pages(full()).items()}


def table(part: Element, name: str) -> Element:
    (found,) = part.all("table", class_=name)
    return found


def heads(of: Element) -> list[str]:
    return [head.text for head in of.all("thead")[0].all("th")]


def psmnist(whole: dict[str, Element]) -> Element:
    return whole["tasks/psmnist.html"]


def test_there_is_a_page_for_every_task_whether_it_was_run_or_not(whole: dict[str, Element]) -> None:
    names = ("adding", "psdigits", "psmnist", "sdigits", "smnist")
    assert sorted(whole) == [f"tasks/{name}.html" for name in names]
    assert "There are no runs of this task yet." in whole["tasks/sdigits.html"].text
    assert pages(Frames(pd.DataFrame())) == {}


def test_a_ranking_shows_what_its_rows_say(whole: dict[str, Element]) -> None:
    ranking = table(section(whole["tasks/psdigits.html"], "task-psdigits"), "ranking")
    assert heads(ranking)[:5] == ["Rank", "Architecture", "Test mean, %", "95 % interval", "Seeds92.4397.48"]
    first = dict(zip(heads(ranking), ranking.rows()[0], strict=True))
    assert first["Rank"] == "1"
    assert first["Architecture"].startswith("UnICORNNa standard 287aaed9"), "a note on its size"
    assert first["Test mean, %"] == "96.38"
    assert first["95 % interval"] == "± 2.02"
    assert first["n"] == "3"
    assert first["Parameters"] == "35,082"
    assert first["Epochs"] == "23–30 of 30"
    assert first["Time per run"] == "25 s"
    assert first["Backend"] == "eager"
    caption = ranking.all("caption")[0].text
    assert "Trained on the whole training set. All runs on cpu: AMD EPYC 9R14, 2 threads." in caption


def test_where_the_machines_differ_every_row_tells_its_own() -> None:
    other = {"arch": "gru", "arch_title": "GRU", "recipe_hash": "b", "device": "cuda: NVIDIA H100", "threads": 1}
    ranking = table(section(page(frames(run(test=0.9), run(**other, test=0.8))), "task-psdigits"), "ranking")
    told = [dict(zip(heads(ranking), row, strict=True))["Machine"] for row in ranking.rows()]
    assert told == ["cpu: AMD EPYC 9R14, 2 threads, torch", "cuda: NVIDIA H100, 1 thread, torch"]
    assert "All runs on" not in ranking.all("caption")[0].text


def test_rows_lead_to_the_page_of_their_pair_and_tables_can_be_named(whole: dict[str, Element]) -> None:
    ranking = table(section(psmnist(whole), "task-psmnist-permutation-cornn"), "ranking")
    links = [row.all("th")[0].all("a")[0].get("href") for row in ranking.all("tbody")[0].all("tr")]
    wanted = [addresses.pair("psmnist[permutation=cornn]", arch) for arch in ("unicornn", "lstm", "gru")]
    assert links == [f"../{address}" for address in wanted]
    assert ranking.get("id") == "task-psmnist-permutation-cornn--rows"
    assert {"data-sortable", "data-filterable", "data-columns"} <= ranking.attributes.keys()


def test_the_published_recipe_is_named(whole: dict[str, Element]) -> None:
    rows = table(section(psmnist(whole), "task-psmnist"), "ranking").rows()
    assert [row[1][:5] for row in rows if "the published recipe" in row[1]] == ["coRNN"]


def test_several_parts_are_listed_at_the_top(whole: dict[str, Element]) -> None:
    (contents,) = psmnist(whole).all("nav", class_="contents")
    assert [link.get("href") for link in contents.all("a")] == [
        "#task-psmnist",
        "#task-psmnist-permutation-cornn",
        "#published-numbers",
    ]
    assert not page(frames(run())).all("nav", class_="contents")


def test_the_facts_of_a_task_are_told_and_an_address_is_a_link_only_where_it_is_safe() -> None:
    facts = {"name": "psdigits", "title": "Digits", "summary": "", "metric": "accuracy", "protocol": "A split.",
             "citation": "Someone, 1998", "licence": "CC0", "length": "64"}  # fmt: skip
    for url, links in (("https://example.org/a", ["https://example.org/a"]), ("http://a", []), ("javascript:1", [])):
        tree = page(Frames(runs(run()), tasks=pd.DataFrame([facts | {"url": url}])))
        (head,) = [part for part in tree.all("header") if part.all("h1")]
        for text in ("A split.", "Someone, 1998", "CC0", "64", url.removeprefix("https://")):
            assert text in head.text
        assert [link.get("href") for link in head.all("dl")[0].all("a")] == links


def test_a_protocol_is_told_once_and_that_of_a_variant_with_its_ranking() -> None:
    same, other = run(task="a", task_protocol="One split."), run(task="a[leaky=true]", task_protocol="Leaky windows.")
    entry = {"name": "a", "title": "A", "summary": "", "metric": "accuracy", "protocol": "One split."}
    tree = page(Frames(runs(same, other), tasks=pd.DataFrame([entry])), "a")
    assert [found.text for found in tree.all("p", class_="protocol")] == [
        "Protocol: One split.",
        "Protocol: Leaky windows.",
    ]
    assert not section(tree, "task-a").all("p", class_="protocol")


def test_a_limited_training_set_is_told_in_heading_and_caption(whole: dict[str, Element]) -> None:
    part = section(whole["tasks/smnist.html"], "task-smnist-first-5000")
    assert part.all("p", class_="subtitle")[0].text == "smnist, first 5,000 training samples"
    assert "the first 5,000 samples of the training set" in part.all("caption")[0].text


def test_a_single_seed_gets_no_interval_anywhere(whole: dict[str, Element]) -> None:
    part = section(whole["tasks/smnist.html"], "task-smnist-first-5000")
    assert "±" not in part.text
    assert [row[3] for row in table(part, "ranking").rows()] == ["n = 1, no interval"] * 2


def test_the_best_seed_is_never_shown_as_a_mean() -> None:
    ranking = table(page(frames(run(test=0.9), run(test=0.7, seed=1))), "ranking")
    (row,) = ranking.rows()
    assert row[heads(ranking).index("Test mean, %")] == "80.00"
    assert row[heads(ranking).index("Best, %")] == "90.00"


def test_every_state_is_told_in_words(whole: dict[str, Element]) -> None:
    notes = section(psmnist(whole), "task-psmnist").all("ol", class_="notes")[0].text
    assert "Seed 4 interrupted, not in the mean: SIGTERM after epoch 31" in notes
    assert "Seed 4 still running, not in the mean" in notes
    other = section(psmnist(whole), "task-psmnist-permutation-cornn")
    assert table(other, "ranking").rows()[-1][2] == "failed"
    assert "out of memory in epoch 1" in other.text


def test_time_to_target_says_how_many_seeds_reached_it(whole: dict[str, Element]) -> None:
    part = section(psmnist(whole), "task-psmnist")
    times = table(part, "targets")
    assert heads(times) == ["Architecture", "50 %", "80 %", "90 %", "95 %"]
    rows = {row[0]: row[1:] for row in times.rows()}
    assert all(cell.endswith("5 of 5") for cell in rows["UnICORNN standard a7dab422"])
    assert [cell for name, row in rows.items() if name.startswith("LSTM") for cell in row][-1] == "not reached 0 of 4"
    assert "not all on the same machine" in times.all("caption")[0].text
    failed = table(section(psmnist(whole), "task-psmnist-permutation-cornn"), "targets").rows()[-1]
    assert failed[0].endswith("failed")


def test_the_shortest_time_is_marked_but_not_where_nothing_was_ranked() -> None:
    rows = [run(run="a"), run(run="b", arch="gru", state="failed", test=math.nan)]
    curves = pd.concat([curve("a", [0.1, 0.5, 0.9]), curve("b", [0.9])])
    times = table(page(Frames(runs(*rows), curves)), "targets")
    marked = [[bool(cell.get("class") and "shortest" in str(cell.get("class"))) for cell in row.all("td")]
              for row in times.all("tbody")[0].all("tr")]  # fmt: skip
    assert [any(row) for row in marked] == [True, False]


def test_studies_have_a_table_and_a_figure_and_are_in_no_ranking(whole: dict[str, Element]) -> None:
    part = section(whole["tasks/psdigits.html"], "tuning")
    found = table(part, "studies")
    first = dict(zip(heads(found), found.rows()[0], strict=True))
    assert first["Architecture"] == "coRNN"
    assert first["Study"] == "cornn-psdigits"
    assert "All with sampler tpe with seed 7, pruner median, 30 epochs a trial." in found.all("caption")[0].text
    assert first["Trials"] == "30 23 complete, 6 pruned, 1 failed"
    assert first["Hyper-parameters of the best"].startswith("dt = 0.114, lr = ")
    assert first["Time of all trials"] == "3 min 56 s"
    assert "chosen" in found.all("caption")[0].text
    (figure,) = part.all("figure")
    assert figure.get("id") == "tuning-psdigits-1"


def test_studies_that_searched_in_different_ways_say_so_one_by_one() -> None:
    known = full()
    for searches in (known.studies.assign(epochs=[30, 40]), known.studies.iloc[:1]):
        found = table(page(replace(known, studies=searches)), "studies")
        assert found.rows()[0][1] == "cornn-psdigits sampler tpe with seed 7, pruner median, 30 epochs a trial"
        assert "sampler" not in found.all("caption")[0].text


def test_a_study_of_an_architecture_without_a_run_is_told_without_a_link() -> None:
    known = full()
    alone = replace(known, runs=known.runs[known.runs["arch"] != "unicornn"], architectures=pd.DataFrame())
    rows = table(page(alone), "studies").all("tbody")[0].all("tr")
    assert [[link.get("href") for link in row.all("th")[0].all("a")] for row in rows] == [
        ["../pairs/psdigits--cornn.html"],
        [],
    ]


def test_published_numbers_stand_beside_ours_and_lead_to_the_ledger(whole: dict[str, Element]) -> None:
    found = table(section(psmnist(whole), "published-numbers"), "published")
    assert heads(found)[:5] == ["Architecture", "Variant", "Published", "Ours", "Verdict"]
    links = [row.all("th")[0].all("a")[0].get("href") or "" for row in found.all("tbody")[0].all("tr")]
    assert len(links) == len(set(links)) > 10
    assert all(link.startswith("../ledger.html#") for link in links)
    assert all(addresses.base(row[1].split()[0]) == "psmnist" for row in found.rows())
    ours = [row for row in found.rows() if row[0] == "UnICORNN" and row[3] != "–"]
    mean = table(section(psmnist(whole), "task-psmnist"), "ranking").rows()[0][2]
    assert ours
    assert all(row[3].startswith(f"{mean} ± ") for row in ours if row[1] == "psmnist")
    assert "published-numbers" not in pages(frames(run()))["tasks/psdigits.html"]


def test_every_note_is_pointed_to_and_every_pointer_ends_at_something(whole: dict[str, Element]) -> None:
    for tree in whole.values():
        identifiers = [element.get("id") for element in tree.every() if element.get("id")]
        assert len(identifiers) == len(set(identifiers))
        targets = {(link.get("href") or "")[1:] for link in tree.all("a") if (link.get("href") or "").startswith("#")}
        assert targets <= set(identifiers)
        assert {item.get("id") for part in tree.all("ol", class_="notes") for item in part.all("li")} <= targets
        for element in tree.every():
            assert set((element.get("aria_labelledby") or "").split()) <= set(identifiers)


def test_no_name_of_a_task_takes_an_identifier_of_the_page() -> None:
    names = ["x[tuning]", "x[published]", "x[content]", "x[a]", "x[a caption]", "x[a--a]", "x[a!]", "x[rows]", "x"]
    rows = [run(task=name, run=f"r{number}") for number, name in enumerate(names)]
    tree = page(Frames(runs(*rows), curve("r0", [0.1, 0.2])), "x")
    identifiers = [element.get("id") for element in tree.every() if element.get("id")]
    assert len(identifiers) == len(set(identifiers))


def test_tables_can_be_read_by_a_screen_reader(whole: dict[str, Element]) -> None:
    for tree in whole.values():
        for found in tree.all("table"):
            assert found.all("caption")[0].text
            assert all(head.get("scope") == "col" for head in found.all("thead")[0].all("th"))
            if found.get("class") != "values":
                for row in found.all("tbody")[0].all("tr"):
                    assert [head.get("scope") for head in row.all("th")] == ["row"]
        for ranking in tree.all("table", class_="ranking"):
            assert [head.text for head in ranking.all("th") if head.get("aria_sort") == "ascending"] == ["Rank"]


def test_parameters_outside_an_embedding_are_told_where_they_differ() -> None:
    assert "9,000 1,000 without embedding" in page(frames(run(parameters=9000, parameters_without_embedding=1000))).text
    assert "without embedding" not in page(frames(run())).text


@pytest.mark.parametrize("state", ["failed", "running", "interrupted"])
def test_without_a_run_that_is_done_there_is_a_table_and_no_figure(state: str) -> None:
    nothing = dict.fromkeys(("parameters", "seconds", "epochs_done", "epochs", "steps"))
    rows = [run(state=state, test=math.nan, valid=math.nan, **nothing)]
    tree = page(frames(*rows, curves=curve("000000000000", [0.1, 0.2])))
    row = table(tree, "ranking").rows()[0]
    assert row[0] == "–"
    assert state in row[2]
    assert not tree.all("figure")


def test_values_that_are_not_finite_never_reach_the_page() -> None:
    rows = [run(seed=seed, test=value, valid=value, seconds=value) for seed, value in enumerate((math.nan, math.inf))]
    tree = page(frames(*rows, curves=curve("000000000000", [math.nan, -math.inf])))
    assert "no test value" in tree.text
    assert not re.search(r"\b(nan|inf|None)\b", tree.all("main")[0].text)


numbers = st.one_of(
    st.none(), st.floats(), st.floats(0, 1), st.sampled_from([0.0, -0.0, 5e-324, 1e-300, 1e16, 1e99, -1e99])
)


@settings(max_examples=25)
@example(metric="rmse", values=[-1e99, None, 2.2e-308, -1e99, -1e99, -1.0, 1.0, 0.0, -1.0])
@example(metric="mse", values=[1e99, 1e-300, 1.0, 1e-300, 1e99, 1.0])
@given(metric=st.sampled_from(["accuracy", "mse", "rmse", "other"]), values=st.lists(numbers, min_size=6, max_size=18))
def test_no_number_whatever_breaks_the_page(metric: str, values: list[float | None]) -> None:
    groups = [values[start : start + 3] for start in range(0, len(values) - 2, 3)]
    better = {"metric": metric, "higher_is_better": metric == "accuracy"}
    rows = [
        run(seed=seed, arch="ab"[seed % 2], test=test, valid=valid, seconds=seconds, epochs=test, steps=valid, **better)
        for seed, (test, valid, seconds) in enumerate(groups)
    ]
    curves = [curve(f"{seed:012x}", group, seconds=group[2] or 0.0) for seed, group in enumerate(groups)]
    trials = [
        {"study": "s", "arch": "a", "task": "psdigits", "trial": number, "state": "complete", "value": value}
        | {"best_seen": None, "epochs": 1, "seconds": seconds, "parameters": 1, "values": "{}"} | better
        for number, (value, _, seconds) in enumerate(groups)
    ]  # fmt: skip
    page(Frames(runs(*rows), pd.concat(curves), trials=pd.DataFrame(trials)))


def test_what_others_write_stays_text() -> None:
    usual = {element.tag for tree in map(parsed, pages(full()).values()) for element in tree.every()}
    trees = [parsed(content) for content in pages(hostile()).values()]
    for tree in trees:
        assert len(tree.all("script")) == 1
        assert {element.tag for element in tree.every()} <= usual
        for element in tree.every():
            assert not [name for name in element.attributes if name.startswith("on") or name == "srcdoc"]
            assert (element.get("href") or "#").startswith(("#", "../", "data:", "https://"))
    text = " ".join(tree.all("body")[0].text for tree in trees)
    for one in hostile_texts():
        assert " ".join(one.split())[:30].translate({0: "�", 27: "�", 0xD800: "�"}) in text


def test_very_long_texts_are_cut() -> None:
    changed: dict[str, Any] = dict.fromkeys(("arch", "arch_title", "task", "task_title", "state"), "x" * 10**6)
    for content in pages(frames(run(**changed, reason="y" * 10**6))).values():
        assert len(content) < 70_000


def test_right_to_left_text_is_isolated() -> None:
    evil = "\u202eevil"
    tree = page(frames(run(arch="a", arch_title=evil, recipe=evil), curves=curve("000000000000", [0.1, 0.2])))
    holders = [element for element in tree.every() if "\u202e" in "".join(element.pieces) and not element.children]
    assert {element.tag for element in holders} == {"bdi"}


def test_the_same_frames_give_the_same_bytes_in_any_order() -> None:
    first = full()
    shuffled = replace(
        first,
        runs=first.runs.sample(frac=1, random_state=7).iloc[:, ::-1],
        curves=first.curves.sample(frac=1, random_state=8),
        trials=first.trials.sample(frac=1, random_state=9),
        published_recipes=first.published_recipes.iloc[::-1],
        tasks=first.tasks.iloc[::-1],
    )
    assert pages(shuffled) == pages(first)


@pytest.mark.parametrize(("rows", "seeds"), [(12, 5), (40, 5)])
def test_many_rows_stay_below_a_megabyte(rows: int, seeds: int) -> None:
    (content,) = pages(many(rows, 1, rows * seeds, epochs=100)).values()
    assert len(content.encode()) < 10**6
    assert len(table(parsed(content), "ranking").rows()) == rows
