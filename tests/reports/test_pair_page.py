"""The page of a pair: its rows, its runs, what repeats them and what they ran in."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from reports import Frames, addresses
from reports.pages import pair
from reports.report import Report

from .fakes import curve, frames, full, hostile, run
from .parsing import Element, parsed, section


def pages(of: Frames) -> dict[str, str]:
    return {page.address: page.content for page in pair.pages(Report(of))}


def page(of: Frames, label: str = "psdigits", arch: str = "lstm") -> Element:
    return parsed(pages(of)[addresses.pair(label, arch)])


def facts(part: Element) -> dict[str, str]:
    (found,) = part.all("dl", class_="facts")
    return {line.all("dt")[0].text: line.all("dd")[0].text for line in found.all("div")}


def lived_in(*environments: dict[str, str]) -> Frames:
    rows = [run(seed=seed, environment=f"e{seed}") for seed in range(len(environments))]
    lines = [
        {"environment": f"e{seed}", "name": name, "value": value}
        for seed, environment in enumerate(environments)
        for name, value in environment.items()
    ]
    return replace(frames(*rows), environments=pd.DataFrame(lines))


@pytest.fixture(scope="module")
def cornn() -> Element:
    return page(full(), "psmnist", "cornn")


def test_every_recipe_is_a_part_with_its_summary(cornn: Element) -> None:
    assert cornn.all("h1")[0].text == "coRNN on Permuted sequential MNIST"
    first, second = section(cornn, "row-1"), section(cornn, "row-2")
    assert first.all("h2")[0].text == "published 11c2f7e7"
    assert facts(first) == {
        "Rank": "2 of 5",
        "Test accuracy, mean": "97.01 % ± 0.25",
        "Best seed": "97.08 %",
        "Validation, mean": "97.01 %",
        "Seeds in the mean": "3",
        "Parameters": "134,000",
        "Epochs": "105–118 of 120",
        "Time per run": "4 h 16 min",
    }
    assert "Published protocol, after the authors’ repository" in first.text.replace("'", "’")
    assert "The split is frozen." in first.text
    assert second.all("h2")[0].text.startswith("standard")
    assert "Published protocol" not in second.text


def test_every_seed_has_its_curve_and_every_run_its_line_and_page(cornn: Element) -> None:
    part = section(cornn, "row-1")
    (plot,) = part.all("figure")
    assert [key.text for key in plot.all("li")] == ["seed 0", "seed 1", "seed 2"]
    (table,) = part.all("table", class_="runs")
    assert [row[0].split()[:2] for row in table.rows()] == [["seed", "0"], ["seed", "1"], ["seed", "2"]]
    assert [row[1] for row in table.rows()] == ["done"] * 3
    known = {addresses.run(one) for one in Report(full()).runs}
    links = [link.get("href") or "" for link in table.all("a")]
    assert len(links) == 3
    assert {link.removeprefix("../") for link in links} <= known


def test_the_recipe_and_one_command_are_there_to_be_copied(cornn: Element) -> None:
    command, toml = section(cornn, "row-1").all("pre")
    assert command.text == "python -m harness run --arch cornn --task 'psmnist' --recipe published --seed 0"
    assert "".join(toml.pieces).startswith('arch = "cornn"\ntask = "psmnist"\n\n[layer]\n')


def test_what_is_not_known_says_so() -> None:
    part = section(page(frames(run(command="", operations="", backends=""))), "row-1")
    assert [line.text for line in part.all("p", class_="empty")] == [
        "The command that repeats it is not known.",
        "Its settings are not known.",
    ]
    assert not part.all("dl", class_="computed")


def test_a_run_that_a_newer_one_replaced_is_still_listed() -> None:
    old, new = run(run="old", test=0.1, created="2026-01-01"), run(run="new", test=0.9, created="2026-02-01")
    part = section(page(frames(old, new)), "row-1")
    states = {row[0].split()[-1]: row[1] for row in part.all("table", class_="runs")[0].rows()}
    assert states == {"new": "done", "old": "done, replaced"}
    assert facts(part)["Test accuracy, mean"] == "90.00 % n = 1, no interval"
    assert "Run more than once" in part.all("ul", class_="warnings")[0].text


def test_a_single_seed_has_no_interval_and_no_best_seed() -> None:
    part = section(page(frames(run())), "row-1")
    assert "±" not in part.text
    assert "Best seed" not in facts(part)


def test_states_reasons_and_warnings_are_told() -> None:
    failed = run(seed=1, state="failed", reason="diverged at step 7", valid=None, test=None)
    part = section(page(frames(run(warnings="gradients were clipped\nthreads differ"), failed)), "row-1")
    told = [line.text for line in part.all("ul", class_="warnings")[0].all("li")]
    assert "gradients were clipped: seed 0" in told
    assert "Seed 1 failed, not in the mean: diverged at step 7" in told
    assert part.all("table", class_="runs")[0].rows()[1][1] == "failed diverged at step 7"


def test_backends_that_differ_are_told_with_their_seeds() -> None:
    part = section(page(frames(run(), run(seed=1, backends="cpu", operations="lstm: cpu 5 times"))), "row-1")
    (computed,) = part.all("dl", class_="computed")
    assert [line.text for line in computed.all("div")] == [
        "torch seeds 0lstm: torch 1,200 times",
        "cpu seeds 1lstm: cpu 5 times",
    ]


def test_environments_stand_side_by_side_and_what_differs_is_marked() -> None:
    tree = page(lived_in({"cpu": "A", "torch": "2"}, {"cpu": "A", "torch": "3"}, {"cpu": "A", "torch": "2", "os": "B"}))
    (table,) = section(tree, "environments").all("table")
    assert table.rows() == [
        ["torch", "2", "3", "2", "differs"],
        ["os", "–", "–", "B", "differs"],
        ["cpu", "A", "A", "A", ""],
    ]
    assert [row.get("class_") for row in table.all("tbody")[0].all("tr")] == ["differs", "differs", None]
    assert [row[7] for row in section(tree, "row-1").all("table", class_="runs")[0].rows()] == ["1", "2", "3"]


def test_one_environment_is_told_once_and_nothing_is_marked() -> None:
    first = lived_in({"cpu": "A"})
    of = replace(first, runs=pd.concat([first.runs, first.runs.assign(seed=1, run="other")]))
    (table,) = section(page(of), "environments").all("table")
    assert table.rows() == [["cpu", "A"]]


def test_a_cell_that_was_left_out_has_a_page_with_the_reason() -> None:
    tree = page(full(), "smnist", "gru")
    assert tree.all("h1")[0].text == "GRU on Sequential MNIST"
    assert (
        section(tree, "left-out").all("p")[0].text == "This cell was planned and not run: would need 31 GiB of memory"
    )
    assert not tree.all("table")


def test_trainings_of_different_size_are_parts_of_one_page() -> None:
    tree = page(frames(run(), run(train_limit=500)))
    assert [part.all("p", class_="subtitle")[0].text for part in (section(tree, f"row-{n}") for n in (1, 2))] == [
        "psdigits",
        "psdigits, first 500 training samples",
    ]


def test_identifiers_are_unique_and_links_within_the_page_end_somewhere() -> None:
    for content in pages(full()).values():
        tree = parsed(content)
        identifiers = [element.get("id") for element in tree.every() if element.get("id")]
        assert len(identifiers) == len(set(identifiers))
        assert {(a.get("href") or "")[1:] for a in tree.all("a") if (a.get("href") or "").startswith("#")} <= set(
            identifiers
        )


def test_the_same_frames_give_the_same_pages_in_any_order_of_rows() -> None:
    first = full()
    names = ("runs", "curves", "recipes", "published_recipes", "skipped", "tasks")
    shuffled = replace(first, **{name: getattr(first, name).sample(frac=1, random_state=5) for name in names})
    assert pages(shuffled) == pages(first)


def test_hostile_texts_stay_texts() -> None:
    for content in pages(hostile()).values():
        tree = parsed(content)
        assert len(tree.all("script")) == 1
        assert not [
            e for e in tree.every() if e.tag in ("img", "b") or any(name.startswith("on") for name in e.attributes)
        ]


def test_markup_in_recipes_commands_and_environments_stays_text() -> None:
    evil = "</code></pre><script>alert(1)</script>"
    of = replace(
        frames(run(command=evil), curves=curve("000000000000", [0.5])),
        recipes=pd.DataFrame([{"recipe_hash": run()["recipe_hash"], "toml": evil}]),
        environments=pd.DataFrame([{"environment": "e0e0e0e0", "name": evil, "value": evil}]),
    )
    tree = page(of)
    assert len(tree.all("script")) == 1
    assert [pre.text for pre in tree.all("pre")] == [evil, evil]
    assert section(tree, "environments").all("table")[0].rows() == [[evil, evil]]


def test_runs_of_the_other_direction_are_listed_with_their_own_ranking_alone() -> None:
    both = page(frames(run(run="up", test=0.9), run(run="down", test=0.1, higher_is_better=False)))
    listed = [[row[0].split()[-1] for row in table.rows()] for table in both.all("table", class_="runs")]
    assert sorted(listed) == [["down"], ["up"]]
