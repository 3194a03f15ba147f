"""``study`` and ``list studies``: what was tuned, how it went, and which settings mattered."""

from __future__ import annotations

import json as jsons
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.group import Verbs
from harness.cli.known import refuse_missing
from harness.cli.options import HomeOption, JsonOption, PluginOption
from harness.cli.streams import kept_for_document, print_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.registry import Registry
    from harness.tuning.study import Study
    from reports.statistics.best_of_k import CurvePoint

study_app = typer.Typer(help="Show or delete one study of 'tune'.", cls=Verbs, no_args_is_help=True)
StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL|FILE",
        help="Where studies are: a database URL or a journal file (else HARNESS_STUDIES, else the home).",
    ),
]
LISTED = ("complete", "pruned", "failed", "running", "waiting")


def studies(storage: StorageOption = None, home: HomeOption = None, json: JsonOption = False) -> None:
    """The studies of 'tune', with their trials and their best."""
    from harness.cli.terminal import print_rows, score
    from harness.home import Home

    if storage is None and not os.environ.get("HARNESS_STUDIES"):
        refuse_missing(home)
    from harness.tuning.summary import every, row

    found = [row(study) for study in every(storage, Home.find(home))]
    if json:
        print_document(jsons.dumps(found, indent=2))
        return
    print_rows(
        [
            {
                "study": one["study"],
                "trials": one["trials"],
                **{word: one["counts"][word] for word in LISTED},
                "best valid": score(one["metric"], one["best"]),
                "trial": one["best_trial"],
            }
            for one in found
        ]
    )


@study_app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of the study (see 'list studies').")],
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the recipe of the best trial only, as a file for 'run --recipe'.")
    ] = False,
    storage: StorageOption = None,
    plugin: PluginOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Show one study: counts, best trial, what mattered, the tuning curve, and all trials."""
    from dataclasses import asdict

    from harness.registry import Registry
    from harness.store import plain
    from harness.tuning.summary import document

    registry = Registry(tuple(plugin or ()))
    where, study = _find(name, storage, home, registry if toml else None)  # to be shown, none of it need be here
    with where.explained():
        if toml:
            with kept_for_document():
                print_document(_best(study, registry), end="")
            return
        content = document(study)
    content["curve"] = [asdict(point) for point in _points(content)]
    if json:
        print_document(plain.dumps(content, indent=2))
    else:
        _print(content)


def _best(study: Study, registry: Registry) -> str:
    """The recipe of the best trial as a file that says where it comes from."""
    from harness.errors import UserError
    from harness.tuning.search import best, nothing

    found = best(study, registry)
    if found is None:
        raise UserError(nothing(study))
    return f"# {found[1].source}\n{found[1].recipe.to_toml()}"


@study_app.command("delete")
def delete(
    name: Annotated[str, typer.Argument(help="Name of the study (see 'list studies').")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    keep_runs: Annotated[bool, typer.Option("--keep-runs", help="Leave the runs of its trials in the store.")] = False,
    storage: StorageOption = None,
    home: HomeOption = None,
) -> None:
    """Delete a study, with the stored runs of its trials. Recipes and tested runs that came of it stay."""
    import shutil
    import sys

    from harness.cli.terminal import number
    from harness.errors import UserError
    from harness.home import Home
    from harness.store import store_to_list
    from harness.tuning import tally

    where, study = _find(name, storage, home)
    store = store_to_list(home)
    with where.explained():
        study.recover()
        trials = study.trials()
        own = {trial.user_attrs.get(key) for trial in trials for key in (tally.RUN, tally.CONTINUES)}
        # by their ids: a study of the same name in another storage has runs in this store as well
        runs = [] if keep_runs else [run for run in store.of_study(study.name) if run.id in own]
        if tally.counts(trials)["running"]:
            raise UserError(f"study {study.name} is under way: end its 'tune' first")

        def told(count: int) -> str:
            return f"{number(len(trials), 'trial')} and {number(count, 'run')}"

        if not yes:
            try:
                typer.confirm(f"Delete study {study.name} with {told(len(runs))}?", abort=True)
            except typer.Abort:
                if sys.stdin.isatty():
                    raise
                raise UserError("nothing was deleted: add --yes to delete without being asked") from None
        study.delete()
        if where.path is not None and not study.storage.get_all_studies():
            where.path.unlink(missing_ok=True)
            shutil.rmtree(study.opened.lives, ignore_errors=True)
    count = store.delete([run.id for run in runs]) if runs else 0
    for run in runs:
        shutil.rmtree(Home.find(home).run(run.id), ignore_errors=True)
    print(f"deleted study {study.name} with {told(count)}")


def _find(name: str, storage: str | None, home: str | None, registry: Registry | None = None) -> tuple[Any, Study]:
    """The study and its place; one in the home that isn't there is told with those that are."""
    from harness.errors import UserError, did_you_mean
    from harness.home import Home
    from harness.tuning.storage import open_storage
    from harness.tuning.study import Study
    from harness.tuning.summary import every, place

    at = Home.find(home)
    where = place(storage, at, name)
    if where.file is not None and not _is_there(where.file):
        known = [study.name for study in every(storage, at)] if where.url is None and storage is None else []
        raise UserError(f"there is no study '{name}' in {where.name}{did_you_mean(name, known)}")
    with where.explained():
        return where, Study.load(open_storage(where, at, create=False), name, registry)


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # the name is too long for a file
        return False


