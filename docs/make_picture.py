"""Make the README's picture, docs/leaderboard.png: a screenshot in Chromium of the first page of the results' report.

    python docs/make_picture.py

Needs selenium (in the extra ``test``) and Chromium with its driver.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from make_leaderboard import DATA, harness
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

PICTURE = Path(__file__).parent / "leaderboard.png"
WIDTH, HEIGHT = 1400, 1420


def main() -> None:
    """Photograph the upper part of the page, wide enough for all columns."""
    options = ChromeOptions()
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as profile:
        harness("import", *map(str, sorted(DATA.glob("*.jsonl"))), home=home)
        harness("report", "--out", "site", home=home)
        for flag in (
            *("headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars", "no-first-run"),
            *("disable-background-networking", "disable-component-update", "disable-sync"),
            *(f"window-size={WIDTH},{HEIGHT}", f"user-data-dir={profile}"),
        ):
            options.add_argument(f"--{flag}")
        with Chrome(options=options, service=ChromeService(shutil.which("chromedriver"))) as browser:
            browser.set_window_size(WIDTH, HEIGHT)
            browser.get((Path(home) / "site" / "index.html").as_uri())
            browser.save_screenshot(str(PICTURE))


if __name__ == "__main__":
    main()
