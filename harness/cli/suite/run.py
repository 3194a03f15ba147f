"""``suite run``: train what a suite lacks, here, in processes or on a cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.options import (
    AddressOption,
    BackendOption,
    CheckpointOption,
    DataRootOption,
    EngineOption,
    HomeOption,
    OfflineOption,
    PluginOption,
    SharedOption,
    ThreadsOption,
    WorkersOption,
)
from harness.cli.study import StorageOption
from harness.cli.suite.shipped import SuiteArgument


def run(
    suite: SuiteArgument,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    address: AddressOption = None,
    shared: SharedOption = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ARCH/TASK", help="Train these cells only, such as 'lstm/*' or '*/psdigits'; repeatable."),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="SEEDS", help="Train these seeds of the suite only: 0, 0-4 or 0,2,5.")
    ] = None,
    redo_failed: Annotated[bool, typer.Option("--redo-failed", help="Train what failed before anew.")] = False,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda or cuda:N, in place of what the suite says.")
    ] = None,
    cpus_per_run: Annotated[
        float | None, typer.Option(min=0, help="CPUs that a cluster counts for each run, else as the suite says.")
    ] = None,
    gpus_per_run: Annotated[
        float | None,
        typer.Option(min=0, help="GPUs, or a fraction of one, for each run on a cluster; else as the suite says."),
    ] = None,
    storage: StorageOption = None,
    backend: BackendOption = None,
    threads: ThreadsOption = None,
    checkpoint_every: CheckpointOption = 10.0,
    plugin: PluginOption = None,
    data_root: DataRootOption = None,
    offline: OfflineOption = False,
    home: HomeOption = None,
) -> None:
    """Train what is missing of a suite; the same command goes on where it was ended, and repeats nothing."""
    from harness.cli import training
    from harness.cli.suite.driven import Wanted, drive

    wanted = Wanted(
        suite=suite,
        engine=engine,
        workers=workers,
        address=address,
        shared=shared,
        only=tuple(only or ()),
        seeds=None if seeds is None else training.parse_seeds(None, seeds),
        redo_failed=redo_failed,
        device=device,
        cpus=cpus_per_run,
        gpus=gpus_per_run,
        storage=storage,
        plugins=tuple(plugin or ()),
    )
    machine = training.machine(home, data_root, offline, device or "auto", threads, checkpoint_every, backend)
    raise typer.Exit(drive(wanted, machine))
