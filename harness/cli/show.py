"""``show``: everything that is known of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import again
from harness.cli.options import HomeOption, JsonOption
from harness.cli.streams import print_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from harness.store import Run


def show(
    run: Annotated[str, typer.Argument(help="Id of a run, or as much of its beginning as is unique.")],
    toml: Annotated[bool, typer.Option("--toml", help="Print the recipe only, as a file for 'run --recipe'.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Show one run: state, scores, learning curve, recipe, environment, and how to run it again."""
    from harness.store import open_store, plain

    found = open_store(home, create=False).get(run)
    if json:
        from harness.store.line import document

        print_document(plain.dumps(document(found), indent=2))
    elif toml:
        print_document(again.toml(found), end="")
    else:
        _print(found)


def _print(run: Run) -> None:
    from harness.cli.terminal import print_facts, print_heading, print_lines
    from harness.environment import is_cut_off
    from harness.store.plain import flat

    cut_off = is_cut_off(run.state, run.environment)
    print_heading(f"{run.arch} on {run.task}, seed {run.seed}: {'cut off' if cut_off else run.state}")
    print_facts(_facts(run))
    if cut_off:
        print_lines(["its process has ended: the same command goes on with it"])
    print_lines(f"warning: {warning}" for warning in run.warnings)
    print_heading("learning curve")
    print_lines(_charts(run))
    print_heading("recipe")
    print_lines(again.readable(run.recipe).splitlines())
    print_heading("environment")
    print_facts(flat(run.environment).items())
    print_heading("to run it again")
    print_lines([f"harness show {run.id} --toml > {again.FILE}", *again.lines(run)])


def _facts(run: Run) -> Iterator[tuple[str, Any]]:
    from harness.cli.terminal import duration, moment, parameters, score
    from harness.environment import device_label

    yield "run", run.id
    yield "study", None if run.study is None else f"{run.study}, trial {run.trial}"
    yield "reason", run.reason
    for part, value in run.metrics.items():
        yield f"{part} {run.metric}", score(run.metric, value)
    yield "version", run.version
    yield "recipe", f"{run.recipe_name} (hash {run.recipe_hash})"
    yield "parameters", parameters(run.parameters, run.parameters_without_embedding)
    yield "trained", f"{run.epochs_done} epochs, {run.steps_done:,} steps, {duration(run.seconds)}"
    yield "device", device_label(run.environment, run.device)
    yield "backends", run.operations or None
    yield "data", run.data_checksum or None
    yield "created", moment(run.created)
    yield "updated", moment(run.updated)


def _charts(run: Run) -> list[str]:
    """The validation metric over the epochs and, below it, both losses on one scale."""
    from harness.cli.chart import beside, chart, scale_of
    from harness.cli.terminal import score

    def curve(name: str) -> list[tuple[float, float]]:
        return [(point.epoch, getattr(point, name)) for point in run.curve]

    if not run.curve:
        return ["(no epoch was finished)"]
    losses = [curve("train_loss"), curve("valid_loss")]
    scale = scale_of(losses)
    titles = ("training loss", "validation loss")
    pair = [chart(title, loss, scale=scale, width=36, height=5) for title, loss in zip(titles, losses, strict=True)]
    metric = chart(f"validation {run.metric} by epoch", curve("valid"), lambda value: score(run.metric, value))
    return [*metric, "", *beside(pair)]
