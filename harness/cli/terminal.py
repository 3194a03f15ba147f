"""What the verbs print: tables and numbers that survive narrow terminals, pipes and hostile text."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

GAP = 2
"""Blanks between two columns."""
SHORT = 12
"""Length up to which a text in a table isn't folded."""
LEAST = 6
"""Width down to which a column of longer texts is folded."""
UNBROKEN = 10_000
"""Width of a pipe: a line there is a record for another program and must not be folded."""
LONGEST = 2000
"""Characters of a sentence, which may quote what a person gave."""
_NUMBER = re.compile(r"-|[-+]?[\d,.]+(e[-+]?\d+)?( %)?|nan|[-+]?inf")


def console(stream: TextIO | None = None) -> Console:
    """A console on `stream` (standard output) that takes text literally and folds lines in terminals only."""
    from rich.console import Console

    out = stream or sys.stdout
    if hasattr(out, "reconfigure"):
        out.reconfigure(errors="replace")  # a letter that the terminal lacks must not end the program
    width = None if out.isatty() or "COLUMNS" in os.environ else UNBROKEN
    return Console(file=out, width=width, markup=False, highlight=False, emoji=False)


def print_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a table of `rows`, all with the keys of the first as headings.

    Where the terminal is too narrow, long texts are folded; headings, numbers, short texts and the first column stay in
    one piece, even if the terminal itself then has to break the line. Nothing is cut.
    """
    from rich.cells import cell_len
    from rich.table import Table

    if not rows:
        print("(none)")
        return
    out = console()
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    names = [clean(name) for name in rows[0]]
    cells = [[_cell(row.get(name)) for row in rows] for name in rows[0]]
    numbers = [all(map(_NUMBER.fullmatch, column)) for column in cells]
    widths = [max(map(cell_len, (name, *column))) for name, column in zip(names, cells, strict=True)]
    whole = [at == 0 or number or widths[at] <= SHORT for at, number in enumerate(numbers)]
    least = [
        width if one else max(LEAST, cell_len(name)) for name, width, one in zip(names, widths, whole, strict=True)
    ]
    gaps = GAP * (len(names) - 1)
    widths = _narrowed(widths, least, out.width - gaps)
    out.width = max(out.width, sum(widths) + gaps)
    for name, number, width in zip(names, numbers, widths, strict=True):
        table.add_column(name, justify="right" if number else "left", overflow="fold", width=width)
    for line in zip(*cells, strict=True):
        table.add_row(*line)
    _print(table, out)


def print_facts(facts: Iterable[tuple[str, Any]]) -> None:
    """Print names and values in two columns, a little indented; values that are None are left out."""
    from rich.table import Table

    grid = Table.grid(padding=(0, GAP, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts:
        if value is not None:
            grid.add_row(f"  {clean(name)}", _cell(value))
    _print(grid, console())


def print_heading(text: str) -> None:
    """Print an empty line and a heading."""
    console().print(f"\n{clean(text)}", style="bold")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines of text, a little indented."""
    out = console()
    for line in lines:
        out.print(f"  {clean(line)}".rstrip())


def clean(text: object) -> str:
    """`text` on one line without control characters, which could steer the terminal."""
    words = str(text)
    if words.isprintable():
        return words
    return "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}" for letter in words
    )


def score(metric: str, value: float | None) -> str:
    """``98.31 %`` for an accuracy, four significant digits for an error, a dash for what isn't known."""
    if value is None:
        return "-"
    return f"{100 * value:.2f} %" if metric == "accuracy" and math.isfinite(value) else f"{value:.4g}"


def number(count: int, kind: str) -> str:
    """``1 run``, ``2 runs`` or ``2 studies``."""
    several = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    return f"{count} {kind if count == 1 else several}"


def parameters(count: int, without_embedding: int) -> str:
    """``35,000``, with how many of them are not the embedding's where there is one."""
    return f"{count:,}" + (f" ({without_embedding:,} without embedding)" if without_embedding != count else "")


def printable(sentence: str) -> str:
    """A sentence on one line, without what could steer the terminal, and cut in its middle where it is very long."""
    text = clean(sentence)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


def tell(sentence: str) -> None:
    """Print a sentence for the person beside the output, on standard error: errors, warnings, what is under way."""
    print(printable(sentence), file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """``12.3 s``, ``4 min 05 s`` or ``2 h 07 min``."""
    if not math.isfinite(seconds) or seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(iso: str) -> str:
    """A stored time in the time zone of the person who reads it: ``2025-01-31 13:00``; as it is where that fails."""
    from datetime import datetime

    try:
        return f"{datetime.fromisoformat(iso).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):  # no time, or one beyond the calendar of this system
        return clean(iso)


def _narrowed(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Widths of columns that fit into `room`: the widest gives way first, none below its `least`."""
    narrowed = list(widths)
    while sum(narrowed) > room:
        spare = [at for at, width in enumerate(narrowed) if width > least[at]]
        if not spare:
            break
        narrowed[max(spare, key=narrowed.__getitem__)] -= 1
    return narrowed


def _print(table: Table, out: Console) -> None:
    """Print without the blanks that pad the last column."""
    with out.capture() as printed:
        out.print(table)
    for line in printed.get().splitlines():
        print(line.rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else clean(value)
