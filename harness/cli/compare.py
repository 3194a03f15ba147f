"""``compare``: runs side by side, and only what differs between them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import HomeOption, JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from harness.store import Run

PASSING = ("pid", "load_average")
"""What differs between the environments of any two runs and explains nothing."""


def compare(
    first: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or as much of its beginning as is unique.")],
    others: Annotated[list[str], typer.Argument(metavar="RUN...", help="The runs to compare it with.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Compare runs: scores side by side, what differs between recipes and environments, learning curves."""
    from harness.store import open_store, plain

    store = open_store(home, create=False)
    runs = [store.get(run) for run in (first, *others)]
    differences = {name: _differences([getattr(run, name) for run in runs]) for name in ("recipe", "environment")}
    if json:
        from harness.store.line import document

        print(plain.dumps({"runs": [document(run) for run in runs], "differences": differences}, indent=2))
    else:
        _print(runs, differences)


def _print(runs: Sequence[Run], differences: dict[str, dict[str, list[Any]]]) -> None:
    from harness.cli.terminal import print_heading, print_lines, print_rows

    def table(rows: Iterator[tuple[str, list[Any]]]) -> None:
        print_rows([{"": name} | dict(zip(_headings(runs), cells, strict=True)) for name, cells in rows])

    table(_facts(runs))
    if len({(run.task, run.metric) for run in runs}) > 1:
        print_lines(["the runs are of different tasks or variants: their scores do not compare"])
    for name, different in differences.items():
        print_heading(f"{name}: {'what differs' if different else 'no difference'}")
        if different:
            table((key, [_exactly(value) for value in values]) for key, values in different.items())
    print_heading("learning curves")
    print_lines(_charts(runs))


def _headings(runs: Sequence[Run]) -> list[str]:
    """The ids, numbered where a run is compared with itself."""
    ids = [run.id for run in runs]
    return [run_id if ids.count(run_id) == 1 else f"{run_id} ({place})" for place, run_id in enumerate(ids, start=1)]


def _facts(runs: Sequence[Run]) -> Iterator[tuple[str, list[Any]]]:
    from harness.cli.terminal import duration, score

    for name in ("arch", "task", "seed", "recipe_name", "state", "metric"):
        yield name.removesuffix("_name"), [getattr(run, name) for run in runs]
    if any(run.study is not None for run in runs):
        yield "study", [run.study for run in runs]
        yield "trial", [run.trial for run in runs]
    for part in dict.fromkeys(part for run in runs for part in run.metrics):
        yield part, [score(run.metric, run.metrics.get(part)) for run in runs]
    yield "parameters", [f"{run.parameters:,}" for run in runs]
    yield "epochs", [run.epochs_done for run in runs]
    yield "time", [duration(run.seconds) for run in runs]
    yield "device", [run.device for run in runs]


def _differences(documents: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """The dotted keys whose values differ, with the value of every document; None where it lacks the key."""
    from harness.store.plain import flat

    leaves = [flat({key: value for key, value in one.items() if key not in PASSING}) for one in documents]
    values = {key: [one.get(key) for one in leaves] for key in dict.fromkeys(key for one in leaves for key in one)}
    return {
        key: all_values for key, all_values in values.items() if any(value != all_values[0] for value in all_values)
    }


def _exactly(value: Any) -> str | None:
    """A value in full: rounded ones might look alike."""
    from harness.store import plain

    return value if value is None or isinstance(value, str) else plain.dumps(value)


def _charts(runs: Sequence[Run]) -> Iterator[str]:
    """The validation metrics, two charts a row, on one scale where they are of one kind."""
    from harness.cli.chart import beside, chart, scale_of
    from harness.cli.terminal import score

    curves = [[(float(point.epoch), point.valid) for point in run.curve] for run in runs]
    scale = scale_of(curves) if len({run.metric for run in runs}) == 1 else None
    charts = [
        chart(f"{heading}, {run.metric}", curve, partial(score, run.metric), scale=scale, width=36)
        for heading, run, curve in zip(_headings(runs), runs, curves, strict=True)
    ]
    for start in range(0, len(charts), 2):
        yield from beside(charts[start : start + 2])
