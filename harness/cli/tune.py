"""``tune``: search the settings of one pair, then train the best anew and test it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.known import refuse_mistyped
from harness.cli.options import (
    AcceptCodeOption,
    AddressOption,
    BackendOption,
    CheckpointOption,
    DataRootOption,
    EngineOption,
    HomeOption,
    JsonOption,
    MatchParamsOption,
    MatchStepTimeOption,
    MatchToleranceOption,
    OfflineOption,
    PluginOption,
    SharedOption,
    ThreadsOption,
    path_option,
)
from harness.cli.study import StorageOption


def tune(
    arch: Annotated[str | None, typer.Option(help="Architecture, such as unicornn (see 'list architectures').")] = None,
    task: Annotated[
        str | None, typer.Option(help="Task, with its variant where you want another: 'adding[length=500]'.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, max=100_000, help="Trials of the study, old ones among them.")] = 50,
    study: Annotated[str | None, typer.Option(help="Name of the study (else ARCH-TASK); an old one goes on.")] = None,
    storage: StorageOption = None,
    engine: EngineOption = "processes",
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Trials at once, each in its own process.")] = 1,
    address: AddressOption = None,
    shared: SharedOption = None,
    sampler: Annotated[str, typer.Option(help="What chooses the values: tpe, random or gp.")] = "tpe",
    pruner: Annotated[str, typer.Option(help="What ends hopeless trials early: median, hyperband or none.")] = "median",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of the sampler and of all trials.")] = 0,
    timeout: Annotated[str | None, typer.Option(help="Search for this time at most: 90s, 10m, 2h.")] = None,
    recipe: Annotated[str, typer.Option(help="What is not searched: standard, published or a TOML file.")] = "standard",
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change one key of that recipe, such as epochs=10; repeatable."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, max=10_000_000, help="Short for --set epochs=N.")] = None,
    max_time: Annotated[str | None, typer.Option(help="End each training after this time: 90s, 10m, 2h.")] = None,
    train_limit: Annotated[
        int | None, typer.Option(min=1, max=2**63 - 1, help="Train on the first N samples only.")
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            "--space",
            metavar="KEY=RANGE",
            help="Search this key so: lr='1e-4..1e-1 log', num_layers=2..4, clip_norm='[off, 1]'; repeatable.",
        ),
    ] = None,
    space_file: Annotated[
        Path | None, path_option("--space-file", "FILE.toml", "Ranges as a table [space] of a TOML file.")
    ] = None,
    show_space: Annotated[bool, typer.Option("--show-space", help="Print what would be searched, and end.")] = False,
    match_params: MatchParamsOption = None,
    match_tolerance: MatchToleranceOption = None,
    match_step_time: MatchStepTimeOption = None,
    final_seeds: Annotated[
        int, typer.Option(min=0, max=1000, help="Train the best anew with so many seeds, and test it; 0: don't.")
    ] = 3,
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
    """Search the hyper-parameters of one pair in a study, which goes on where it ended; then test the best."""
    refuse_mistyped(arch, task, plugin)  # before the seconds that importing torch takes

    from harness.cli import training, tuning

    if json and not show_space:
        raise typer.BadParameter("--json goes with --show-space; for studies use 'study show NAME --json'")
    wanted = tuning.Tuning(
        pair=training.Wanted(
            arch=arch,
            task=task,
            recipe=recipe,
            changes=training.parse_changes(changes or [], epochs, max_time, train_limit),
            plugins=tuple(plugin or ()),
            accept_code=accept_code,
        ),
        study=study,
        storage=storage,
        trials=trials,
        engine=engine,
        workers=workers,
        address=address,
        shared=shared,
        sampler=sampler,
        pruner=pruner,
        seed=seed,
        timeout=tuning.parse_timeout(timeout),
        space=tuning.parse_space(space or []),
        space_file=space_file,
        parameters=match_params,
        tolerance=training.parse_tolerance(match_tolerance, match_params),
        step_time=match_step_time,
        final_seeds=final_seeds,
    )
    machine = training.machine(home, data_root, offline, device, threads, checkpoint_every, backend)
    if show_space:
        tuning.show_space(wanted, machine, as_json=json)
    else:
        raise typer.Exit(tuning.tune(wanted, machine))
