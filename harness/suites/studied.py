"""How the search of a cell stands: its trials, and the recipe that it found once it is complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import mean
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.home import Home
from harness.recipes import Named
from harness.registry import Registry
from harness.suites.cells import Cell

if TYPE_CHECKING:
    from harness.tuning.storage import Opened
    from harness.tuning.study import Study


@dataclass(frozen=True)
class Studied:
    """The study of a cell."""

    counts: Mapping[str, int] = field(default_factory=dict)
    running: bool = False
    """Whether a worker that lives trains a trial."""
    begun: bool = False
    final: Named | None = None
    """The best trial's recipe, once as many trials are over as the search has."""
    reason: str | None = None
    """Why a complete search found none."""
    trial_seconds: float | None = None
    """What a trial took, on the mean over those that ended, pruned ones too."""


def studied(cell: Cell, home: Home, storage: str | None, registry: Registry) -> Studied:
    """How the search of `cell` stands; nothing is created where it hasn't begun."""
    from harness.tuning.storage import open_storage
    from harness.tuning.study import Study
    from harness.tuning.summary import place

    assert cell.study is not None
    where = place(storage, home, cell.study)
    if where.file is not None and not where.file.is_file():
        return Studied()
    with where.explained():
        opened = open_storage(where, home, create=False)
        if cell.study not in {study.study_name for study in opened.storage.get_all_studies()}:
            return Studied()
        return _of(Study.load(opened, cell.study, registry), cell, registry)


def _of(study: Study, cell: Cell, registry: Registry) -> Studied:
    from harness.tuning import search, tally

    assert cell.search is not None
    trials = study.trials()
    counts = {word: count for word, count in tally.counts(trials).items() if word != "replaced"}
    words = tally.words(trials)
    running = any(_is_alive(study.opened, trial) for trial in trials if words[trial.number] == "running")
    begun = counts["waiting"] < tally.counted(trials)
    ended = [trial for trial in trials if words[trial.number] in ("complete", "pruned", "failed")]
    if len(ended) < cell.search.trials:
        spent = [float(trial.user_attrs[tally.SECONDS]) for trial in ended if trial.user_attrs.get(tally.SECONDS)]
        return Studied(counts, running, begun, trial_seconds=mean(spent) if spent else None)
    try:
        found = search.best(study, registry)
    except UserError as error:
        return Studied(counts, running, begun, reason=str(error))
    if found is None:
        return Studied(counts, running, begun, reason=search.nothing(study))
    return Studied(counts, running, begun, found[1])


def _is_alive(opened: Opened, trial: Any) -> bool:
    """Whether the worker of a running trial lives; one on another machine is taken at its word."""
    from harness.locking import FileLocks
    from harness.tuning import tally

    lock = str(trial.user_attrs.get(tally.WORKER, {}).get("lock"))
    return not opened.local or FileLocks(opened.lives).held(lock.removesuffix(".lock"))
