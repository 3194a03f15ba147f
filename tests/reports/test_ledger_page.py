"""The page of the ledger: every published number once, to be linked to and chosen from, whatever the store holds."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from reports import Frames
from reports.exports import markdown
from reports.exports.sheets import published
from reports.ledger import NOT_RUN
from reports.pages.ledger import pages
from reports.published import load
from reports.report import Report

from .fakes import hostile, hostile_texts, run, runs
from .parsing import Element, parsed

LABEL = "psmnist[permutation=cornn]"
NUMBER = "cornn-code-psmnist-cornn-256"
TOML = '[variant]\npermutation = "cornn"\n[layer]\nhidden_size = 256\nnum_layers = 1\n[training]\nepochs = 120\n'


def frames(*tests: float, toml: str = TOML, recipe: str = "published", deviations: str = "Split frozen.") -> Frames:
    """A store with these seeds of coRNN, and its published recipe."""
    rows = [
        run(arch="cornn", arch_title="coRNN", task=LABEL, recipe=recipe, recipe_hash=f"{recipe}0", seed=seed, test=test)
        for seed, test in enumerate(tests)
    ]
    shipped = {"arch": "cornn", "task": LABEL, "recipe_hash": "published0", "toml": TOML, "source": "code"}
    return Frames(
        runs(*rows) if rows else pd.DataFrame(),
        recipes=pd.DataFrame([{"recipe_hash": f"{recipe}0", "toml": toml}]),
        published_recipes=pd.DataFrame([shipped | {"deviations": deviations}]),
    )


def html(given: Frames) -> str:
    (page,) = pages(Report(given))
    assert page.address == "ledger.html"
    return page.content


def tree(given: Frames) -> Element:
    return parsed(html(given))


def line(page: Element, number: str = NUMBER) -> Element:
    (found,) = [row for row in page.all("tr") if row.get("id") == number]
    return found


def test_every_number_has_one_row_with_an_anchor_and_the_page_stays_small() -> None:
    content = html(frames(0.97, 0.973, 0.975))
    rows = [row.get("id") for row in parsed(content).all("tr") if row.get("id")]
    assert len(rows) == len(set(rows))
    assert set(rows) == {number.id for number in load()}
    assert len(content.encode()) < 1_000_000


def test_a_reproduced_number_shows_both_results_the_deviation_and_what_was_done_otherwise() -> None:
    cells = [cell.text for cell in line(tree(frames(0.97, 0.973, 0.976))).children]
    assert cells[1] == "97.3 % single run"
    assert cells[2].startswith("97.30 ± 0.75 n = 3, published")
    assert cells[3] == "0.00"
    assert cells[4].startswith("Reproduced The published number lies in the 95 % interval for one further run")
    assert "1 deviation of the shipped recipe Split frozen." in cells[4]
    assert "README and result log" in cells[5]


def test_one_seed_is_shown_without_an_interval() -> None:
    cells = [cell.text for cell in line(tree(frames(0.96))).children]
    assert cells[2].startswith("96.00 n = 1, no interval")
    assert cells[3] == "−1.30"
    assert cells[4].startswith("Undecided One seed, no interval")


def test_another_recipe_shows_its_differences_and_no_deviation() -> None:
    short = frames(0.96, 0.97, recipe="short", toml=TOML.replace("120", "30"))
    cells = [cell.text for cell in line(tree(short)).children]
    assert cells[3] == "–"
    assert "1 difference of protocol training.epochs: published 120, ours 30" in cells[4]


def test_the_verdicts_are_counted_and_each_can_be_chosen_by_the_style_sheet() -> None:
    content = html(frames(0.97, 0.973, 0.976))
    page = parsed(content)
    facts = {
        fact.all("dt")[0].text: int(fact.all("dd")[0].text) for fact in page.all("dl", class_="facts")[0].all("div")
    }
    rows = [row for row in page.all("tr") if row.get("id")]
    for verdict, number in facts.items():
        name = verdict.lower().replace(" ", "-")
        assert number == sum(row.get("data_verdict") == name for row in rows)
        assert f':root:has(#show-{name}:checked) .ledger tbody tr:not([data-verdict="{name}"])' in content
        assert [e.get("type") for e in page.all("input") if e.get("id") == f"show-{name}"] == ["radio"]
    assert sum(facts.values()) == len(rows)
    for choice in ("task", "arch"):
        for name in {row.get(f"data_{choice}") for row in rows}:
            chosen = f"{choice}-{name}"
            assert f':root:has(#{chosen}:checked) .ledger tbody tr:not([data-{choice}="{name}"])' in content
            (option,) = [e for e in page.all("option") if e.get("id") == chosen]
            assert option.text.endswith(f"({sum(row.get(f'data_{choice}') == name for row in rows)})")


def test_ids_are_unique_and_links_within_the_page_arrive() -> None:
    page = tree(frames(0.97, 0.973))
    ids = [element.get("id") for element in page.every() if element.get("id")]
    assert len(ids) == len(set(ids))
    targets = [element.get("href") or "" for element in page.all("a")]
    assert {target[1:] for target in targets if target.startswith("#")} <= set(ids)


@pytest.mark.parametrize("given", [hostile(), Frames(pd.DataFrame())], ids=["hostile", "empty"])
def test_hostile_and_missing_frames_leave_the_page_whole(given: Frames) -> None:
    rows = [row for row in tree(given).all("tr") if row.get("id")]
    assert len(rows) == len(load())


def test_hostile_texts_of_recipes_are_shown_as_text() -> None:
    for text in hostile_texts():
        given = frames(0.96, 0.97, recipe="short", toml=TOML, deviations=text)
        shown = replace(given, runs=given.runs.assign(recipe=text, recipe_hash=text))
        content = html(shown)
        assert len(parsed(content).all("script")) == 1
        assert "<img" not in content
        assert not re.search(r"<b>|<script>alert", content)
        assert line(parsed(content)).get("data_verdict") == "budget-smaller-than-published"


def test_the_same_frames_give_the_same_bytes_in_any_order() -> None:
    given = frames(0.97, 0.973, 0.976)
    shuffled = replace(given, runs=given.runs.sample(frac=1, random_state=1).iloc[:, ::-1])
    assert html(given) == html(shuffled)


def test_markdown_lists_the_numbers_that_runs_say_something_of_and_counts_the_others() -> None:
    given = Report(frames(0.97, 0.973, 0.975))
    judged = [entry for entry in given.ledger if entry.verdict != NOT_RUN]
    assert any(entry.number.id == NUMBER for entry in judged)
    content = published(given)
    shown = [(row[2].text.partition(" (")[0], row[5].text) for row in content.rows]
    assert shown == [(entry.number.printed, entry.verdict) for entry in judged]
    assert f"{len(given.ledger) - len(judged)} {NOT_RUN}" in content.caption
    assert all(any(entry.reason in note for note in content.notes) for entry in judged)
    assert "## Published numbers" in next(iter(markdown.files(given))).text
    assert "## Published numbers" not in next(iter(markdown.files(Report(frames())))).text
