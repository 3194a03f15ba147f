"""Where runs and trials are trained: here in turn, in processes of this machine, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.engines.engine import Conditions, Ended, Engine, Event, Progressed, Said
from harness.engines.unit import RunUnit, TrialUnit, Unit, unit_of
from harness.errors import UserError, did_you_mean

__all__ = [
    "ENGINES",
    "Conditions",
    "Ended",
    "Engine",
    "Event",
    "Progressed",
    "RunUnit",
    "Said",
    "TrialUnit",
    "Unit",
    "open_engine",
    "unit_of",
]

ENGINES = ("local", "processes", "ray")


def open_engine(
    name: str,
    conditions: Conditions,
    *,
    workers: int | None = None,
    address: str | None = None,
    shared: str | Path | None = None,
    live: Callable[[Event], None] = lambda event: None,
) -> Engine:
    """The engine of this name.

    Args:
        workers: units at once; see ``--workers``.
        address: of a Ray cluster.
        shared: a folder that all nodes of the cluster see.
        live: hears of progress in the middle of a poll, which with ``local`` lasts as long as a unit.

    Raises:
        UserError: there is no such engine, an option belongs to another one, or no unit could be trained there.
    """
    if name not in ENGINES:
        raise UserError(f"--engine {name}: there is no such engine{did_you_mean(name, ENGINES)}")
    given = {"--address": address, "--shared": shared} if name != "ray" else {}
    if name == "local" and workers not in (None, 1):
        given["--workers"] = str(workers)
    for option, value in given.items():
        if value is not None:
            fitting = "processes and ray" if option == "--workers" else "ray"
            raise UserError(f"{option} {value} is for the engine {fitting}, not for {name}: give --engine as well")
    if name == "local":
        from harness.engines.local import Local

        return Local(conditions, live)
    if name == "processes":
        from harness.engines.processes import Processes

        return Processes(conditions, workers)
    from harness.engines.ray import open_ray

    return open_ray(conditions, workers, address, shared)
