"""``import``: take over what 'export' wrote, here or on another machine."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.export import NAMES, Kind
from harness.cli.options import HomeOption
from harness.cli.terminal import number
from harness.home import with_home

if TYPE_CHECKING:
    from harness.store.line import Entry


def import_(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files of JSON lines; - is standard input.")],
    only: Annotated[
        list[Kind] | None, typer.Option("--only", help="Only entries of this kind; may be repeated.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Import what 'export' wrote. All lines of all files are checked first; what is known already is not repeated."""
    from harness.home import Home
    from harness.store import open_store
    from harness.store.exchange import merge
    from harness.store.line import kind_of
    from harness.store.merging import of_kind
    from harness.store.study_line import StudyLine

    places: list[str] = []
    found: list[tuple[int, Entry]] = []
    for file in files:
        source, entries = _read(file)
        for line, entry in entries:
            if only is None or kind_of(entry) in only:
                found.append((len(places), entry))
                places.append(f"{source}, line {line}")
    store, studies, incoming = open_store(home), of_kind(found, StudyLine), []
    if studies:  # else nothing of Optuna is needed
        from harness.tuning.exchange import judge

        incoming = judge(studies, Home.find(home), places.__getitem__)
    counts = merge(store, found, places.__getitem__)
    if studies:
        from harness.tuning.exchange import bring_in

        bring_in(incoming, Home.find(home))
        for one in incoming:
            counts[one.verdict] += 1
        counts["known"] += len(studies) - len(incoming)
    what = _source(files[0]) if len(files) == 1 else number(len(files), "file")
    kinds = Counter(kind_of(entry) for _, entry in found)
    held = ", ".join(number(kinds[kind], NAMES[kind]) for kind in Kind if kinds[kind]) or "nothing"
    print(f"{what}: {held}; {counts['new']} new, {counts['updated']} updated, {counts['known']} known already")


def _source(file: str) -> str:
    return "standard input" if file == "-" else file


def _read(file: str) -> tuple[str, list[tuple[int, Entry]]]:
    """How messages name a file, and its entries with the numbers of their lines."""
    from harness.errors import UserError
    from harness.store.exchange import read_lines

    source = _source(file)
    try:
        if file == "-":
            return source, read_lines(sys.stdin.buffer, source)
        with with_home(file).open("rb") as lines:
            return source, read_lines(lines, source)
    except OSError as error:
        raise UserError(f"cannot read {source} ({error.strerror or error})") from error
