"""``suite list`` and ``suite show``: the suites that come with the project."""

from __future__ import annotations

import json as jsons
from typing import Annotated

import typer

from harness.cli.options import JsonOption
from harness.cli.streams import print_document

SuiteArgument = Annotated[
    str,
    typer.Argument(metavar="NAME|FILE.toml", help="A suite that comes with the project (see 'suite list'), or a file."),
]


def list_(json: JsonOption = False) -> None:
    """The suites that come with the project."""
    from harness.cli.terminal import print_rows
    from harness.suites.file import load, shipped

    rows = [{"suite": name, "title": load(name).title} for name in shipped()]
    if json:
        print_document(jsons.dumps(rows, indent=2))
    else:
        print_rows(rows)


def show(name: SuiteArgument) -> None:
    """Print the file of a suite, to be kept and changed: 'suite show quick > mine.toml'."""
    from harness.suites.file import load

    print(load(name).text, end="")
