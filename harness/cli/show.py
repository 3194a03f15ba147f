"""``show``: everything that is known of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import HomeOption, JsonOption

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

        print(plain.dumps(document(found), indent=2))
    elif toml:
        print(_toml(found), end="")
    else:
        _print(found)


def _print(run: Run) -> None:
    from harness.cli.terminal import print_facts, print_heading, print_lines
    from harness.store.plain import flat

    print_heading(f"{run.arch} on {run.task}, seed {run.seed}: {run.state}")
    print_facts(_facts(run))
    print_lines(f"warning: {warning}" for warning in run.warnings)
    print_heading("learning curve")
    print_lines(_charts(run))
    print_heading("recipe")
    print_lines(_recipe(run).splitlines())
    print_heading("environment")
    print_facts(flat(run.environment).items())
    print_heading("to run it again")
    print_lines(_again(run))


def _facts(run: Run) -> Iterator[tuple[str, Any]]:
    from harness.cli.terminal import duration, moment, score
    from harness.environment import device_label

    yield "run", run.id
    yield "study", None if run.study is None else f"{run.study}, trial {run.trial}"
    yield "reason", run.reason
    for part, value in run.metrics.items():
        yield f"{part} {run.metric}", score(run.metric, value)
    yield "recipe", f"{run.recipe_name} (hash {run.recipe_hash})"
    yield "parameters", f"{run.parameters:,} ({run.parameters_without_embedding:,} without embedding)"
    yield "trained", f"{run.epochs_done} epochs, {run.steps_done:,} steps, {duration(run.seconds)}"
    yield "device", device_label(run.environment, run.device)
    yield "backends", _backends(run) or None
    yield "data", run.data_checksum or None
    yield "created", moment(run.created)
    yield "updated", moment(run.updated)


def _backends(run: Run) -> str:
    """``unicornn: eager 1,200 times``, for each operation."""
    return "; ".join(
        f"{operation}: {', '.join(f'{backend} {count:,} times' for backend, count in counts.items())}"
        for operation, counts in run.backends.items()
    )


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


def _toml(run: Run) -> str:
    """The recipe as a file; a :class:`UserError` where an imported one holds what TOML can't say."""
    import tomlkit

    from harness.errors import explained
    from harness.recipe import without_none

    with explained(f"the recipe of run {run.id} cannot be written as TOML"):
        return tomlkit.dumps(without_none(run.recipe))


def _recipe(run: Run) -> str:
    from harness.errors import UserError
    from harness.store import plain

    try:
        return _toml(run)
    except UserError:
        return plain.dumps(run.recipe, indent=2)


def _again(run: Run) -> Iterator[str]:
    threads = run.environment.get("threads")
    options = f"--seed {run.seed} --device {run.device}" + (f" --threads {threads}" if threads else "")
    asked = run.environment.get("backend")
    ran = {backend for counts in run.backends.values() for backend in counts}
    wish = f"HARNESS_BACKEND={asked} " if isinstance(asked, str) and asked in ran else ""
    yield f"harness show {run.id} --toml > recipe.toml"
    yield f"{wish}harness run --recipe recipe.toml {options} --again"
    git, plugins = run.environment.get("git"), run.recipe.get("code")
    if isinstance(git, dict) and git.get("commit"):
        changed = " and changes that were not committed" if git.get("dirty") else ""
        yield f"(with the source at commit {git['commit']}{changed})"
    if isinstance(plugins, dict) and plugins:
        yield f"(with the plugin that defines its {' and its '.join(plugins)}: name the file with --plugin)"
