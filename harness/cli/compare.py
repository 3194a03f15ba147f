"""``compare``: runs side by side and only what differs between them, or architectures over all their seeds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import HomeOption, JsonOption, PluginOption
from harness.cli.streams import print_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from harness.registry import Registry
    from harness.store import Run, Store
    from reports.ranking.leaderboard import Ranking


def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... | ARCH[:RECIPE]...",
            help="Ids of two runs or more, each as much of its beginning as is unique; with --task, architectures,"
            " with the name of a recipe or the beginning of its hash.",
        ),
    ],
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="Compare architectures on this task, over all their seeds."),
    ] = None,
    plugin: PluginOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Compare runs, or architectures on a task: scores, how sure the differences are, recipes, curves."""
    from harness.errors import UserError
    from harness.registry import Registry
    from harness.store import open_store, plain

    if len(names) < 2:
        raise UserError(f"{names[0]}: name at least two {'architectures' if task else 'runs'} to compare")
    store, registry = open_store(home, create=False), Registry(tuple(plugin or ()))
    if task is not None:
        rows = _architectures(store, task, names, registry)
        if json:
            print_document(plain.dumps(rows, indent=2))
        else:
            _print_rows(rows)
        return
    runs = _runs(store, names, registry)
    differences = {name: _differences([getattr(run, name) for run in runs]) for name in ("recipe", "environment")}
    if json:
        from harness.store.line import document

        content = {
            "runs": [document(run) for run in runs],
            "differences": differences,
            "recipes": _recipes(store, runs, registry),
            "unlike": _unlike(runs),
        }
        print_document(plain.dumps(content, indent=2))
    else:
        _print(runs, differences, _recipes(store, runs, registry))


def _runs(store: Store, names: Sequence[str], registry: Registry) -> list[Run]:
    """The runs of these ids; architectures are told apart from ids that nothing has."""
    from harness.errors import UserError

    try:
        return [store.get(name) for name in names]
    except UserError as error:
        known = {*registry.architectures, *(arch for arch, _ in store.pairs())}
        if all(_named(name)[0] in known for name in names):
            raise UserError(f"{', '.join(names)}: say with --task on which task they are to be compared") from error
        raise


def _architectures(store: Store, task: str, names: Sequence[str], registry: Registry) -> list[dict[str, Any]]:
    """The rows of `names` (``cornn``, or ``cornn:tuned``) in a ranking of `task`, against the first of them.

    The ranking is the first that has all of them. Of several recipes that a name may mean, the validation set chooses.
    """
    from harness.cli.ranked import rankings_of
    from harness.errors import UserError, did_you_mean
    from reports import versus

    found = rankings_of(store, task, registry)
    for ranking in found:
        rows = [ranking.chosen(*_named(name)) for name in names]
        if None not in rows:
            return versus(ranking, [row for row in rows if row])
    every = [row for ranking in found for row in ranking.rows]
    for name in names:
        arch, recipe = _named(name)
        known_recipes = {row.recipe for row in every if row.arch == arch}
        if not known_recipes:
            raise UserError(f"{arch}: no run of it on {task}{did_you_mean(arch, {row.arch for row in every})}")
        if recipe is not None and recipe not in known_recipes:
            raise UserError(f"{name}: no such recipe{did_you_mean(recipe, known_recipes)}")
    raise UserError(f"{', '.join(names)}: no ranking of {task} has all of them: {_apart(found, names)}")


def _apart(found: Sequence[Ranking], names: Sequence[str]) -> str:
    """What keeps rows apart that belong to several rankings of one task, and what would bring them together."""
    has = {name: [ranking for ranking in found if ranking.chosen(*_named(name))] for name in names}
    words: dict[str, Callable[[Ranking], Any]] = {
        "metric": lambda ranking: ranking.metric,
        "higher_is_better": lambda ranking: ranking.higher_is_better,
        "train_limit": lambda ranking: ranking.train_limit or "all",
        "selection": lambda ranking: "final" if ranking.selection == "final" else "best",
    }
    differ = [word for word, of in words.items() if len({of(ranking) for ranking in found}) > 1]

    def told(ranking: Ranking) -> str:
        return ", ".join(f"{word} = {words[word](ranking)}" for word in differ)

    sides = (f"{name} has {' or '.join(map(told, own))}" for name, own in has.items())
    return f"{'; '.join(sides)}; train one of them as the other, by --set"


def _named(name: str) -> tuple[str, str | None]:
    """Architecture and recipe of ``cornn:tuned``; None for the recipe of ``cornn``."""
    arch, _, recipe = name.partition(":")
    return arch, recipe or None


def _recipes(store: Store, runs: Sequence[Run], registry: Registry) -> list[dict[str, Any]]:
    """What all stored seeds of the recipes of `runs` say, where they may be ranked together and are no trials."""
    from harness.cli.ranked import rankings_of
    from reports import versus

    tested = [run for run in runs if run.trial is None]
    hashes = dict.fromkeys(run.recipe_hash for run in tested)
    for ranking in rankings_of(store, tested[0].task, registry) if len(hashes) > 1 else []:
        rows = [row for key in hashes for row in ranking.rows if row.recipe_hash == key and row.test]
        if len(rows) == len(hashes):
            return versus(ranking, rows)
    return []


def _print(
    runs: Sequence[Run], differences: dict[str, dict[str, list[Any]]], recipes: Sequence[dict[str, Any]]
) -> None:
    from harness.cli.terminal import print_heading, print_lines, print_rows

    def table(rows: Iterator[tuple[str, list[Any]]]) -> None:
        print_rows([{"": name} | dict(zip(_headings(runs), cells, strict=True)) for name, cells in rows])

    table(_facts(runs))
    print_lines(
        f"{run} is {runs[0].id} once more: "
        + (f"NOT equal ({', '.join(found)})" if found else "equal bit for bit in every epoch")
        for run, found in _unlike(runs).items()
    )
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


def _unlike(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Id of a run that repeats the first -> in what it is not equal to it."""
    from harness.store.likeness import repeats, unlike

    return {run.id: unlike(runs[0], run) for run in runs[1:] if repeats(runs[0], run)}


def _print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Rows of a ranking as the leaderboard tells them, and how sure their differences are."""
    from harness.cli.terminal import duration, print_lines, print_rows

    print_rows(
        [
            {
                "arch": row["arch"],
                "recipe": row["label"],
                "test": row["score"],
                "n": row["n"],
                "rank": f"{row['rank']} of {row['of']}" if row["rank"] is not None else None,
                "parameters": f"{row['parameters']:,}" if row["parameters"] is not None else None,
                "time": duration(row["seconds"]) if row["seconds"] is not None else None,
            }
            for row in rows
        ]
    )
    print_lines(row["sentence"] for row in rows if row["sentence"])
    print_lines(f"{row['name']}: {row['code_told']}" for row in rows if row["code_told"])
    print_lines(f"{row['name']}: {warning}" for row in rows for warning in row["warnings"])


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
