"""``report``: render the leaderboard."""

from __future__ import annotations

import os
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import HomeOption, PluginOption

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
        typer.Option(metavar="DIR", help="Folder to write to: else 'site', or 'tables' for what is no page."),
    ] = None,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="html: pages. md, latex: tables and figures for a paper (PNG; PDF and PNG). csv, json: data.",
        ),
    ] = Format.html,
    plugin: PluginOption = None,
    home: HomeOption = None,
) -> None:
    """Render all stored runs as a leaderboard that opens in a browser, from a disk, without a network."""
    from harness.cli.frames import frames
    from harness.errors import explained
    from harness.home import Home
    from harness.registry import Registry
    from harness.store import store_to_list
    from reports import export, render, second_process

    store = store_to_list(home)
    many = form is Format.html and store.count() >= MANY and (os.cpu_count() or 1) > 1
    with second_process() if many else nullcontext() as second:
        content = frames(store, Registry(tuple(plugin or ())), Home.find(home))
        with explained("report"):
            if form is Format.html:
                first = render(content, out or Path("site"), second)
            else:
                first, *_ = export(content, out or Path("tables"), str(form))
    done = int((content.runs["state"] == "done").sum())
    print(f"{first.absolute()}: {done} finished of {len(content.runs)} stored runs")
