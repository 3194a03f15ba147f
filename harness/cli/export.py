"""``export``: runs and timings as JSON lines."""

from __future__ import annotations

import os
import sys
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import HomeOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.store import Run, Timing


def export(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write to a file instead of standard output.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Only of this task, with its variant.")] = None,
    arch: Annotated[str | None, typer.Option(help="Only of this architecture.")] = None,
    state: Annotated[str | None, typer.Option(help="Only running, done, failed, interrupted or pruned ones.")] = None,
    home: HomeOption = None,
) -> None:
    """Write the stored runs (trials too) and timings as JSON lines, oldest first, for 'import' and other programs."""
    from harness.store import open_store
    from harness.store.exchange import write_file

    store = open_store(home, create=False)
    counts: Counter[str] = Counter()
    entries = _counted(store.each(arch=arch, task=task, state=state), "run", counts)
    if task is None and state is None:  # a timing has neither
        entries = chain(entries, _counted(store.timings(arch), "timing", counts))
    if out is None or str(out) == "-":
        _print(entries)
    else:
        write_file(entries, out)
        timings = f", {_number(counts['timing'], 'timing')}" if counts["timing"] else ""
        print(f"{out}: {_number(counts['run'], 'run')}{timings}")


def _counted(entries: Iterable[Run | Timing], kind: str, counts: Counter[str]) -> Iterator[Run | Timing]:
    for entry in entries:
        counts[kind] += 1
        yield entry


def _number(count: int, kind: str) -> str:
    return f"{count} {kind}{'' if count == 1 else 's'}"


def _print(entries: Iterator[Run | Timing]) -> None:
    from harness.errors import UserError
    from harness.store.exchange import write_lines

    try:
        write_lines(entries, sys.stdout)
    except BrokenPipeError:  # the reader has seen enough
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would try once more at its end
        raise UserError(f"cannot write standard output ({error.strerror})") from error
