"""Tables in a real browser: sorted, filtered and narrowed by hand and keyboard, and addresses that keep the view."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import Any

import pytest

from .conftest import Site, look

ID = "task-psmnist--rows"
TABLE = f"table#{ID}"
PAGE = "tasks/psmnist.html"
TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"


@pytest.fixture
def table(browser: Any, site: Site) -> Any:
    """The browser on the page of a task."""
    browser.get(site.url(PAGE))
    return browser


def column(browser: Any, number: int) -> list[str]:
    """The values of the rows that are shown, from the top; column 1 is the rank."""
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0] + ' tbody tr')].filter((row) => !row.hidden)"
        ".map((row) => row.cells[arguments[1] - 1].dataset.value ?? row.cells[arguments[1] - 1].textContent.trim())",
        TABLE,
        number,
    )


def head(browser: Any, number: int) -> Any:
    return browser.find_element("css selector", f"{TABLE} thead th:nth-child({number})")


def button(browser: Any, number: int) -> Any:
    return head(browser, number).find_element("css selector", "button")


def number_of(browser: Any, title: str) -> int:
    heads = browser.find_elements("css selector", f"{TABLE} thead th")
    (found,) = [number for number, one in enumerate(heads, 1) if one.text.strip() == title]
    return found


def search(browser: Any) -> Any:
    """The field of the filter that belongs to the table."""
    return browser.execute_script(
        "return document.querySelector(arguments[0]).closest('.scroll').previousElementSibling.querySelector('input')",
        TABLE,
    )


def view(browser: Any) -> tuple[list[str], list[str], list[bool], str]:
    """What a reader sees of the table: rows, direction of each head, which columns are there, the filter's text."""
    heads = browser.find_elements("css selector", f"{TABLE} thead th")
    return (
        column(browser, 2),
        [one.get_attribute("aria-sort") for one in heads],
        [one.is_displayed() for one in heads],
        search(browser).get_attribute("value"),
    )


def hash_of(browser: Any) -> str:
    return browser.execute_script("return location.hash")


def test_a_click_sorts_and_a_second_click_turns_the_order(table: Any) -> None:
    assert column(table, 1) == ["1", "2", "3", "4", "5"]
    assert head(table, 1).get_attribute("aria-sort") == "ascending"
    parameters = number_of(table, "Parameters")
    button(table, parameters).click()
    assert head(table, parameters).get_attribute("aria-sort") == "ascending"
    assert head(table, 1).get_attribute("aria-sort") is None
    # As numbers, not as texts; equal values keep the order of the ranks.
    assert column(table, parameters) == ["35082", "50826", "67466", "134000", "134000"]
    assert column(table, 1) == ["1", "4", "5", "2", "3"]
    button(table, parameters).click()
    assert head(table, parameters).get_attribute("aria-sort") == "descending"
    assert column(table, 1) == ["2", "3", "5", "4", "1"]
    said = [one.get_attribute("textContent") for one in table.find_elements("css selector", "[role=status]")]
    assert "Sorted by Parameters, descending." in said


def test_the_best_comes_first_when_a_metric_is_sorted_by(table: Any) -> None:
    best = number_of(table, "Best, %")
    button(table, best).click()
    assert head(table, best).get_attribute("aria-sort") == "descending"
    assert all(float(above) >= float(below) for above, below in pairwise(column(table, best)))


def test_rows_without_a_value_stay_last_in_both_directions(browser: Any, site: Site) -> None:
    browser.get(site.url(PAGE))
    other = "table#task-psmnist-permutation-cornn--rows"
    for _ in range(2):
        browser.find_element("css selector", f"{other} thead th:nth-child(3) button").click()
        assert "failed" in browser.find_elements("css selector", f"{other} tbody tr")[-1].text


