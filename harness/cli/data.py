"""``data``: the data sets of the tasks: what is there, and how the rest comes there."""

from __future__ import annotations

import json as jsons
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.group import Verbs
from harness.cli.options import DataRootOption, HomeOption, JsonOption, OfflineOption, PluginOption
from harness.cli.streams import print_document

if TYPE_CHECKING:
    from harness.datasets import DataSets

data_app = typer.Typer(
    help="List, download, check and import the data sets of the tasks.", cls=Verbs, no_args_is_help=True
)

LISTED = 3
"""At most so many of the files that an import leaves are named."""

NamesArgument = Annotated[
    list[str],
    typer.Argument(metavar="NAME...", help="Tasks, such as imdb or 'bidmc-hr[source=recordings]', or data sets."),
]


@data_app.command("list")
def list_(
    plugin: PluginOption = None,
    data_root: DataRootOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The data sets: present or missing, their size and licence, and the tasks that read them."""
    data_sets = _data_sets(plugin, data_root, home)
    rows = data_sets.rows()
    if json:
        print_document(jsons.dumps(rows, indent=2))
        return
    from harness.cli.terminal import print_rows

    print(f"data folder: {data_sets.sources.root}")
    shown = ("data set", "state", "size", "tasks", "licence")
    texts = [{**row, "tasks": ", ".join(row["tasks"]), "size": _megabytes(row["size"])} for row in rows]
    print_rows([{key: row[key] for key in shown} for row in texts])


@data_app.command("fetch")
def fetch(
    names: NamesArgument,
    plugin: PluginOption = None,
    data_root: DataRootOption = None,
    offline: OfflineOption = False,
    again: Annotated[bool, typer.Option("--again", help="Download also what is there already.")] = False,
    home: HomeOption = None,
) -> None:
    """Download what the named tasks lack, verify it and put it in its place. What is damaged is downloaded anew."""
    data_sets = _data_sets(plugin, data_root, home, offline)
    for dataset in data_sets.named(names):
        there, folder = data_sets.fetch(dataset, again=again)
        print(f"{dataset.title}: {'is there already, in' if there else 'now in'} {folder}")


@data_app.command("import")
def import_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Task or data set, such as har2.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="Archive or folder that holds it.")],
    plugin: PluginOption = None,
    data_root: DataRootOption = None,
    again: Annotated[bool, typer.Option("--again", help="Replace also data that are there and whole.")] = False,
    home: HomeOption = None,
) -> None:
    """Take the data set of a task from an archive or a folder that you have, and verify it.

    What was taken is told, what was not, and which other files lie there.
    """
    from harness.cli.terminal import number

    done = _data_sets(plugin, data_root, home).take(name, path, again=again)
    for title, taken in done.taken:
        source = f", from {taken.origin}" if taken.origin != str(taken.folder) else ""
        print(f"{title}: {number(taken.files, 'file')} now in {taken.folder}{source}")
        for inside, called in sorted(taken.renamed.items()):
            usual = inside.rpartition("/")[2]
            if called.rpartition("/")[2] not in (usual, f"{usual}.gz"):
                print(f"{title}: {inside} is {called} there, known by its checksum")
    for title, sentence in done.missed:
        print(f"{title}: not taken: {sentence}")
    if done.left:
        listed = ", ".join(done.left[:LISTED]) + (", ..." if len(done.left) > LISTED else "")
        print(f"not needed, and left there: {number(len(done.left), 'file')} ({listed})")


@data_app.command("check")
def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Tasks or data sets; else all.")
    ] = None,
    plugin: PluginOption = None,
    data_root: DataRootOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Read every file and compare its checksum. Exit code 1 where something is damaged, or named and missing."""
    data_sets = _data_sets(plugin, data_root, home)
    rows = [data_sets.check(dataset) for dataset in data_sets.named(names or [])]
    if json:
        print_document(jsons.dumps(rows, indent=2))
    else:
        from harness.cli.terminal import print_rows

        print(f"data folder: {data_sets.sources.root}")
        for row in rows:
            if row["state"] == "missing" and not names:
                row["detail"] = ""  # how to come by it is for those who ask for it
        print_rows([{key: row[key] for key in ("data set", "state", "detail")} for row in rows])
    bad = ("damaged", "missing") if names else ("damaged",)
    raise typer.Exit(int(any(row["state"] in bad for row in rows)))


def _data_sets(plugin: list[str] | None, root: str | None, home: str | None, offline: bool = False) -> DataSets:
    from harness.cli.progress import DataReport
    from harness.datasets import DataSets
    from harness.home import Home
    from harness.home import data_root as find_data
    from harness.home import offline as no_network
    from harness.machine import Machine
    from harness.registry import Registry

    where = Home.find(home)
    machine = Machine(where, find_data(root, where), no_network(offline), report=DataReport())
    registry = Registry(tuple(plugin or ()))
    return DataSets(registry, machine.sources(registry.files))


def _megabytes(size: Any) -> str:
    return f"{size / 1e6:,.0f} MB"
