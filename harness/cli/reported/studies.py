"""Studies as reports take them: every trial that counts, and what mattered. Optuna is loaded only if there are any."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from harness.cli.reported.columns import frame
from harness.errors import one_line
from harness.home import Home
from harness.store import plain

if TYPE_CHECKING:
    from harness.store import Store
    from harness.tuning.study import Study


def frames(home: Home, store: Store) -> dict[str, pd.DataFrame]:
    """The frames ``trials``, ``studies`` and ``importance``; a study that cannot be read is left out with a warning.

    The runs of the trials, in `store`, tell the recipes of the trials.
    """
    trials: list[dict[str, Any]] = []
    searches: list[dict[str, Any]] = []
    importance: list[dict[str, Any]] = []
    recipes: dict[str, str] | None = None
    for study in _studies(home):
        recipes = store.recipes_of_trials() if recipes is None else recipes
        try:
            told, how, mattered = list(_trials(study, recipes)), _search(study), list(_importance(study))
        except Exception as error:  # of Optuna or its database: a study that is damaged spoils no report of runs
            warnings.warn(f"the study {study.name} cannot be read: {one_line(error)}", stacklevel=2)
            continue
        trials += told
        searches.append(how)
        importance += mattered
    found = {"trials": trials, "studies": searches, "importance": importance}
    return {name: frame(name, rows) for name, rows in found.items()}


def _studies(home: Home) -> Iterator[Study]:
    if not home.may_have_studies():
        return
    from harness.tuning.summary import every

    try:
        yield from every(None, home)
    except Exception as error:  # of Optuna too, over a storage that makes no sense
        warnings.warn(one_line(error), stacklevel=2)


def _trials(study: Study, recipes: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    from harness.tuning import tally

    plan, trials = study.plan, study.trials()
    words = tally.words(trials)
    about = {"study": study.name, "arch": plan.arch, "task": plan.task, "metric": plan.metric}
    for trial in trials:
        if words[trial.number] == "replaced":
            continue
        told = tally.document(trial, words[trial.number], plan.higher_is_better)
        yield {
            **about,
            "higher_is_better": plan.higher_is_better,
            **{key: told.get(key) for key in ("trial", "state", "value", "best_seen", "epochs", "seconds")},
            "parameters": told.get("parameters"),
            "values": plain.dumps(told["values"]),
            "reason": told.get("reason"),
            "recipe_hash": recipes.get(told["run"]),
        }


def _search(study: Study) -> dict[str, Any]:
    plan = study.plan
    sizes = (plan.parameters and f"{plan.parameters:,} parameters", plan.step_time and f"{plan.step_time} a step")
    return {
        "study": study.name,
        "sampler": plan.sampler,
        "pruner": plan.pruner,
        "seed": str(plan.seed),
        "epochs": plan.epochs,
        "matched": " and ".join(size for size in sizes if size),
        "ranges": plain.dumps({key: plan.space.line(key) for key in plan.space.rules}),
    }


def _importance(study: Study) -> Iterator[dict[str, Any]]:
    from harness.tuning.summary import importance

    for key, share in importance(study).items():
        yield {"study": study.name, "key": key, "share": share}
