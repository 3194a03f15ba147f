"""``report``: render the leaderboard."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.known import refuse_missing
from harness.cli.options import HomeOption, PluginOption, path_option

MANY = 2000
"""Runs from which on a second process, which takes some seconds to start, makes a report faster."""


class Format(StrEnum):
    """The forms of a report."""

    html = "html"
    md = "md"
    latex = "latex"
    csv = "csv"
    json = "json"


def report(
    out: Annotated[
        Path | None,
        path_option("--out", "DIR", "Folder to write to: else 'site', or 'tables' for what is no page."),
    ] = None,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="html: pages. md, latex: tables and figures for a paper (PNG; PDF and PNG). csv, json: data.",
        ),
    ] = Format.html,
    every_run: Annotated[
        bool,
        typer.Option(
            "--every-run", help="A page for each run however many there are; else some of more than 10,000 have one."
        ),
    ] = False,
    plugin: PluginOption = None,
    home: HomeOption = None,
) -> None:
    """Render all stored runs as a leaderboard that opens in a browser, from a disk, without a network."""
    from harness.cli.frames import frames, stored_curves
    from harness.cli.terminal import number
    from harness.errors import explained
    from harness.home import Home
    from harness.registry import Registry
    from harness.store import store_to_list
    from reports import export, render, second_process

    folder = out or Path("site" if form is Format.html else "tables")
    refuse_missing(home)
    store = store_to_list(home)
    many = form is Format.html and store.count() >= MANY and (os.cpu_count() or 1) > 1
    told: list[str] = []
    with second_process() if many else nullcontext() as second:
        curves = second.submit(stored_curves, home) if second else None
        with _collecting_nothing():
            content = frames(
                store, Registry(tuple(plugin or ())), Home.find(home), curves.result if curves is not None else None
            )
        with explained("report"):
            if form is Format.html:
                first = render(content, folder, second, every_run=every_run, tell=told.append)
            else:
                first, *_ = export(content, folder, str(form))
    done = int((content.runs["state"] == "done").sum())
    trials = store.count() - len(content.runs)
    searched = f", beside {number(trials, 'trial')} of studies" if trials > 0 else ""
    print(f"{first.absolute()}: {done} finished of {number(len(content.runs), 'stored run')}{searched}")
    for sentence in told:
        print(f"{sentence} 'show RUN' tells all of a run, and 'report --every-run' writes a page for each.")


@contextmanager
def _collecting_nothing() -> Iterator[None]:
    """Without the garbage collector, which looks through all that is read again and again and finds none."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
