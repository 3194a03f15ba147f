"""Figures in a real browser: values under the pointer, colours of the scheme, the letters of the page."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Site, look

CURVES = "figure#task-psmnist--curves"


def point_at(browser: Any, figure: str, panel: int, row: int) -> list[str]:
    """Put the pointer where the row of the table stands in the panel; returns the cells of that row."""
    cells, x, y = browser.execute_async_script(
        """
        const done = arguments[3];
        const figure = document.querySelector(arguments[0]);
        const svg = figure.querySelectorAll('.panel svg')[arguments[1]];
        const at = (row) => row.dataset.at.split(';')[arguments[1]];
        const row = [...figure.querySelectorAll('tr[data-at]')].filter(at)[arguments[2]];
        const [[x0, x1, y0, y1], [left, right, low, high], scales] = JSON.parse(svg.dataset.plot);
        const [x, y] = at(row).split(',').map(Number);
        const f = (name) => (name === 'log' ? Math.log : (v) => v);
        const along = (v, a, b, name) => (f(name)(v) - f(name)(a)) / (f(name)(b) - f(name)(a));
        svg.scrollIntoView({ block: 'center' });
        // What is told goes away when the page scrolls, and the browser says so a frame later.
        requestAnimationFrame(() => requestAnimationFrame(() => {
        const place = new DOMPoint(x0 + (x1 - x0) * along(x, left, right, scales[0]),
                                   y0 + (y1 - y0) * along(y, low, high, scales[1]))
          .matrixTransform(svg.getScreenCTM());
        done([[...row.cells].map((cell) => cell.textContent.trim()), place.x, place.y]);
        }));
        """,
        figure,
        panel,
        row,
    )
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y})
    return cells


def tips(browser: Any) -> list[str]:
    return [one.get_attribute("textContent") for one in browser.find_elements("css selector", ".tip")]


@pytest.mark.parametrize(("figure", "panel"), [(CURVES, 0), (CURVES, 1), ("figure#task-psmnist--pareto", 0)])
def test_the_value_under_the_pointer_is_that_of_the_table(browser: Any, site: Site, figure: str, panel: int) -> None:
    browser.get(site.url("tasks/psmnist.html"))
    cells = point_at(browser, figure, panel, 3)
    (told,) = tips(browser)
    assert all(cell in told for cell in cells)
    assert len(browser.find_elements("css selector", f"{figure} circle.ring")) == 1


def test_what_is_told_goes_with_the_pointer_and_with_escape(browser: Any, site: Site) -> None:
    browser.get(site.url("tasks/psmnist.html"))
    point_at(browser, CURVES, 0, 3)
    assert tips(browser)
    pytest.importorskip("selenium.webdriver").ActionChains(browser).send_keys("\ue00c").perform()
    assert tips(browser) == []
    point_at(browser, CURVES, 0, 3)
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": 2, "y": 2})
    assert tips(browser) == []


@pytest.mark.parametrize(
    "page", ["tasks/psmnist.html", "speed.html", "architectures/cornn.html", "pairs/psmnist--cornn.html"]
)
def test_figures_have_the_font_of_the_tables_and_the_colours_of_the_scheme(browser: Any, site: Site, page: str) -> None:
    shown = {}
    for scheme in ("light", "dark"):
        look(browser, scheme=scheme)
        browser.get(site.url(page))
        text, cell, *colours = browser.execute_script(
            "const of = (selector, name) => getComputedStyle(document.querySelector(selector))[name];"
            "return [of('.panel text', 'fontFamily'), of('td', 'fontFamily'), of('.panel text', 'fill')]"
        )
        assert text == cell
        shown[scheme] = colours
    assert shown["light"][0] != shown["dark"][0]


def test_every_figure_has_a_name_and_its_values_in_a_table(browser: Any, site: Site) -> None:
    for page in site.kinds.values():
        browser.get(site.url(page))
        for figure in browser.find_elements("css selector", "figure.plot"):
            assert figure.find_elements("css selector", "details table tbody tr")
            for drawing in figure.find_elements("css selector", ".panel svg"):
                assert drawing.get_attribute("role") == "img"
                assert drawing.get_attribute("aria-label")