def _print(content: Mapping[str, Any]) -> None:
    from harness.cli.terminal import clean, print_facts, print_heading, print_lines, print_rows, score

    metric, best = content["metric"], content["best"]
    counts = ", ".join(f"{count} {word}" for word, count in content["counts"].items() if count)
    print_heading(f"study {content['study']}: {content['arch']} on {content['task']}")
    print_facts(
        [
            ("trials", f"{content['trials']} ({counts})" if counts else "none"),
            ("kept in", content["storage"]),
            ("sampler", f"{content['plan']['sampler']}, seed {content['plan']['seed']}"),
            ("pruner", content["plan"]["pruner"]),
        ]
    )
    print_heading("best trial")
    if best is None:
        print_lines(["(no trial was completed)"])
    else:
        print_facts([("trial", best["trial"]), (f"valid {metric}", score(metric, best["value"])), ("run", best["run"])])
        print_facts(best["values"].items())
    print_heading("importance (share in whether a trial is among the best, PED-ANOVA)")
    print_facts((key, f"{100 * share:.0f} %") for key, share in content["importance"].items())
    if not content["importance"]:
        print_lines(["(too few completed trials)"])
    print_heading("tuning curve: the best of k trials")
    print_lines(_curve(content))
    print_heading("trials")
    keys = list(dict.fromkeys(key for trial in content["all"] for key in trial["values"]))
    print_rows([_row(trial, metric, keys) for trial in content["all"]])
    failed = [f"trial {t['trial']}: {clean(t['reason'])}" for t in content["all"] if t["state"] == "failed"]
    if failed:
        print_heading("failed")
        print_lines(failed)


def _points(content: Mapping[str, Any]) -> list[CurvePoint]:
    """The tuning curve of a study's document."""
    from reports.statistics.best_of_k import scores_of, tuning_curve

    higher = content["plan"]["higher_is_better"]
    return tuning_curve(scores_of([(t["state"], t["value"], t["best_seen"]) for t in content["all"]], higher), higher)


def _curve(content: Mapping[str, Any]) -> list[str]:
    """The chart of the expected best, and the numbers with their band below it."""
    from harness.cli.chart import chart
    from harness.cli.terminal import score
    from reports.statistics.best_of_k import CurvePoint, thinned

    metric = content["metric"]
    points = [CurvePoint(**point) for point in content["curve"]]
    if not points:
        return ["(no trial has a score)"]

    def text(value: float) -> str:
        return score(metric, value)

    drawn = chart(f"expected valid {metric} by trials", [(p.trials, p.expected) for p in points], text)
    table = [f"{p.trials:>5}  {text(p.expected):>9}  {text(p.low)} to {text(p.high)}" for p in thinned(points)]
    return [*drawn, "", "    k   expected  95 % of the choices of k among these trials", *table]


def _row(trial: Mapping[str, Any], metric: str, keys: Sequence[str]) -> dict[str, Any]:
    from harness.cli.terminal import duration, score

    state = trial["state"] if trial["replaces"] is None else f"{trial['state']}, for {trial['replaces']}"
    return {
        "trial": trial["trial"],
        "state": state,
        "valid": score(metric, trial["value"]),
        "epochs": trial["epochs"],
        "time": duration(trial["seconds"]) if trial["seconds"] is not None else "-",
        "parameters": trial["parameters"],
        "run": trial["run"],
        "origin": trial["origin"],
        **{key: trial["values"].get(key) for key in keys},
    }
