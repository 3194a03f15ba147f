"""``export``: runs as JSON lines."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import HomeOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.store import Run


def export(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write to a file instead of standard output.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Only of this task, with its variant.")] = None,
    arch: Annotated[str | None, typer.Option(help="Only of this architecture.")] = None,
    state: Annotated[str | None, typer.Option(help="Only running, done, failed or interrupted ones.")] = None,
    home: HomeOption = None,
) -> None:
    """Write the stored runs as JSON lines, one run a line, oldest first, for 'import' and other programs."""
    from harness.store import open_store
    from harness.store.exchange import write_file

    runs = open_store(home, create=False).each(arch=arch, task=task, state=state)
    if out is None or str(out) == "-":
        _print(runs)
    else:
        count = write_file(runs, out)
        print(f"{out}: {count} run{'' if count == 1 else 's'}")


def _print(runs: Iterator[Run]) -> None:
    from harness.errors import UserError
    from harness.store.exchange import write_lines

    try:
        write_lines(runs, sys.stdout)
    except BrokenPipeError:  # the reader has seen enough
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would try once more at its end
        raise UserError(f"cannot write standard output ({error.strerror})") from error
