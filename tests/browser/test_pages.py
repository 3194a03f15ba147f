"""Every kind of page in a real browser: silent, offline, complete without scripts, never wider than the screen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from .conftest import KINDS, Site, look, requests

OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest, site: Site) -> str:
    """The address of a page of every kind."""
    return site.url(site.kinds[request.param])


def test_a_page_opens_from_a_disk_without_an_error_and_without_a_request(browser: Any, address: str) -> None:
    browser.get(address)
    assert browser.get_log("browser") == []
    assert {url for url in requests(browser) if not url.startswith("data:")} == {address}
    assert len(browser.find_elements("css selector", "script")) == 1
    assert len(browser.find_elements("css selector", "h1")) == 1
    assert len(browser.find_elements("css selector", "main")) == 1


@pytest.mark.parametrize("width", [390, 1600])
def test_a_page_is_never_wider_than_the_screen(browser: Any, address: str, width: int) -> None:
    look(browser, width=width)
    browser.get(address)
    browser.execute_script(OPEN_ALL)
    assert browser.execute_script("return innerWidth") == width
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_both_colour_schemes_reach_text_and_links(browser: Any, address: str) -> None:
    shown = {}
    for scheme in ("light", "dark"):
        look(browser, scheme=scheme)
        browser.get(address)
        shown[scheme] = browser.execute_script(
            "const of = (selector, name) => getComputedStyle(document.querySelector(selector))[name];"
            "return [of('body', 'backgroundColor'), of('h1', 'color'), of('nav a', 'color')]"
        )
    assert all(light != dark for light, dark in zip(shown["light"], shown["dark"], strict=True))


def test_print_has_no_controls_and_fits_the_sheet(browser: Any, address: str) -> None:
    look(browser, width=1016, media="print")  # what the margins leave of a landscape sheet of A4, in CSS pixels
    browser.get(address)
    controls = browser.find_elements("css selector", ".controls, .hint, .skip, .copy")
    assert not any(one.is_displayed() for one in controls)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1016


def test_without_scripts_a_page_says_the_same(browser: Any, address: str) -> None:
    browser.get(address)
    words = "return document.querySelector('main').textContent.replace(/\\s+/g, ' ')"
    told = "document.querySelectorAll('.controls, .hint, .copy, .tip').forEach((one) => one.remove())"
    browser.execute_script(told)
    with_scripts = browser.execute_script(words)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(address)
    assert browser.find_elements("css selector", "th button, .controls, button.copy") == []
    assert browser.execute_script(words) == with_scripts


def test_hostile_texts_run_nothing_and_stay_on_the_page(browser: Any, hostile_site: Path) -> None:
    """Two pages of each kind, at both widths: there are dozens of pages, alike but for the text."""
    pages = [
        file for folder in (".", "tasks", "architectures", "pairs", "runs") for file in some(hostile_site / folder)
    ]
    assert len(pages) > 8
    for file in pages:
        for width in (390, 1600):
            look(browser, width=width)
            browser.get(file.as_uri())
            browser.execute_script(OPEN_ALL)
            assert browser.execute_script("return window.alerts") == []
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width, file
    assert browser.get_log("browser") == []
    assert all(url.startswith(("file:", "data:")) for url in requests(browser))


def some(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.html"))
    return found if folder.name == "hostile0" or folder.name == "." else found[:: max(1, len(found) // 2)][:2]


def test_a_page_forbids_itself_what_a_script_that_slipped_in_would_do(browser: Any, address: str) -> None:
    browser.get(address)
    browser.execute_script(
        "document.body.insertAdjacentHTML('beforeend', '<img src=https://example.invalid/a.png onerror=alert(1)>')"
    )
    refused = [entry["message"] for entry in browser.get_log("browser")]
    assert any("a.png" in message and "img-src data:" in message for message in refused)
    assert any("inline event handler" in message for message in refused)
    assert browser.execute_script("return window.alerts") == []


def test_every_link_leads_to_a_page_and_a_place_on_it(site: Site) -> None:
    pages = {file: file.read_text("utf-8") for file in site.folder.rglob("*.html")}
    ids = {file: set(re.findall(r'\bid="([^"]*)"', text)) for file, text in pages.items()}
    for file, text in pages.items():
        for target in re.findall(r'<a\b[^>]*?\bhref="([^"]*)"', text):
            if target.startswith("https://"):
                continue
            path, _, anchor = unquote(target).partition("#")
            found = (file.parent / path).resolve() if path else file
            assert found in pages, f"{file.name}: {target}"
            assert not anchor or anchor in ids[found], f"{file.name}: {target}"
