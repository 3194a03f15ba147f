"""The overview page: a state in every cell, a standing whose warnings come first, and what changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from reports import Frames, addresses, changes, site
from reports.pages import overview
from reports.report import Report
from reports.statistics.bootstrap import stability

from .fakes import frames, full, hostile, hostile_texts, many, run, runs, store
from .parsing import Element, parsed, section
from .test_standing import SIX, scores


def page(content: Frames, before: Frames | None = None) -> str:
    report = Report(content)
    told = None if before is None else changes.changes(changes.snapshot(Report(before)), changes.snapshot(report))
    (found,) = overview.pages(report, told)
    assert found.address == "index.html"
    return found.content


@pytest.fixture(scope="module")
def tree() -> Element:
    return parsed(page(full()))


def grid(tree: Element) -> dict[str, dict[str, Element]]:
    """Title of an architecture to label of a task to the cell."""
    (table,) = tree.all("table", id="grid")
    titles, heads = table.all("thead")[0].all("tr")
    assert len(titles.children) == len(heads.children)
    (body,) = table.all("tbody")
    return {
        row.children[0].text: dict(zip((head.text for head in heads.children), row.children, strict=True))
        for row in body.all("tr")
    }


HEADS = {
    "adding": "adding[length=500] mean squared error, lower is better, 40 epochs",
    "psdigits": "psdigits accuracy, %, 30 epochs",
    "psmnist": "psmnist accuracy, %, 60–120 epochs",
    "cornn": "psmnist[permutation=cornn] accuracy, %, 12–60 epochs",
    "smnist": "smnist first 5,000 samples, accuracy, %, 2 epochs",
}
"""How the columns of the rankings of the fakes are headed, with the epochs of the rows that they show."""


def test_architectures_are_rows_and_rankings_columns_by_mean_rank(tree: Element) -> None:
    cells = grid(tree)
    assert list(cells) == ["UnICORNN", "coRNN", "GRU", "LSTM"]
    assert list(cells["GRU"]) == [
        "Architecture",
        "Mean rank",
        *HEADS.values(),
    ]
    assert [row["Mean rank"].text for row in cells.values()] == ["1.00", "2.67", "2.67", "3.67"]


def test_every_cell_says_its_mean_or_its_state(tree: Element) -> None:
    cells = grid(tree)
    told = {name: [cell.text for cell in row.values()][3:] for name, row in cells.items()}
    assert told["UnICORNN"] == ["96.38 ± 2.02n = 3", "98.26 ± 0.20n = 5", "97.86n = 1, no interval", "not run"]
    assert told["GRU"][1:] == [
        "94.20 ± 0.15n = 4; 1 interrupted",
        "failedout of memory in epoch 1: 15.2 GiB were asked for; choose a…",
        "skippedwould need 31 GiB of memory",
    ]
    assert told["coRNN"][1] == "97.01 ± 0.25n = 3published, of 2 recipes"
    assert told["LSTM"][1].endswith("1 running")
    assert cells["UnICORNN"][HEADS["adding"]].text.endswith("n = 2; 1 failed")


def test_cells_sort_by_their_mean_and_the_best_of_a_column_is_marked(tree: Element) -> None:
    cells = grid(tree)
    values = {name: row[HEADS["psmnist"]].get("data_value") for name, row in cells.items()}
    assert max(values, key=lambda name: float(values[name] or 0)) == "UnICORNN"
    assert [name for name, row in cells.items() if row[HEADS["psmnist"]].get("class")] == ["UnICORNN"]
    smnist = [row[HEADS["smnist"]].get("data_value") for row in cells.values()]
    assert [bool(value) for value in smnist] == [False, True, False, True]
    heads = tree.all("table", id="grid")[0].all("thead")[0].all("tr")[1].children
    assert [head.get("data_first") for head in heads] == [None, None, "ascending", *["descending"] * 4]


def test_cells_heads_and_rows_lead_to_their_pages(tree: Element) -> None:
    cells = grid(tree)
    links = [[link.get("href") for link in cell.all("a")] for cell in cells["GRU"].values()]
    pairs = [addresses.pair(task, "gru") for task in ("adding[length=500]", "psdigits", "psmnist")]
    failed, skipped = (addresses.pair(task, "gru") for task in ("psmnist[permutation=cornn]", "smnist"))
    assert links == [["architectures/gru.html"], [], *([pair] for pair in pairs), [failed], [skipped]]
    (titles, _) = tree.all("table", id="grid")[0].all("thead")[0].all("tr")
    assert [link.get("href") for link in titles.all("a")][:3] == [
        "#standing",
        "tasks/adding.html#task-adding-length-500",
        "tasks/psdigits.html#task-psdigits",
    ]
    links_of = {part: [a.get("href") for a in section(tree, part).all("a")] for part in ("architectures", "tasks")}
    assert links_of["architectures"] == [f"architectures/{name}.html" for name in ("cornn", "gru", "lstm", "unicornn")]
    assert "tasks/sdigits.html" in links_of["tasks"]


def test_tasks_without_a_run_are_listed_below(tree: Element) -> None:
    assert section(tree, "overview").all("p", class_="beyond")[0].text == "Not run yet: Sequential digits."


def test_a_plan_without_a_column_is_told() -> None:
    found = replace(full(), skipped=pd.DataFrame([{"arch": "gru", "task": "sdigits", "reason": "too <b>slow"}]))
    (listed,) = section(parsed(page(found)), "overview").all("ul")
    assert listed.text == "GRU, sdigits: too <b>slow"


def test_the_facts(tree: Element) -> None:
    facts = tree.all("dl", class_="facts")[0].text
    assert "Runs54 (49 done, 1 running, 1 interrupted, 3 failed)" in facts
    assert "Tasks5 (1 not run yet)" in facts
    assert "Data up to2026-03-03 05:12 UTC" in facts


def test_the_newest_run_dates_the_page() -> None:
    rows = [run(created="2026-03-04T23:58:00+02:00"), run(created="2026-03-04T21:59:00Z"), run(created="yesterday")]
    assert "Data up to2026-03-04 21:59 UTC" in parsed(page(frames(*rows))).text


def test_an_architecture_that_only_runs_know_keeps_its_place() -> None:
    found = parsed(page(Frames(runs(run(arch="gone", arch_title="Gone")), architectures=store().architectures)))
    assert (
        "Gone gone Not installed here, or its plugin was not named (--plugin)" in section(found, "architectures").text
    )
    assert "Gone" in grid(found)


def test_a_single_seed_gets_no_interval() -> None:
    rows = [run(arch="a", arch_title="A"), *(run(arch="b", arch_title="B", seed=seed) for seed in range(2))]
    cells = grid(parsed(page(frames(*rows))))
    assert {name: row[HEADS["psdigits"]].text for name, row in cells.items()} == {
        "A": "94.00n = 1, no interval",
        "B": "94.00 ± 0.00n = 2",
    }


def test_a_row_says_of_the_search_behind_it() -> None:
    of = full()
    best = of.trials.query("study == 'cornn-psdigits' and state == 'complete'")["value"].idxmax()
    known = of.runs.query("arch == 'cornn' and task == 'psdigits'")["recipe_hash"].iloc[0]

    tuned = of.runs.query("arch == 'cornn' and task == 'psdigits'").assign(recipe_hash="tuned", recipe="tuned")
    tuned["run"] = [f"tuned{number}" for number in range(len(tuned))]

    def cell(arch: str, runs: pd.DataFrame = of.runs, **recipes: str) -> str:
        trials = of.trials.assign(recipe_hash=[recipes.get(f"at_{row}", "other") for row in of.trials.index])
        return grid(parsed(page(replace(of, runs=runs, trials=trials))))[arch][HEADS["psdigits"]].text

    assert cell("coRNN", **{f"at_{best}": known}).endswith("best of 30 trials, 1 failed")
    assert "chosen over" not in cell("coRNN", **{f"at_{best}": known})
    assert "trials" not in cell("GRU", **{f"at_{best}": known})
    assert "trials" not in cell("coRNN"), "what the search found was never run, and was not compared"
    worse, better = (pd.concat([of.runs, tuned.assign(valid=valid)]) for valid in (0.5, 0.99))
    found = {f"at_{best}": "tuned"}
    assert cell("coRNN", worse, **found).endswith("standard: chosen over the best of 30 trials, 1 failed")
    assert cell("coRNN", better, **found).endswith("tuned: best of 30 trials, 1 failed")
    elsewhere = of.runs[of.runs["task"] != "psdigits"]
    limited = pd.concat([of.runs, tuned.assign(valid=0.5, train_limit=100)])
    assert len(elsewhere) < len(of.runs)
    assert "chosen over" not in cell("coRNN", limited, **found), "it was run on fewer samples, in another ranking"


def test_the_machines_are_named() -> None:
    rows = [run(device="cpu: A", threads=1), run(device="cpu: A", threads=1, seed=1), run(state="failed", device="B")]
    assert "Machinecpu: A, 1 thread" in parsed(page(frames(*rows))).text
    rows += [run(device=f"cpu: {name}", threads=2, seed=seed) for seed, name in enumerate("BC", 2)]
    assert "Machines3 different ones" in parsed(page(frames(*rows))).text


def test_the_best_seed_is_never_shown_as_a_mean() -> None:
    text = section(parsed(page(frames(run(test=0.9), run(test=0.7, seed=1)))), "overview").text
    assert "80.00" in text
    assert "90.00" not in text


def test_the_standing_shows_the_numbers_of_the_statistics() -> None:
    content = frames(*scores({"one": [0.2, 0.5, 0.9], "two": [0.6, 0.4, 0.8], "three": [0.5, 0.5, 0.7]}, seeds=3))
    tree = parsed(page(content))
    found = overview.standing(Report(content).rankings)
    seeds = {
        (row.arch, ranking.anchor): row.test.values
        for ranking in Report(content).rankings
        for row in ranking.rows
        if row.test
    }
    expected = stability(found.table, seeds)
    assert expected is not None
    order = ["c", "a", "b"]
    rows = tree.all("table", id="mean-ranks")[0].rows()
    places = [expected.archs.index(name) for name in order]
    assert [row[1:3] for row in rows] == [
        [f"{expected.mean_ranks[at]:.2f}", f"{expected.low[at]:.2f} to {expected.high[at]:.2f}"] for at in places
    ]
    matrix = [row[1:] for row in tree.all("table", id="beats")[0].rows()]
    assert matrix == [
        ["·" if one == other else overview.share(expected.beats[one][other]) for other in places] for one in places
    ]


def test_few_tasks_are_warned_of_before_any_number() -> None:
    part = section(parsed(page(full())), "standing")
    warnings = [warning.text for warning in part.all("p", class_="caution")]
    assert warnings[0].startswith("Only 3 tasks: with fewer than 6 no test of a pair can tell")
    assert part.text.index("Only 3 tasks") < part.text.index("1.00")
    assert "no pair is claimed to differ" in part.text
    assert "It has no result on 2 of 4 architectures." in part.text
    assert "Its runs did not have the whole training set." in part.text


def test_pairs_that_differ_are_named_and_drawn() -> None:
    part = section(parsed(page(frames(*scores(SIX, seeds=2)))), "standing")
    assert "tells 3 apart at 5 %:" in part.text
    assert not part.all("p", class_="caution")
    (figure,) = part.all("figure")
    assert [row[:2] for row in figure.all("table")[0].rows()] == [
        [f"LSTM ({name})", f"{rank}.00"] for rank, name in enumerate("abc", 1)
    ]
    assert len(part.all("table", id="pairs")[0].rows()) == 3


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"one": [0.5, 0.6, 0.7]}, "so far there are 3 and 1."),
        ({"one": [0.5], "two": [0.6]}, "so far there are 1 and 2."),
        ({"one": [0.5, 0.6], "two": [0.6, 0.7]}, "it needs at least 3 architectures and 2 rankings"),
    ],
)
def test_what_cannot_be_said_yet_is_told(table: dict[str, list[float]], says: str) -> None:
    part = section(parsed(page(frames(*scores(table)))), "standing")
    assert says in part.text
    assert not part.all("figure")


def test_changes_are_told_and_lead_to_their_ranking() -> None:
    before = frames(run(run="a", arch="a", test=0.5), run(run="o", task="old"))
    after = frames(run(run="a", arch="a", test=0.5), run(run="b", arch="b", test=0.75), run(run="n", task="new"))
    tree = parsed(page(after, before))
    part = section(tree, "changes")
    assert "data up to 2026-03-04 11:58 UTC: 1 run more, 1 new ranking, 1 ranking gone, 1 new row" in part.text
    rows = part.all("table")[0].rows()
    assert [row[1:] for row in rows] == [
        ["psdigits", "new", "–", "75.00 n = 1", "–", "1"],
        ["psdigits", "changed", "50.00 n = 1", "50.00 n = 1", "1", "2"],
    ]
    links = {link.get("href") for link in part.all("a")}
    assert links == {"tasks/new.html#task-new", "tasks/psdigits.html#task-psdigits"}
    assert "Gone: old, 1 row" in part.text
    assert "Since the previous report" in tree.all("dl", class_="facts")[0].text


def test_many_changes_are_folded_and_none_are_told_without_a_report_before() -> None:
    few, lots = frames(run(run="a", arch="a")), [run(arch=f"a{number}", run=f"{number}") for number in range(20)]
    part = section(parsed(page(frames(*lots), few)), "changes")
    assert part.all("summary")[0].text == "All 21 rows"
    assert not [one for one in parsed(page(few)).all("section") if one.get("aria_labelledby") == "changes"]
    same = section(parsed(page(few, few)), "changes")
    assert same.text.endswith("nothing that rankings show.")


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
    assert not tree.all("table")


def test_what_others_write_stays_text() -> None:
    before = frames(*(run(task=text, task_title=text, arch=text, arch_title=text) for text in hostile_texts()))
    tree = parsed(page(hostile(), before))
    assert len(tree.all("script")) == len(parsed(page(store())).all("script"))
    tags = {element.tag for element in tree.every()}
    assert tags <= {element.tag for element in parsed(page(full(), frames(run(task="old")))).every()} | {
        "ul",
        "details",
    }
    for element in tree.every():
        assert not [name for name in element.attributes if name.startswith("on") or name == "srcdoc"]
        assert not (element.get("href") or "").startswith("javascript")
    holders = [one for one in tree.all("main")[0].every() if "\u202e" in "".join(one.pieces) and not one.children]
    assert {element.tag for element in holders} <= {"bdi", "text"}


def test_identifiers_are_there_once_and_labels_and_links_find_them(tree: Element) -> None:
    identifiers = [element.get("id") for element in tree.every() if element.get("id")]
    assert len(identifiers) == len(set(identifiers))
    for element in tree.every():
        assert set((element.get("aria_labelledby") or "").split()) <= set(identifiers)
        link = element.get("href") or ""
        assert not link.startswith("#") or link[1:] in identifiers
    for table in tree.all("table"):
        assert table.all("caption")[0].text
        assert all(head.get("scope") == "col" for head in table.all("thead")[0].all("th"))


def test_very_long_texts_are_cut() -> None:
    long: dict[str, Any] = dict.fromkeys(("arch", "arch_title", "task", "task_title", "recipe"), "x" * 10**5)
    empty, one = page(Frames(runs())), page(frames(run(**long, state="failed", reason="y" * 10**6)))
    assert len(one) - len(empty) < 12_000


def test_a_large_store_stays_below_a_megabyte() -> None:
    assert len(page(many(40, 20, 1600, epochs=1)).encode()) < 1_000_000


def test_a_cell_that_was_left_out_leads_to_its_whole_reason() -> None:
    reason = "would need 31 GiB of memory, " + 20 * "which is much, " + "as was measured"
    cells = [("gru", "smnist"), ("lstm", "sdigits"), ("gone", "smnist")]
    skipped = pd.DataFrame([{"arch": arch, "task": task, "reason": reason} for arch, task in cells])
    made = {page.address: page.content for page in site.pages(replace(full(), skipped=skipped))}
    links = {(link.get("href") or ""): link.text for link in parsed(made["index.html"]).all("a")}
    for arch, task in cells:
        address = addresses.pair(task, arch)
        assert links[address] == "skipped" or task in links[address]
        assert reason in parsed(made[address]).text
