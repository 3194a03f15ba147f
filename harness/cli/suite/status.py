"""``suite status``: how far a suite is, asked from any terminal while another one trains it."""

from __future__ import annotations

import json as jsons

from harness.cli.options import HomeOption, JsonOption, PluginOption, ThreadsOption
from harness.cli.streams import print_document
from harness.cli.study import StorageOption
from harness.cli.suite.shipped import SuiteArgument


def status(
    suite: SuiteArgument,
    storage: StorageOption = None,
    threads: ThreadsOption = None,
    plugin: PluginOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Print what is done, under way, failed and missing, and how long the rest will take where that is known."""
    from harness.cli.suite.opened import Opened
    from harness.cli.suite.printed import print_status
    from harness.cli.training import machine
    from harness.suites.cost import Prices
    from harness.suites.document import document

    on = machine(home, None, True, "auto", threads, 10.0, None)
    opened = Opened.of(suite, on, tuple(plugin or ()), storage, measuring=False)
    found = opened.standings()
    prices = Prices(opened.registry, opened.machine, opened.store, measuring=False).all(found)
    running = sum(len(one.running) + one.searching for one in found)
    content = document(opened.grid, found, prices, max(1, running), at_work=opened.at_work)
    if json:
        print_document(jsons.dumps(content, indent=2))
    else:
        print_status(content)
