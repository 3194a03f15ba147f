"""The page of an architecture: what it is, all of its rows, its recipes, what it is sensitive to."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from reports import Frames, addresses
from reports.pages import architecture
from reports.pages.architecture import link
from reports.report import Report

from .fakes import frames, full, hostile, hostile_texts, run
from .parsing import Element, parsed, section


def pages(of: Frames) -> dict[str, str]:
    return {page.address: page.content for page in architecture.pages(Report(of))}


def page(of: Frames, name: str = "lstm") -> Element:
    return parsed(pages(of)[addresses.architecture(name)])


@pytest.fixture(scope="module")
def cornn() -> Element:
    return page(full(), "cornn")


def described(**changed: str) -> Frames:
    entry = {"name": "lstm", "title": "LSTM", "summary": ""} | changed
    return replace(frames(run()), architectures=pd.DataFrame([entry]))


def test_it_says_where_the_architecture_comes_from(cornn: Element) -> None:
    assert cornn.all("h1")[0].text == "coRNN"
    (sources,) = cornn.all("dl", class_="sources")
    paper, code = sources.all("a")
    assert paper.text == "A. Author, B. Author: A recurrent network. Conference on Networks, 2021"
    assert paper.get("href") == "https://example.org/paper"
    assert code.get("href") == "https://example.org/code"
    assert "built-in" in sources.text


@pytest.mark.parametrize("url", ["http://example.org", "javascript:alert(1)", "https://a\" b='", "https://", "//x.org"])
def test_only_plain_https_addresses_become_links(url: str) -> None:
    assert link(url) == ""
    tree = page(described(paper_url=url, paper="A paper", code_url=url))
    (sources,) = tree.all("dl", class_="sources")
    assert not sources.all("a")
    assert "A paper" in sources.text


def test_equations_are_mathml_with_their_source_beside_them(cornn: Element) -> None:
    part = section(cornn, "equations")
    assert len(part.all("math")) == 2
    assert part.all("pre")[0].text.startswith(r"z_t = z_{t-1} + \Delta t")


def test_an_equation_that_cannot_be_converted_is_shown_as_its_source() -> None:
    part = section(page(described(equations="x_t = 1\n\\frac{<script>alert(1)</script>")), "equations")
    assert len(part.all("math")) == 1
    assert part.all("li")[1].text == part.all("li")[1].all("code")[0].text == "\\frac{<script>alert(1)</script>"
    assert not part.all("script")


def test_all_its_rows_stand_in_one_table(cornn: Element) -> None:
    (table,) = section(cornn, "results").all("table", class_="results")
    heads = [head.text for head in table.all("thead")[0].all("th")]
    rows = [dict(zip(heads, row, strict=True)) for row in table.rows()]
    assert [row["Task"] for row in rows] == [
        "Adding problemadding[length=500]",
        "Permuted sequential digitspsdigits",
        "Permuted sequential MNISTpsmnist",
        "Permuted sequential MNISTpsmnist",
        "Sequential MNISTsmnist, first 5,000 training samples",
    ]
    assert [row["Rank"] for row in rows] == ["2 of 4", "4 of 4", "2 of 5", "3 of 5", "1 of 2"]
    assert [row["95 % interval"] for row in rows][-1] == "n = 1, no interval"
    assert rows[2]["Test mean"] == "97.01 %accuracy"
    assert rows[0]["Test mean"].endswith("mean squared error")
    links = [cell.get("href") for cell in table.all("tbody")[0].all("tr")[2].all("a")]
    assert links == ["../tasks/psmnist.html#task-psmnist", "../pairs/psmnist--cornn.html"]


def test_rows_without_a_result_and_cells_left_out_say_so() -> None:
    part = section(page(full(), "gru"), "results")
    (row,) = [row for row in part.all("table", class_="results")[0].rows() if "permutation=cornn" in row[0]]
    assert row[2:6] == ["–", "failed", "–", "0"]
    (left_out,) = part.all("ul", class_="left-out")
    assert left_out.text == "smnist: would need 31 GiB of memory"
    assert left_out.all("a")[0].get("href") == "../pairs/smnist--gru.html"


def test_published_and_standard_recipes_are_there_to_be_copied(cornn: Element) -> None:
    recipes = section(cornn, "recipes").all("details")
    assert recipes[0].text.startswith("psmnist, published 11c2f7e7")
    assert "The split is frozen." in recipes[0].text
    assert [recipe.text.partition(" ")[0] for recipe in recipes[1:]] == [
        "adding[length=500],",
        "psdigits,",
        "psmnist,",
        "smnist,",
    ]
    for recipe in recipes:
        assert 'arch = "cornn"' in recipe.all("pre")[0].text
    assert "not run yet" not in section(cornn, "recipes").text


def test_a_published_recipe_that_was_never_run_says_so() -> None:
    first = full()
    unknown = first.published_recipes.assign(recipe_hash="ffffffff")
    assert "not run yet" in section(page(replace(first, published_recipes=unknown), "cornn"), "recipes").text


def test_studies_show_importance_and_trials(cornn: Element) -> None:
    part = section(cornn, "sensitivity")
    (shares,) = part.all("table", class_="shares")
    assert [row[:3] for row in shares.rows()] == [
        ["dt", "0.003..1 log", "71.0"],
        ["lr", "0.0001..0.03 log", "22.0"],
        ["batch_size", "32, 64 or 128", "7.0"],
    ]
    assert "Sampler tpe with seed 7, pruner median, 30 epochs a trial." in part.text
    (plot,) = part.all("figure")
    assert len(plot.all("svg", role="img")) == 3
    assert "23 complete" in part.text
    assert "6 pruned" in part.text


def test_of_a_study_of_few_trials_the_ranges_are_told_without_shares() -> None:
    first = full()
    few = first.studies.assign(matched="9,000 parameters", epochs=1)
    part = section(page(replace(first, importance=pd.DataFrame(), studies=few), "cornn"), "sensitivity")
    (ranges,) = part.all("table", class_="shares")
    assert ranges.rows()[1] == ["lr", "0.0001..0.03 log"]
    assert "their importance is not known" in ranges.text
    assert "1 epoch a trial, 9,000 parameters each." in part.text


def test_of_a_study_that_does_not_say_how_it_searched_what_mattered_is_told() -> None:
    part = section(page(replace(full(), studies=pd.DataFrame()), "cornn"), "sensitivity")
    (shares,) = part.all("table", class_="shares")
    assert shares.rows()[0][:3] == ["dt", "–", "71.0"]
    assert "ampler" not in part.text


@pytest.mark.parametrize("text", ["[1]", "{", "[" * 100_000])
def test_ranges_that_are_no_object_are_not_told(text: str) -> None:
    first = full()
    part = section(page(replace(first, studies=first.studies.assign(ranges=text)), "cornn"), "sensitivity")
    assert part.all("table", class_="shares")[0].rows()[0][:2] == ["dt", "–"]


def test_an_architecture_without_anything_has_a_page() -> None:
    tree = page(replace(frames(), architectures=described().architectures))
    assert section(tree, "results").text == "Results There are no runs of this architecture yet."
    assert not tree.all("h2", id="sensitivity")


def test_the_same_frames_give_the_same_pages_in_any_order_of_rows() -> None:
    first = full()
    names = (
        "runs",
        "curves",
        "architectures",
        "trials",
        "studies",
        "importance",
        "recipes",
        "published_recipes",
        "skipped",
    )
    shuffled = replace(first, **{name: getattr(first, name).sample(frac=1, random_state=5) for name in names})
    assert pages(shuffled) == pages(first)


def test_hostile_texts_stay_texts() -> None:
    found = pages(hostile())
    assert len(found) == len(hostile_texts())
    for content in found.values():
        tree = parsed(content)
        assert len(tree.all("script")) == 1
        assert not [
            e for e in tree.every() if e.tag in ("img", "b") or any(name.startswith("on") for name in e.attributes)
        ]
        assert not [e for e in tree.all("a") if (e.get("href") or "").startswith("javascript")]
