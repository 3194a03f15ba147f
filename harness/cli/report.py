"""``report``: render the leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import HomeOption, PluginOption


def report(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder that the pages are written to.")] = Path("site"),
    plugin: PluginOption = None,
    home: HomeOption = None,
) -> None:
    """Render all stored runs as a leaderboard that opens in a browser, from a disk, without a network."""
    from harness.cli.frames import frames
    from harness.errors import explained
    from harness.registry import Registry
    from harness.store import store_to_list
    from reports import render

    content = frames(store_to_list(home), Registry(tuple(plugin or ())))
    with explained("report"):
        page = render(content, out)
    done = int((content.runs["state"] == "done").sum())
    print(f"{page.absolute()}: {done} finished of {len(content.runs)} stored runs")
