"""``speed``: how fast the backbones are here, in how much memory, and how far from what the machine could do."""

from __future__ import annotations

import json as jsons
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.options import HomeOption, JsonOption, PluginOption, ThreadsOption
from harness.cli.streams import print_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.interruption import Interruption
    from harness.registry import Registry
    from harness.speed.cases import Case
    from harness.speed.sitting import Sitting
    from harness.store import Run, Store, Timing


def _several(metavar: str, help: str) -> Any:
    return typer.Option(metavar=metavar, help=f"{help}; several by commas.")


def speed(
    arch: Annotated[list[str] | None, _several("NAMES", "Architectures (else all)")] = None,
    length: Annotated[list[str] | None, _several("SIZES", "Steps of a sequence (784)")] = None,
    batch: Annotated[list[str] | None, _several("SIZES", "Sequences at a time (32)")] = None,
    hidden: Annotated[list[str] | None, _several("SIZES", "Units of a layer (128)")] = None,
    layers: Annotated[list[str] | None, _several("SIZES", "Layers (1)")] = None,
    input: Annotated[list[str] | None, _several("SIZES", "Features of a step (1)")] = None,
    device: Annotated[list[str] | None, _several("NAMES", "auto, cpu, cuda or cuda:N")] = None,
    backend: Annotated[list[str] | None, _several("NAMES", "best, eager, cpu, cuda, parallel or torch")] = None,
    dtype: Annotated[list[str] | None, _several("NAMES", "float32 or float64")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A hyper-parameter other than its default; repeatable."),
    ] = None,
    run: Annotated[
        list[str] | None, _several("RUNS", "The layers of these stored runs, one sequence at a time (--batch 1)")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="The layers that stand for the architectures in the ranking of this task.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="A set of cases and published times: unicornn-figure.")] = None,
    repeats: Annotated[int, typer.Option(min=1, max=10_000, help="Repetitions after a first one that warms up.")] = 10,
    max_time: Annotated[str, typer.Option(help="For all repetitions of one case: 90s, 10m, 2h.")] = "60s",
    threads: ThreadsOption = None,
    plugin: PluginOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Measure forward, backward, training step and memory beside what the machine could do, and store it all."""
    from harness.allocation import keep_freed_memory
    from harness.cli.progress import DataReport
    from harness.cli.training import machine, seconds
    from harness.interruption import EXIT_CODES, listening
    from harness.machine import subnormals_flushed
    from harness.registry import Registry
    from harness.speed.sitting import Limits, Sitting
    from harness.speed.wanted import Wanted
    from harness.store import open_store

    registry = Registry(tuple(plugin or ()))
    runs = _layers_of(home, run, task, registry)
    wanted = Wanted(arch, length, batch, hidden, layers, input, device, backend, dtype, changes, preset, runs)
    limits = Limits(repeats, seconds(max_time) or 60.0)
    cases = wanted.cases(registry)
    keep_freed_memory()
    used = machine(home, None, True, "auto", threads, 0.0, None).use_threads()
    with listening() as asked, subnormals_flushed():
        sitting = Sitting(registry, limits, used, preset, DataReport(), asked.reason)
        timings = _measure(sitting, cases, open_store(home), asked)
    _print(timings, preset, json)
    if reason := asked.reason():
        raise typer.Exit(EXIT_CODES.get(reason, 130))
    raise typer.Exit(int(not any(timing.state == "done" for timing in timings)))


def _layers_of(home: str | None, ids: Sequence[str] | None, task: str | None, registry: Registry) -> list[Run]:
    """The runs that ``--run`` names, or those that stand for the architectures on ``--task``."""
    from harness.cli.ranked import standing
    from harness.errors import UserError
    from harness.speed.cases import words
    from harness.store import open_store

    if ids and task:
        raise UserError("--run and --task don't go together: the ranking of a task names runs itself")
    if not ids and not task:
        return []
    store = open_store(home, create=False)
    return standing(store, task, registry) if task else [store.get(one) for one in words("--run", ids or ())]


def _measure(sitting: Sitting, cases: Sequence[Case], store: Store, asked: Interruption) -> list[Timing]:
    """Measure and store. A signal ends it at the next turn, and what was measured by then is stored as well."""
    from harness.errors import UserError

    timings = []
    with asked.deferred():
        for timing in sitting.measure(cases):
            store.add_timings([timing])
            timings.append(timing)
    if sitting.mistakes and not timings:
        raise UserError(str(sitting.mistakes[0].reason))
    return timings + sitting.mistakes


def _print(timings: Sequence[Timing], preset: str | None, json: bool) -> None:
    if json:
        from harness.store.line import document

        print_document(jsons.dumps([document(timing) for timing in timings], indent=2))
        return
    from harness.cli.timings import print_beside, print_timings
    from harness.speed.presets import preset as find

    print_timings(timings)
    if not timings:
        print("nothing was measured: it was stopped before any case had a repetition")
    if preset is not None:
        print_beside(find(preset), timings)
