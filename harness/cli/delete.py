"""``delete``: take runs with their checkpoints, or timings, out of the store."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import HomeOption
from harness.cli.terminal import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.store import Run, Store

SHOWN = 10
"""Runs that are named before the question."""


def delete(
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Ids, or beginnings of ids.")] = None,
    task: Annotated[str | None, typer.Option(help="All of this task, with its variant.")] = None,
    arch: Annotated[str | None, typer.Option(help="All of this architecture.")] = None,
    state: Annotated[str | None, typer.Option(help="All failed, interrupted, pruned, running or done ones.")] = None,
    study: Annotated[str | None, typer.Option(help="The runs of this study's trials, which stay otherwise.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    skipped: Annotated[
        str | None, typer.Option(metavar="SUITE", help="The pairs that this suite is stored to leave out, instead.")
    ] = None,
    timings: Annotated[bool, typer.Option("--timings", help="The timings instead, all or those of --arch.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also runs that a process may be training now.")] = False,
    home: HomeOption = None,
) -> None:
    """Delete runs with their curves, checkpoints and weights, by id or by what they have in common; or timings, or the
    pairs that a suite leaves out."""
    import shutil

    from harness.errors import UserError
    from harness.home import Home
    from harness.store import open_store

    if skipped is not None:
        if runs or task or arch or state or study or timings:
            raise UserError("--skipped goes alone")
        _delete_skipped(open_store(home, create=False), skipped, yes)
        return
    if timings:
        if runs or task or state or study:
            raise UserError("--timings goes with --arch alone")
        _delete_timings(open_store(home, create=False), arch, yes)
        return
    if not runs and not (task or arch or state or study):
        raise UserError("name the runs to delete, or what they have in common, such as --state failed")
    store = open_store(home, create=False)
    gone = _delete_damaged(store, runs or [], yes) if force else []
    left = [run for run in runs or [] if run not in gone]
    if gone and not left:
        print(f"deleted {number(len(gone), 'run')}")
        return
    found = _find(store, left, {"arch": arch, "task": task, "state": state, "study": study})
    if not found:
        print("no stored run is meant: nothing was deleted")
        return
    if not force:
        _spare_the_living(found)
    if not yes:
        _tell(found)
        _confirm(number(len(found), "run"))
    count = store.delete([run.id for run in found])
    for run in found:
        shutil.rmtree(Home.find(home).run(run.id), ignore_errors=True)
    print(f"deleted {number(count + len(gone), 'run')}")


def _delete_damaged(store: Store, ids: Sequence[str], yes: bool) -> list[str]:
    """Delete those of the runs of these whole ids that cannot be read any more; returns their ids."""
    from harness.errors import UserError
    from harness.store.damage import Damaged

    gone = []
    for run in ids:
        try:
            store.get(run)
        except Damaged:
            if not yes:
                _confirm(f"run {run}, which is damaged")
            if not store.delete([run]):
                raise
            gone.append(run)
        except UserError:  # told when it is looked for among the others
            continue
    return gone


def _find(store: Store, ids: Sequence[str], wanted: Mapping[str, str | None]) -> list[Run]:
    """The runs of these ids that also have the properties asked for; all with the properties where no id is given."""
    if not ids:
        return store.runs(wanted["arch"], wanted["task"], wanted["state"], study=wanted["study"])
    named = {run.id: run for run in map(store.get, ids)}
    return [run for run in named.values() if all(value in (None, getattr(run, key)) for key, value in wanted.items())]


def _spare_the_living(runs: Sequence[Run]) -> None:
    from harness.environment import may_be_alive
    from harness.errors import UserError

    for run in runs:
        if run.state == "running" and may_be_alive(run.environment):
            where = "process {pid} on {hostname}".format_map({"pid": "?", "hostname": "?"} | run.environment)
            raise UserError(f"run {run.id} may be under way ({where}): end it first, or delete it with --force")


def _tell(runs: Sequence[Run]) -> None:
    from harness.cli.terminal import print_lines

    print_lines(f"{run.id}  {run.arch} on {run.task}, seed {run.seed}: {run.state}" for run in runs[:SHOWN])
    if len(runs) > SHOWN:
        print_lines([f"and {len(runs) - SHOWN} more"])


def _delete_timings(store: Store, arch: str | None, yes: bool) -> None:
    count = sum(1 for _ in store.timings(arch))
    if not count:
        print("no stored timing is meant: nothing was deleted")
        return
    if not yes:
        _confirm(number(count, "timing"))
    print(f"deleted {number(store.delete_timings(arch), 'timing')}")


def _delete_skipped(store: Store, suite: str, yes: bool) -> None:
    from harness.errors import UserError, did_you_mean

    found = store.skipped()
    count = sum(one.suite == suite for one in found)
    if not count:
        known = sorted({one.suite for one in found})
        raise UserError(f"--skipped {suite}: no suite of this name leaves out anything{did_you_mean(suite, known)}")
    if not yes:
        _confirm(number(count, "skipped pair"))
    store.replace_skipped(suite, [])
    print(f"deleted {number(count, 'skipped pair')}")


def _confirm(what: str) -> None:
    """Ask; a script, which can't answer, must say --yes."""
    from harness.errors import UserError

    try:
        typer.confirm(f"Delete {what}?", abort=True)
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        raise UserError("nothing was deleted: add --yes to delete without being asked") from None
