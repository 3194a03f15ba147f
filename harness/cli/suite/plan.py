"""``suite plan``: the grid with the state of every cell, and what the missing runs will cost."""

from __future__ import annotations

import json as jsons
from typing import Annotated

import typer

from harness.cli.options import (
    BackendOption,
    DataRootOption,
    HomeOption,
    JsonOption,
    OfflineOption,
    PluginOption,
    ThreadsOption,
    WorkersOption,
)
from harness.cli.streams import print_document
from harness.cli.study import StorageOption
from harness.cli.suite.shipped import SuiteArgument


def plan(
    suite: SuiteArgument,
    no_measure: Annotated[
        bool, typer.Option("--no-measure", help="Time no steps: costs are told as far as they are known already.")
    ] = False,
    workers: WorkersOption = None,
    storage: StorageOption = None,
    backend: BackendOption = None,
    threads: ThreadsOption = None,
    plugin: PluginOption = None,
    data_root: DataRootOption = None,
    offline: OfflineOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Print all cells of a suite with their states and what is left of them, by runs that are done and timed steps."""
    from harness.cli.suite.opened import Opened
    from harness.cli.suite.printed import print_plan
    from harness.cli.terminal import tell
    from harness.cli.training import machine
    from harness.engines.cores import usual_workers
    from harness.suites.cost import Prices
    from harness.suites.document import document

    on = machine(home, data_root, offline, "auto", threads, 10.0, backend)
    opened = Opened.of(suite, on, tuple(plugin or ()), storage, measuring=not no_measure)
    found = opened.standings()
    prices = Prices(opened.registry, opened.machine, opened.store, measuring=not no_measure, tell=tell).all(found)
    content = document(
        opened.grid, found, prices, workers or usual_workers(opened.machine.wanted_threads()), at_work=opened.at_work
    )
    if json:
        print_document(jsons.dumps(content, indent=2))
    else:
        print_plan(content)
