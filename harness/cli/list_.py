"""``list``: what there is to run, and what was run."""

from __future__ import annotations

import json as jsons
from typing import Annotated, Any

import typer

from harness.cli.group import Verbs
from harness.cli.known import refuse_missing, refuse_unknown
from harness.cli.options import HomeOption, JsonOption, PluginOption
from harness.cli.streams import print_document
from harness.cli.study import studies
from harness.cli.terminal import tell

NEWEST = 100
"""Runs in a table unless more are asked for: a hundred thousand lines are not read."""

list_app = typer.Typer(
    help="List architectures, tasks, recipes, stored runs, studies or timings.", cls=Verbs, no_args_is_help=True
)


@list_app.command("architectures")
def architectures(plugin: PluginOption = None, json: JsonOption = False) -> None:
    """The architectures, where each comes from, and which plugins are broken and why."""
    _list_entries("architectures", plugin, json)


@list_app.command("tasks")
def tasks(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="All about one task, such as 'bidmc-hr[source=recordings]'.")
    ] = None,
    plugin: PluginOption = None,
    json: JsonOption = False,
) -> None:
    """The tasks, where each comes from, and which plugins are broken and why; or all about one."""
    if name is None:
        _list_entries("tasks", plugin, json)
        return
    from harness.catalogue import facts, page
    from harness.registry import Registry

    registry = Registry(tuple(plugin or ()))
    if json:
        print_document(jsons.dumps(facts(registry, name), indent=2))
        return
    for heading, text in page(registry, name):
        print(f"{heading}: {text}")


@list_app.command("recipes")
def recipes(
    task: Annotated[str | None, typer.Option(help="Only of this task.")] = None,
    arch: Annotated[str | None, typer.Option(help="Only of this architecture.")] = None,
    plugin: PluginOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The recipes of every pair: standard ones, those that papers published, and those of the home, such as tuned."""
    from harness.home import Home
    from harness.recipes import listed
    from harness.registry import Registry

    if home is not None:
        refuse_missing(home)  # most recipes come with the project, and need none
    registry = Registry(tuple(plugin or ()))
    keys = ("task", "arch", "recipe", "source")
    rows = [dict(zip(keys, row, strict=True)) for row in listed(registry, Home.find(home))]
    bare = [row["task"].partition("[")[0] for row in rows]  # a task without its variant means all of them
    found = [
        row
        for row, name in zip(rows, bare, strict=True)
        if task in (None, row["task"], name) and arch in (None, row["arch"])
    ]
    if not found:
        from harness.store import store_to_list

        refuse_unknown(store_to_list(home), arch, task)
    _print(found, json)
    _warn(registry.warnings)


@list_app.command("runs")
def runs(
    task: Annotated[str | None, typer.Option(help="Only of this task.")] = None,
    arch: Annotated[str | None, typer.Option(help="Only of this architecture.")] = None,
    state: Annotated[str | None, typer.Option(help="Only running, done, failed, interrupted or pruned ones.")] = None,
    study: Annotated[str | None, typer.Option(help="The trials of this study, which are left out otherwise.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**63 - 1,
            show_default=False,
            help=f"Show so many; 0: all. Else {NEWEST} in a table, all with --json.",
        ),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The stored runs, newest first, or the trials of a study."""
    from harness.cli.terminal import moment, score
    from harness.environment import is_cut_off
    from harness.store import store_to_list

    most = (None if json else NEWEST) if limit is None else limit or None
    refuse_missing(home)
    store = store_to_list(home)
    found, count = store.listed(arch, task, state, study, most)
    if not found:
        refuse_unknown(store, arch, task)
    running = [run.id for run in found if run.state == "running"][:NEWEST]
    cut_off = set() if json else {run for run in running if is_cut_off("running", store.get(run).environment)}
    versions = any(run.version for run in found)
    rows: list[dict[str, Any]] = [
        {
            "run": run.id,
            **({"study": run.study} if json else {}),
            **({"trial": run.trial} if json or study else {}),
            "arch": run.arch,
            **({"version": run.version} if json or versions else {}),
            "task": run.task,
            "seed": run.seed,
            "recipe": run.recipe_name,
            "state": "cut off" if run.id in cut_off else run.state,
            "valid": run.metrics.get("valid") if json else score(run.metric, run.metrics.get("valid")),
            "test": run.metrics.get("test") if json else score(run.metric, run.metrics.get("test")),
            "created": run.created if json else moment(run.created),
            **({"reason": run.reason} if json else {}),
        }
        for run in found
    ]
    _print(rows, json)
    if len(found) < count and not json:
        tell(f"the newest {len(found):,} of {count:,} runs; --limit 0 shows all of them")


list_app.command("studies")(studies)


@list_app.command("timings")
def timings(
    arch: Annotated[str | None, typer.Option(help="Only of this architecture.")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """What 'speed' measured, oldest first, and what it skipped and why."""
    from harness.cli.timings import print_timings
    from harness.store import store_to_list
    from harness.store.line import document

    refuse_missing(home)
    store = store_to_list(home)
    found = list(store.timings(arch))
    if not found:
        refuse_unknown(store, arch)
    if json:
        print_document(jsons.dumps([document(timing) for timing in found], indent=2))
    else:
        print_timings(found)


def _list_entries(room: str, plugin: list[str] | None, json: bool) -> None:
    from harness.registry import Registry

    registry = Registry(tuple(plugin or ()))
    entries = (registry.architectures if room == "architectures" else registry.tasks).values()
    versions = any(entry.version for entry in entries) or (json and room == "architectures")
    rows = [
        {
            "name": entry.name,
            **({"version": entry.version} if versions else {}),
            "origin": entry.origin,
            "summary": entry.summary if entry.problem is None else f"broken: {entry.problem}",
            **({"problem": entry.problem} if json else {}),
        }
        for entry in entries
    ]
    _print(rows, json)
    _warn(registry.warnings)


def _print(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_document(jsons.dumps(rows, indent=2))
        return
    from harness.cli.terminal import print_rows

    print_rows(rows)


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        tell(f"warning: {warning}")
