"""The page in a real browser: silent, offline, sortable by hand and by keyboard, and never wider than the screen."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from .conftest import look, requests

TABLE = "section[aria-labelledby^='task-psmnist '] table.ranking"


def column(browser: Any, number: int) -> list[str]:
    """The values of a column of the table, from the top; column 1 is the rank."""
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
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


@pytest.mark.parametrize("which", ["page", "hostile_page"])
def test_the_page_opens_from_a_disk_without_an_error_and_without_a_request(
    browser: Any, which: str, request: pytest.FixtureRequest
) -> None:
    address = request.getfixturevalue(which)
    browser.get(address)
    assert browser.title == "Leaderboard of recurrent networks"
    assert browser.get_log("browser") == []
    assert {url for url in requests(browser) if not url.startswith("data:")} == {address}
    assert browser.execute_script("return window.alerts") == []
    assert len(browser.find_elements("css selector", "script")) == 1


def test_the_page_forbids_itself_what_a_script_that_slipped_in_would_do(browser: Any, page: str) -> None:
    browser.get(page)
    browser.execute_script(
        "document.body.insertAdjacentHTML('beforeend', '<img src=https://example.invalid/a.png onerror=alert(1)>')"
    )
    refused = [entry["message"] for entry in browser.get_log("browser")]
    assert any("a.png" in message and "img-src data:" in message for message in refused)
    assert any("inline event handler" in message for message in refused)
    assert browser.execute_script("return window.alerts") == []


def test_a_click_sorts_and_a_second_click_turns_the_order(browser: Any, page: str) -> None:
    browser.get(page)
    assert column(browser, 1) == ["1", "2", "3", "4", "5"]
    assert head(browser, 1).get_attribute("aria-sort") == "ascending"
    parameters = number_of(browser, "Parameters")
    button(browser, parameters).click()
    assert head(browser, parameters).get_attribute("aria-sort") == "ascending"
    assert head(browser, 1).get_attribute("aria-sort") is None
    # As numbers, not as texts; equal values keep the order of the ranks.
    assert column(browser, parameters) == ["35082", "50826", "67466", "134000", "134000"]
    assert column(browser, 1) == ["1", "4", "5", "2", "3"]
    button(browser, parameters).click()
    assert head(browser, parameters).get_attribute("aria-sort") == "descending"
    assert column(browser, 1) == ["2", "3", "5", "4", "1"]
    assert "Sorted by Parameters, descending." in browser.find_element("css selector", "[role=status]").text


def test_the_best_comes_first_when_a_metric_is_sorted_by(browser: Any, page: str) -> None:
    browser.get(page)
    best = number_of(browser, "Best, %")
    button(browser, best).click()
    assert head(browser, best).get_attribute("aria-sort") == "descending"
    values = [float(value) for value in column(browser, best)]
    assert all(above >= below for above, below in pairwise(values))


def test_rows_without_a_value_stay_last_in_both_directions(browser: Any, page: str) -> None:
    browser.get(page)
    table = "section[aria-labelledby^='task-psmnist-permutation-cornn '] table.ranking"
    for _ in range(2):
        browser.find_element("css selector", f"{table} thead th:nth-child(3) button").click()
        rows = browser.find_elements("css selector", f"{table} tbody tr")
        assert "failed" in rows[-1].text


@pytest.mark.parametrize("key", ["\ue007", " "], ids=["Enter", "Space"])
def test_sorting_works_by_keyboard_alone(browser: Any, page: str, key: str) -> None:
    keys = pytest.importorskip("selenium.webdriver").ActionChains(browser)
    browser.get(page)
    focus = "return document.activeElement.textContent"
    browser.execute_script("arguments[0].focus()", button(browser, 2))
    assert browser.execute_script(focus) == "Architecture"
    keys.send_keys("\ue004").perform()  # Tab goes on to the next head that sorts
    assert browser.execute_script(focus) == "Test mean, %"
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert browser.execute_script(outline) == "solid"
    keys.send_keys(key).send_keys(key).perform()
    assert head(browser, 3).get_attribute("aria-sort") == "ascending"
    assert column(browser, 1) == ["5", "4", "3", "2", "1"]


def test_without_scripts_the_page_is_complete(browser: Any, page: str) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(page)
    assert len(browser.find_elements("css selector", f"{TABLE} tbody tr")) == 5
    assert browser.find_elements("css selector", "th button") == []
    assert "Select a column head" not in browser.find_element("css selector", f"{TABLE} caption").text
    browser.find_element("css selector", "summary").click()
    assert browser.find_element("css selector", "details table").is_displayed()


@pytest.mark.parametrize("width", [390, 768, 1600])
@pytest.mark.parametrize("which", ["page", "hostile_page"])
def test_the_page_is_never_wider_than_the_screen(
    browser: Any, which: str, width: int, request: pytest.FixtureRequest
) -> None:
    look(browser, width=width)
    browser.get(request.getfixturevalue(which))
    browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.execute_script("return innerWidth") == width
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_a_wide_table_scrolls_by_itself_and_keeps_the_names_in_sight(browser: Any, page: str) -> None:
    look(browser, width=390)
    browser.get(page)
    left = browser.execute_script(
        "const box = document.querySelector(arguments[0]).closest('.scroll'); box.scrollLeft = 10000;"
        "return [box.scrollLeft, document.querySelector(arguments[0] + ' tbody th').getBoundingClientRect().left"
        " - box.getBoundingClientRect().left]",
        TABLE,
    )
    assert left[0] > 390
    assert left[1] == pytest.approx(0, abs=1)


def test_the_whole_table_fits_on_a_wide_screen(browser: Any, page: str) -> None:
    browser.get(page)
    for box in browser.find_elements("css selector", ".scroll"):
        assert box.get_property("scrollWidth") <= box.get_property("clientWidth")


def test_both_colour_schemes_reach_text_lines_and_figures(browser: Any, page: str) -> None:
    shown = {}
    for scheme in ("light", "dark"):
        look(browser, scheme=scheme)
        browser.get(page)
        shown[scheme] = browser.execute_script(
            "const of = (selector, name) => getComputedStyle(document.querySelector(selector))[name];"
            "return [of('body', 'backgroundColor'), of('h1', 'color'), of('.panel text', 'fill'),"
            " of('.panel path[style*=series-1]', 'stroke'), of('.strip-plot .seed', 'fill')]"
        )
    assert all(light != dark for light, dark in zip(shown["light"], shown["dark"], strict=True))
    for background, heading, label, *_ in shown.values():
        assert heading == label != background


def test_figures_are_written_in_the_font_of_the_tables(browser: Any, page: str) -> None:
    browser.get(page)
    family = "return getComputedStyle(document.querySelector(arguments[0])).fontFamily"
    assert browser.execute_script(family, ".panel text") == browser.execute_script(family, "td")


def test_print_has_no_controls_and_no_scroll_boxes(browser: Any, page: str) -> None:
    look(browser, width=1016, media="print")  # what the margins leave of a landscape sheet of A4, in CSS pixels
    browser.get(page)
    assert not any(one.is_displayed() for one in browser.find_elements("css selector", "details, .hint, .skip"))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1016
