"""``run``: train one pair, for one seed or several."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.known import refuse_mistyped
from harness.cli.options import (
    AcceptCodeOption,
    BackendOption,
    CheckpointOption,
    DataRootOption,
    HomeOption,
    JsonOption,
    MatchParamsOption,
    MatchStepTimeOption,
    MatchToleranceOption,
    OfflineOption,
    PluginOption,
    ThreadsOption,
)


def run(
    arch: Annotated[str | None, typer.Option(help="Architecture, such as unicornn (see 'list architectures').")] = None,
    task: Annotated[
        str | None, typer.Option(help="Task, with its variant where you want another: 'adding[length=500]'.")
    ] = None,
    recipe: Annotated[str, typer.Option(help="standard, published, tuned or a TOML file.")] = "standard",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the recipe, such as lr=1e-3; repeatable."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, max=10_000_000, help="Short for --set epochs=N.")] = None,
    max_time: Annotated[str | None, typer.Option(help="End the training after this time: 90s, 10m, 2h.")] = None,
    train_limit: Annotated[
        int | None, typer.Option(min=1, max=2**63 - 1, help="Train on the first N samples only.")
    ] = None,
    match_params: MatchParamsOption = None,
    match_tolerance: MatchToleranceOption = None,
    match_step_time: MatchStepTimeOption = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**63 - 1, help="Seed of one run (default 0).")] = None,
    seeds: Annotated[str | None, typer.Option(help="Several seeds: 0-4 or 1,5,7.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Train once more what is done already, as a new run.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print recipe, parameter count and a measured estimate; train nothing.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    backend: BackendOption = None,
    threads: ThreadsOption = None,
    checkpoint_every: CheckpointOption = 10.0,
    plugin: PluginOption = None,
    accept_code: AcceptCodeOption = False,
    data_root: DataRootOption = None,
    offline: OfflineOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Train one architecture on one task, store the run, and continue it where it was cut off."""
    refuse_mistyped(arch, task, plugin)  # before the seconds that importing torch takes

    from harness.cli import training
    from harness.cli.frames import summary
    from harness.store import open_store

    if json and not dry_run:
        raise typer.BadParameter("--json goes with --dry-run; for stored runs use 'show RUN --json' or 'export'")
    wanted = training.Wanted(
        arch=arch,
        task=task,
        recipe=recipe,
        changes=training.parse_changes(changes or [], epochs, max_time, train_limit),
        seeds=training.parse_seeds(seed, seeds),
        plugins=tuple(plugin or ()),
        accept_code=accept_code,
        match_params=match_params,
        tolerance=training.parse_tolerance(match_tolerance, match_params),
        match_step_time=match_step_time,
    )
    machine = training.machine(home, data_root, offline, device, threads, checkpoint_every, backend)
    if dry_run:
        training.dry_run(wanted, machine, as_json=json)
    else:
        job, store = wanted.job(machine), open_store(machine.home.path)
        runs = training.train(job, wanted.seeds, store, again=again)
        if mean := summary(store, runs):
            print(mean)
        print(f"stored in {store.name}; 'harness show {runs[-1].id}' tells more")
        raise typer.Exit(training.exit_code(runs))
