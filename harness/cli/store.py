"""``store``: what is about a whole store; so far, its copy in another database."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.group import Verbs

if TYPE_CHECKING:
    from collections.abc import Iterator

store_app = typer.Typer(help="Copy all runs from one database into another.", cls=Verbs, no_args_is_help=True)
WHERE = "a database URL, the path of a SQLite file, or a home folder"


@store_app.callback()
def _store() -> None:
    """A verb of its own, so that 'copy' is named."""


@store_app.command("copy")
def copy(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=f"Where the runs are: {WHERE}.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Where they go, in the same forms.")],
) -> None:
    """Copy runs with their curves, timings and skipped pairs into another store, which keeps what it has.

    Each run is there once afterwards, as with 'import': all is copied, or nothing is. Weights and studies stay behind.
    """
    from harness.cli.data_report import DataReport
    from harness.errors import UserError
    from harness.home import Home, expanded
    from harness.store import Store, copying
    from harness.store.database import Database

    with _about("SOURCE"):
        origin = Store.open(copying.address(source), create=False)
    with _about("TARGET"):
        address = copying.address(target)
        if copying.same(origin.database, Database(address)):
            raise UserError(f"it is the same store as SOURCE, {origin.name}: name another one")
        if target.endswith("/"):  # a new home
            Home(expanded(target)).folder()
        place = Store.open(address)
    report = DataReport()
    counts = copying.copy(origin, place, lambda done, total: report(f"copying runs to {place.name}", done, total))
    print(f"{place.name}: {counts['new']} new, {counts['updated']} updated, {counts['known']} known already")


@contextmanager
def _about(which: str) -> Iterator[None]:
    """Let a sentence begin with the argument that it is about."""
    from harness.errors import UserError

    try:
        yield
    except UserError as error:
        raise UserError(f"{which}: {error}") from error
