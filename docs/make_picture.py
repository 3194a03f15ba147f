"""Make the README's picture: a screenshot of a leaderboard page in Chromium.

    python -m harness demo --out site
    python docs/make_picture.py site/tasks/psdigits.html docs/leaderboard.png

Needs selenium (in the extra ``test``) and Chromium with its driver.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

WIDTH, HEIGHT = 1400, 1960


def main(page: str, picture: str) -> None:
    """Photograph the upper part of `page`, wide enough for all columns, into the PNG file `picture`."""
    options = ChromeOptions()
    with tempfile.TemporaryDirectory() as profile:
        for flag in (
            *("headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars", "no-first-run"),
            *("disable-background-networking", "disable-component-update", "disable-sync"),
            *(f"window-size={WIDTH},{HEIGHT}", f"user-data-dir={profile}"),
        ):
            options.add_argument(f"--{flag}")
        with Chrome(options=options, service=ChromeService(shutil.which("chromedriver"))) as browser:
            browser.set_window_size(WIDTH, HEIGHT)
            browser.get(Path(page).absolute().as_uri())
            browser.save_screenshot(picture)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python docs/make_picture.py PAGE PICTURE")
    main(*sys.argv[1:])