@pytest.mark.parametrize("key", [ENTER, " "], ids=["Enter", "Space"])
def test_sorting_works_by_keyboard_alone(table: Any, key: str) -> None:
    keys = pytest.importorskip("selenium.webdriver").ActionChains(table)
    table.execute_script("arguments[0].focus()", button(table, 2))
    keys.send_keys(TAB).perform()  # goes on to the next head that sorts
    assert table.execute_script("return document.activeElement.textContent") == "Test mean, %"
    assert table.execute_script("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    keys.send_keys(key).send_keys(key).perform()
    assert head(table, 3).get_attribute("aria-sort") == "ascending"
    assert column(table, 1) == ["5", "4", "3", "2", "1"]


def test_the_filter_keeps_rows_with_its_text_in_any_cell_and_counts_them(table: Any) -> None:
    search(table).send_keys("PUBLISHED")
    assert column(table, 1) == ["2"]
    counts = [one.text for one in table.find_elements("css selector", ".count")]
    assert "1 of 5 rows" in counts
    search(table).clear()
    search(table).send_keys("x")
    search(table).send_keys("\b")
    assert len(column(table, 1)) == 5
    search(table).send_keys("no such row")
    assert column(table, 1) == []


def test_columns_are_hidden_and_shown_again_but_never_the_names(table: Any) -> None:
    chooser = table.find_element("css selector", ".chooser")
    chooser.find_element("css selector", "summary").click()
    names = [one.text.strip() for one in chooser.find_elements("css selector", "label")]
    assert "Parameters" in names
    assert not {"Rank", "Architecture"} & set(names)
    parameters = number_of(table, "Parameters")
    box = chooser.find_elements("css selector", "label")[names.index("Parameters")]
    box.click()
    assert not head(table, parameters).is_displayed()
    assert not table.find_element("css selector", f"{TABLE} tbody tr td:nth-child({parameters})").is_displayed()
    box.click()
    assert head(table, parameters).is_displayed()
    pytest.importorskip("selenium.webdriver").ActionChains(table).send_keys(ESCAPE).perform()
    assert chooser.get_attribute("open") is None


def test_the_address_keeps_the_view_and_gives_it_back(table: Any) -> None:
    button(table, number_of(table, "Epochs")).click()
    search(table).send_keys("standard")
    chooser = table.find_element("css selector", ".chooser")
    chooser.find_element("css selector", "summary").click()
    chooser.find_elements("css selector", "label")[-1].click()
    seen, address = view(table), table.current_url
    assert f"#{ID}:" in address
    table.get("about:blank")
    table.get(address)
    assert view(table) == seen
    assert len(seen[0]) == 4
    assert not all(seen[2])


def test_another_hash_is_another_view_without_loading_the_page_again(table: Any) -> None:
    table.execute_script("window.same = true; location.hash = arguments[0]", f"{ID}:q=lstm&sort=-3")
    assert table.execute_async_script("setTimeout(arguments[0], 0, true)")
    assert column(table, 1) == ["5"]
    assert head(table, 3).get_attribute("aria-sort") == "descending"
    assert table.execute_script("return window.same")


@pytest.mark.parametrize(
    "broken",
    ["task-psmnist--rows:sort=99&hide=1,2,77&q=", "nothing:sort=1", ":::;;", "task-psmnist--rows:%E0%A4%A", "%"],
)
def test_an_address_that_makes_no_sense_is_the_page_as_it_is(browser: Any, site: Site, broken: str) -> None:
    browser.get(site.url(PAGE))
    expected = view(browser)
    browser.get("about:blank")
    browser.get(site.url(PAGE) + "#" + broken)
    assert view(browser) == expected
    assert browser.get_log("browser") == []


def test_an_ordinary_anchor_stays_and_leads_to_its_place(browser: Any, site: Site) -> None:
    browser.get(site.url(f"{PAGE}#task-psmnist-permutation-cornn"))
    place = browser.find_element("id", "task-psmnist-permutation-cornn")
    top = browser.execute_script("return arguments[0].getBoundingClientRect().top", place)
    assert 0 <= top < 400
    assert hash_of(browser) == "#task-psmnist-permutation-cornn"


def test_a_wide_table_scrolls_by_itself_and_keeps_the_names_in_sight(browser: Any, site: Site) -> None:
    look(browser, width=390)
    browser.get(site.url(PAGE))
    left = browser.execute_script(
        "const box = document.querySelector(arguments[0]).closest('.scroll'); box.scrollLeft = 10000;"
        "return [box.scrollLeft, document.querySelector(arguments[0] + ' tbody th').getBoundingClientRect().left"
        " - box.getBoundingClientRect().left]",
        TABLE,
    )
    assert left[0] > 200
    assert left[1] == pytest.approx(0, abs=1)


def test_the_overview_sorts_by_the_column_of_a_task(browser: Any, site: Site) -> None:
    browser.get(site.url("index.html"))
    rows = "return [...document.querySelectorAll('table.grid tbody tr')].map((row) => row.cells[0].textContent.trim())"
    buttons = browser.find_elements("css selector", "table.grid thead tr:last-child th button")
    orders = set()
    for one in buttons:
        one.click()
        orders.add(tuple(browser.execute_script(rows)))
    assert len(buttons) >= 5
    assert len(orders) > 1
    assert all(sorted(order) == ["GRU", "LSTM", "UnICORNN", "coRNN"] for order in orders)


def test_a_block_of_text_is_copied_by_its_button(browser: Any, site: Site) -> None:
    browser.get(site.url(site.kinds["runs"]))
    found = browser.find_elements("css selector", "button.copy")
    if not browser.execute_script("return Boolean(navigator.clipboard)"):
        assert found == []
        return
    assert found
    found[0].click()
    told = browser.execute_async_script("setTimeout(arguments[0], 200, true)")
    assert told
    assert browser.find_element("css selector", "p[role=status]").get_attribute("textContent") != ""


def test_published_accuracies_and_errors_stand_apart_however_they_are_sorted(browser: Any, site: Site) -> None:
    browser.get(site.url("ledger.html"))
    for _ in range(2):
        browser.find_element("css selector", "table#published thead th:nth-child(2) button").click()
        cells = browser.find_elements("css selector", "table#published tbody td:nth-child(2)")
        told = [(one.get_attribute("data-unit"), one.get_attribute("data-value")) for one in cells]
        known = [(unit, float(value)) for unit, value in told if value]
        assert told[len(known) :] == [one for one in told if not one[1]]
        units = [unit for unit, _ in groupby(known, lambda one: one[0])]
        assert len(units) == len(set(units)) > 1
        for unit in units:
            values = [value for of, value in known if of == unit]
            assert values in (sorted(values), sorted(values, reverse=True))
