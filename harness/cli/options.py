"""Options that several verbs share, so that they are spelt and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.streams import kept_for_document
from harness.errors import UserError
from harness.home import with_home
from harness.times import seconds_of


def _backend(name: str | None) -> str | None:
    """`name` where it is the name of a backend; a person who mistyped it hears so before anything heavy is loaded."""
    if name is not None:
        from harness.registry import resolve

        try:
            resolve("architectures.kernels:known")("--backend", name)
        except ValueError as error:
            raise UserError(str(error)) from error
    return name


def path_option(name: str, metavar: str, help: str, *, kind: type[Path | str] = Path) -> Any:
    """An option for a file or a folder: ``~`` is a home directory, also in ``--out=~/site``, where no shell sees it."""

    def path(text: str | Path) -> Path | str:
        if not str(text).strip():
            raise UserError(f"{name}: the name is empty; name a {'file' if 'FILE' in metavar else 'folder'}")
        return kind(with_home(text))

    return typer.Option(name, metavar=metavar, help=help, parser=path)


def _pause(value: str | float) -> float:
    try:
        return value if isinstance(value, float) else seconds_of(value)
    except ValueError as error:
        raise UserError(f"--checkpoint-every {value}: {error}; 0: at every step") from error


HomeOption = Annotated[
    str | None,
    path_option(
        "--home",
        "DIR",
        "Folder with the store, checkpoints and caches (else HARNESS_HOME, else the user's data folder).",
        kind=str,
    ),
]
DataRootOption = Annotated[
    str | None,
    path_option("--data-root", "DIR", "Folder with the data sets (else HARNESS_DATA, else HOME/data).", kind=str),
]
OfflineOption = Annotated[bool, typer.Option("--offline", help="Never try the network (also HARNESS_OFFLINE=1).")]
PluginOption = Annotated[
    list[str] | None,
    path_option("--plugin", "FILE.py", "A file that defines architectures or tasks; may be repeated.", kind=str),
]
CheckpointOption = Annotated[
    float,
    typer.Option("--checkpoint-every", metavar="TIME", parser=_pause, help="Time between two checkpoints: 30s, 2m."),
]
AcceptCodeOption = Annotated[
    bool,
    typer.Option(
        "--accept-code",
        help="Take a recipe that was used with other code of a plugin as a new recipe with the code that is here.",
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        max=1024,
        metavar="N",
        help="Threads of one run on the CPU (else HARNESS_THREADS, else 1).",
    ),
]
BackendOption = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="NAME",
        callback=_backend,
        help="What computes the recurrence: eager, cpu, cuda, parallel or torch (else HARNESS_BACKEND, else the best).",
    ),
]
MatchParamsOption = Annotated[
    str | None,
    typer.Option(
        "--match-params",
        metavar="N",
        help="Solve for the hidden_size nearest to N parameters, embeddings not counted: 50000, 50k or 1.5M.",
    ),
]
MatchToleranceOption = Annotated[
    str | None,
    typer.Option(
        "--match-tolerance",
        metavar="SHARE",
        help="How far off --match-params may be, where hidden sizes come in large steps: 5% or 0.05 (else 2%).",
    ),
]
MatchStepTimeOption = Annotated[
    str | None,
    typer.Option(
        "--match-step-time",
        metavar="TIME|ARCH",
        help="Solve for the hidden_size whose training step takes as long, within 10 %, measured here and now:"
        " a time such as 5ms, or an architecture, whose standard recipe is then measured in turns.",
    ),
]


def _keep_output(context: typer.Context, json: bool) -> bool:
    """Keep standard output for the document until the verb ends."""
    if json:
        context.with_resource(kept_for_document())
    return json


JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON for scripts instead of a table.", callback=_keep_output)
]
EngineOption = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="Where it is trained: local (here, in turn), processes (of this machine) or ray.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        max=1024,
        help="Runs at once (processes: one for each core that --threads leaves; ray: as many as the cluster takes).",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address", metavar="HOST:PORT", help="The Ray cluster (else RAY_ADDRESS, else the one on this machine)."
    ),
]
SharedOption = Annotated[
    Path | None,
    path_option(
        "--shared",
        "DIR",
        "A folder that all nodes of the cluster see: a run whose node dies goes on from its checkpoint there.",
    ),
]
