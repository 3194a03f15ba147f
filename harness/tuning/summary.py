"""What is known of studies: which there are, how one stands, and all trials as a data frame."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from harness.errors import UserError
from harness.home import Home
from harness.tuning import tally
from harness.tuning.storage import Address, Opened, address, journal, journals, open_storage
from harness.tuning.study import PLAN, Study

if TYPE_CHECKING:
    import pandas

VARIABLE = "HARNESS_STUDIES"
"""Environment variable that stands for ``--storage``, so that a password need not be part of a command."""
ABOUT = ("arch", "task", "metric", "higher_is_better")
COLUMNS = (
    *("study", *ABOUT, "trial", "state", "value", "best_seen", "values"),
    *("epochs", "seconds", "parameters", "run", "origin", "replaces", "reason"),
)
"""Columns of :func:`trials_frame`: those of a trial's document, with what the study says of itself."""


def place(given: str | None, home: Home, study: str) -> Address:
    """Where a study is kept: ``--storage``, else ``HARNESS_STUDIES``, else a journal of its own in the home."""
    return _named(given) or Address(journal(home, study))


def every(given: str | None, home: Home, warn: bool = True) -> Iterator[Study]:
    """The studies of the storage that is named, else all in the home; those that cannot be read are warned of."""
    if where := _named(given):
        with where.explained():
            yield from _studies(open_storage(where, home, create=False))
        return
    for file in journals(home):
        try:
            yield from _studies(open_storage(Address(file), home, create=False))
        except UserError as error:
            if warn:
                warnings.warn(str(error), stacklevel=2)


def _named(given: str | None) -> Address | None:
    """The place that ``--storage`` or the environment names."""
    if given:
        return address(given, "--storage")
    return address(given, VARIABLE) if (given := os.environ.get(VARIABLE)) else None


def _studies(opened: Opened) -> Iterator[Study]:
    for summary in opened.storage.get_all_studies():
        if PLAN in summary.user_attrs:
            yield Study.load(opened, summary.study_name)


def row(study: Study) -> dict[str, Any]:
    """One study as ``list studies`` shows it, as plain values."""
    trials, plan = study.trials(), study.plan
    best = tally.best(trials, plan.higher_is_better)
    return {
        "study": study.name,
        "arch": plan.arch,
        "task": plan.task,
        "metric": plan.metric,
        "trials": tally.counted(trials),
        "counts": tally.counts(trials),
        "best": best.value if best is not None else None,
        "best_trial": best.number if best is not None else None,
        "storage": study.opened.address.name,
    }


def document(study: Study) -> dict[str, Any]:
    """All that is known of a study, as plain values: counts, best trial, importance, trials, plan."""
    trials, plan = study.trials(), study.plan
    words = tally.words(trials)
    higher = plan.higher_is_better
    best = tally.best(trials, higher)
    return {
        **row(study),
        "best": tally.document(best, "complete", higher) if best is not None else None,
        "importance": importance(study),
        "all": [tally.document(trial, words[trial.number], higher) for trial in trials],
        "plan": plan.to_dict(),
    }


def importance(study: Study) -> dict[str, float]:
    """Share of each sampled key in whether a trial is among the best, by PED-ANOVA; empty where too few are complete.

    PED-ANOVA: Watanabe, Bansal, Hutter, "Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces"
    (IJCAI 2023), as Optuna implements it.
    """
    complete = [t for t in study.trials() if t.state == optuna.trial.TrialState.COMPLETE]
    if len({trial.value for trial in complete}) < 3:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = get_param_importances(study.optuna, evaluator=PedAnovaImportanceEvaluator())
        except (ValueError, RuntimeError, ZeroDivisionError):  # nothing that could be told apart
            return {}
    return {key: float(share) for key, share in found.items() if share == share}


def trials_frame(given: str | None, home: Home) -> pandas.DataFrame:
    """All trials of all studies, one row a trial."""
    import pandas

    rows = []
    for study in every(given, home):
        trials, plan = study.trials(), study.plan
        words, higher = tally.words(trials), plan.higher_is_better
        about = {"study": study.name, **{key: getattr(plan, key) for key in ABOUT}}
        rows += [{**about, **tally.document(trial, words[trial.number], higher)} for trial in trials]
    return pandas.DataFrame(rows, columns=list(COLUMNS))
