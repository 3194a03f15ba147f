"""``compare``: runs side by side and only what differs between them, or architectures over all their seeds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import HomeOption, JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from harness.store import Run, Store
    from reports.ranking.leaderboard import Ranking


def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... | ARCH[:RECIPE]...",
            help="Ids of two runs or more, each as much of its beginning as is unique; with --task, architectures.",
        ),
    ],
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="Compare architectures on this task, over all their seeds."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Compare runs, or architectures on a task: scores, how sure the differences are, recipes, curves."""
    from harness.errors import UserError
    from harness.store import open_store, plain

    if len(names) < 2:
        raise UserError(f"{names[0]}: name at least two {'architectures' if task else 'runs'} to compare")
    store = open_store(home, create=False)
    if task is not None:
        rows = _architectures(store, task, names)
        print(plain.dumps(rows, indent=2)) if json else _print_rows(rows)
        return
    runs = [store.get(run) for run in names]
    differences = {name: _differences([getattr(run, name) for run in runs]) for name in ("recipe", "environment")}
    if json:
        from harness.store.line import document

        content = {
            "runs": [document(run) for run in runs],
            "differences": differences,
            "recipes": _recipes(store, runs),
        }
        print(plain.dumps(content, indent=2))
    else:
        _print(runs, differences, _recipes(store, runs))


def _architectures(store: Store, task: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of `names` (``cornn``, or ``cornn:tuned``) in the ranking of `task`, against the first of them."""
    from harness.errors import UserError, did_you_mean
    from reports import versus

    ranking = next(iter(_rankings(store, task)), None)
    if ranking is None:
        known = sorted({run.task for run in store.runs()})
        raise UserError(f"--task {task}: there are no runs of it{did_you_mean(task, known)}")
    rows = []
    for name in names:
        arch, _, recipe = name.partition(":")
        candidates = [row for row in ranking.rows if row.arch == arch]
        if not candidates:
            raise UserError(f"{arch}: no run of it on {task}{did_you_mean(arch, {row.arch for row in ranking.rows})}")
        named = next((row for row in candidates if row.recipe == recipe), None) if recipe else ranking.chosen(arch)
        if named is None:
            raise UserError(f"{name}: no such recipe{did_you_mean(recipe, {row.recipe for row in candidates})}")
        rows.append(named)
    return versus(ranking, rows)


def _recipes(store: Store, runs: Sequence[Run]) -> list[dict[str, Any]]:
    """What all stored seeds of the recipes of `runs` say, where they may be ranked together and are no trials."""
    from reports import versus

    tested = [run for run in runs if run.trial is None]
    hashes = dict.fromkeys(run.recipe_hash for run in tested)
    for ranking in _rankings(store, tested[0].task) if len(hashes) > 1 else []:
        rows = [row for key in hashes for row in ranking.rows if row.recipe_hash == key and row.test]
        if len(rows) == len(hashes):
            return versus(ranking, rows)
    return []


def _rankings(store: Store, task: str) -> list[Ranking]:
    """The rankings of a task as it is labelled, the whole training set first."""
    from harness.cli.frames import of_task
    from reports import rankings

    return rankings(of_task(store, task).records())


def _print(
    runs: Sequence[Run], differences: dict[str, dict[str, list[Any]]], recipes: Sequence[dict[str, Any]]
) -> None:
    from harness.cli.terminal import print_heading, print_lines, print_rows

    def table(rows: Iterator[tuple[str, list[Any]]]) -> None:
        print_rows([{"": name} | dict(zip(_headings(runs), cells, strict=True)) for name, cells in rows])

    table(_facts(runs))
    if len({(run.task, run.metric) for run in runs}) > 1:
        print_lines(["the runs are of different tasks or variants: their scores do not compare"])
    if recipes:
        print_heading("their recipes over all stored seeds")
        _print_rows(recipes)
    for name, different in differences.items():
        print_heading(f"{name}: {'what differs' if different else 'no difference'}")
        if different:
            table((key, [_exactly(value) for value in values]) for key, values in different.items())
    print_heading("learning curves")
    print_lines(_charts(runs))


def _print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Rows of a ranking as the leaderboard tells them, and how sure their differences are."""
    from harness.cli.terminal import duration, print_lines, print_rows

    print_rows(
        [
            {
                "arch": row["arch"],
                "recipe": row["recipe"],
                "test": row["score"],
                "n": row["n"],
                "rank": row["rank"],
                "parameters": f"{row['parameters']:,}" if row["parameters"] is not None else None,
                "time": duration(row["seconds"]) if row["seconds"] is not None else None,
            }
            for row in rows
        ]
    )
    print_lines(row["sentence"] for row in rows if row["sentence"])
    print_lines(f"{row['arch_title']} ({row['recipe']}): {warning}" for row in rows for warning in row["warnings"])


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
    from harness.environment import lasting
    from harness.store.plain import flat

    leaves = [flat(lasting(one)) for one in documents]  # a recipe has none of those keys
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
