"""Debian's Chromium, without a window, with a profile of its own and with a record of all that it asks for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reports import render

from ..processes import PATIENCE
from ..reports.fakes import full, hostile

BROWSER, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if missing := [str(file) for file in (BROWSER, DRIVER) if not shutil.which(file)]:
        pytest.skip(f"{' and '.join(missing)} not installed: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    # What a page must never do; the record is made before any script of the page could run.
    watch = "window.alerts = []; window.alert = (text) => window.alerts.push(text);"
    started.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": watch})
    started.get = patient(started)
    yield started
    started.quit()


def patient(driver: Any) -> Callable[[str], None]:
    """``get`` that returns when the page is there: under load that of the driver may return with the one before."""
    wait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait(driver, PATIENCE)
    load = driver.get

    def get(address: str) -> None:
        before = driver.current_url
        if address != before and address.partition("#")[0] == before.partition("#")[0]:  # a place on the same page
            load(address)
            return
        driver.execute_script("window.leaving = true")
        load(address)
        wait.until(lambda _: driver.execute_script("return !window.leaving && document.readyState === 'complete'"))

    return get


@pytest.fixture
def browser(driver: Any) -> Iterator[Any]:
    """The browser as a test may expect it: 1,600 pixels wide, light, with scripts, and with nothing in its logs."""
    driver.get("about:blank")
    look(driver)
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    driver.get_log("browser")
    driver.get_log("performance")
    yield driver
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def look(driver: Any, width: int = 1600, scheme: str = "light", media: str = "screen") -> None:
    """Set the width in pixels, the colour scheme and the medium that the browser pretends to have."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})


def requests(driver: Any) -> list[str]:
    """The addresses that the page tried to ask for since this was called last, refused ones included."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [message for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [message["params"]["request"]["url"] for message in sent]


@dataclass(frozen=True)
class Site:
    """A rendered folder, and the address of each kind of page in it."""

    folder: Path
    kinds: dict[str, str]

    def url(self, address: str) -> str:
        file, mark, anchor = address.partition("#")
        return (self.folder / file).as_uri() + mark + anchor


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A leaderboard with a page of every kind, all of them with content."""
    folder = render(full(), tmp_path_factory.mktemp("site")).parent
    run = sorted((folder / "runs").iterdir())[0].name
    pages = (
        "index",
        "tasks/psmnist",
        "tasks/psdigits",
        "architectures/cornn",
        "pairs/psmnist--cornn",
        "speed",
        "ledger",
    )
    kinds = {page.partition("/")[0] + (page[-6:] if "digits" in page else ""): f"{page}.html" for page in pages}
    return Site(folder, kinds | {"runs": f"runs/{run}"})


@pytest.fixture(scope="session")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaderboard in which every text is hostile."""
    return render(hostile(), tmp_path_factory.mktemp("hostile")).parent


KINDS = ("index", "tasks", "tasksdigits", "architectures", "pairs", "runs", "speed", "ledger")
"""The keys of :attr:`Site.kinds`."""
