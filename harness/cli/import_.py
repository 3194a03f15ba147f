"""``import``: take over runs and timings that 'export' wrote, here or on another machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import HomeOption


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of JSON lines; - is standard input.")],
    home: HomeOption = None,
) -> None:
    """Import runs and timings from JSON lines. All lines are checked first; what is known already is not repeated."""
    from harness.errors import UserError
    from harness.store import open_store
    from harness.store.exchange import merge, read_lines

    source = "standard input" if file == "-" else file
    try:
        if file == "-":
            found = read_lines(sys.stdin.buffer, source)
        else:
            with Path(file).open("rb") as lines:
                found = read_lines(lines, source)
    except OSError as error:
        raise UserError(f"cannot read {source} ({error.strerror or error})") from error
    counts = merge(open_store(home), found, source)
    print(f"{source}: {counts['new']} new, {counts['updated']} updated, {counts['known']} known already")
