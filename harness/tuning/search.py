"""A search from its beginning to the recipe that it finds: what ``tune`` and the suites that tune have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from harness import environment
from harness.errors import UserError
from harness.home import Home
from harness.machine import Machine
from harness.matching import count_of, match_parameters, match_step_time
from harness.matching.counting import resized
from harness.recipe import label
from harness.recipes import Named, named, write
from harness.registry import Registry
from harness.tolerance import TOLERANCE
from harness.tuning import tally
from harness.tuning.matched import matchable
from harness.tuning.methods import pruner_of, sampler_of
from harness.tuning.plan import Plan
from harness.tuning.space import Space, space_of
from harness.tuning.storage import Opened
from harness.tuning.study import First, Study
from harness.tuning.worker import recipe_of

TUNED = "tuned"
"""Name of the recipe that a search leaves."""

Begin = list[tuple[First, list[str]]]
"""Where a search begins: points, each with notes on what the space cannot express of them."""


@dataclass(frozen=True)
class Search:
    """What is searched, from which recipe on.

    `parameters` and `step_time` are what hidden sizes are solved for, as ``--match-params`` and ``--match-step-time``
    take them; `space` and `space_file` as ``--space`` and ``--space-file`` do.
    """

    base: Named
    sampler: str = "tpe"
    pruner: str = "median"
    seed: int = 0
    space: Mapping[str, str] = field(default_factory=dict)
    space_file: Path | None = None
    parameters: str | None = None
    step_time: str | None = None
    tolerance: float = TOLERANCE
    """How far off `parameters` may be, as a fraction."""

    def check(self) -> None:
        """Refuse wrong words by a :class:`UserError`, before anything is loaded."""
        sampler_of(self.sampler, 0), pruner_of(self.pruner, 1)
        if self.parameters is not None and self.step_time is not None:
            raise UserError("--match-params and --match-step-time both say the hidden size: give one of them")

    def space_here(self, registry: Registry, tell: Callable[[str], None]) -> Space:
        """What is sampled; what is left out of it for the sake of the matching is told."""
        recipe = self.base.recipe
        space = space_of(registry, recipe.arch, recipe.task, recipe, dict(self.space), self.space_file)
        if (self.parameters or self.step_time) and "layer.hidden_size" in space.targets:
            raise UserError("hidden_size is solved for by --match-params or --match-step-time: don't search it as well")
        if self.parameters is not None:
            space, notes = matchable(registry, space, count_of(self.parameters), self.tolerance)
            for note in notes:
                tell(note)
        return space

    def matched(
        self, registry: Registry, machine: Machine, opened: Opened, name: str, tell: Callable[[str], None]
    ) -> Search:
        """The same from a base with the hidden size that was asked for; one that the study `name` measured before is
        taken from it."""
        if self.parameters is not None:
            target = count_of(self.parameters)
            try:
                base = match_parameters(registry, self.base, target, self.tolerance, tell)
            except UserError:
                base = match_parameters(registry, self._near(registry, tell), target, self.tolerance, tell)
            return replace(self, base=base)
        if self.step_time is None:
            return self
        stored = {study.study_name for study in opened.storage.get_all_studies()}
        if name in stored and (plan := Study.load(opened, name, registry).plan).step_time == self.step_time:
            size = plan.space.base.layer["hidden_size"]
            return replace(self, base=replace(self.base, recipe=resized(registry, self.base.recipe, size)))
        return replace(self, base=match_step_time(registry, self.base, machine, self.step_time, tell))

    def _near(self, registry: Registry, tell: Callable[[str], None]) -> Named:
        """The point of the space nearest to the base recipe: one whose depth can have the number of parameters."""
        space = self.space_here(registry, tell)
        return replace(self.base, recipe=space.recipe(registry, space.values_of(self.base.recipe)[0]))

    def plan(self, registry: Registry, machine: Machine, space: Space) -> Plan:
        """What all who go on with the study must mean."""
        task_class = registry.task(self.base.recipe.task)
        task = task_class(**self.base.recipe.variant)
        return Plan(
            task=label(task_class, self.base.recipe),
            metric=task.metric,
            higher_is_better=task.higher_is_better,
            space=space,
            sampler=self.sampler,
            pruner=self.pruner,
            seed=self.seed,
            parameters=count_of(self.parameters) if self.parameters is not None else None,
            step_time=self.step_time,
            tolerance=self.tolerance,
            software=environment.collect(machine.threads)["software"],
        )


@dataclass(frozen=True)
class Begun:
    """A study that can be trained."""

    study: Study
    search: Search
    """With the base recipe as it was matched."""
    first: Begin
    missing: int
    """Trials that were made now; the others it had before."""


def begin(
    registry: Registry,
    search: Search,
    machine: Machine,
    opened: Opened,
    name: str,
    trials: int,
    tell: Callable[[str], None],
) -> Begun:
    """The study `name` with so many trials, new or as it was left.

    `tell` hears what was measured or left out. A :class:`UserError` where it exists with another plan.
    """
    search.check()
    search = search.matched(registry, machine, opened, name, tell)
    space = search.space_here(registry, tell)
    study = Study.begin(opened, name, search.plan(registry, machine, space))
    first = first_points(registry, search.base, space)
    return Begun(study, search, first, study.fill(trials, [one for one, _ in first]))


def first_points(registry: Registry, base: Named, space: Space) -> Begin:
    """Where a search begins: the published recipe where there is one, then the one that it departs from."""
    found: Begin = []
    for recipe in (_published(registry, base), base):
        if recipe is not None:
            values, notes = space.values_of(recipe.recipe)
            if all(dict(one.values) != values for one, _ in found):
                found.append((First(recipe.name, values), notes))
    return found


def _published(registry: Registry, base: Named) -> Named | None:
    changes: dict[str, Any] = {f"variant.{key}": value for key, value in base.recipe.variant.items()}
    try:
        found = named(registry, base.recipe.arch, base.recipe.task, "published", changes)
    except UserError:
        return None
    return replace(found, name="published")


def best(study: Study, registry: Registry) -> tuple[FrozenTrial, Named] | None:
    """The best trial and its recipe, called ``tuned``; None where no trial was completed."""
    trials, plan = study.trials(), study.plan
    found = tally.best(trials, plan.higher_is_better)
    if found is None:
        return None
    recipe = recipe_of(plan, registry, found.params, f"trial {found.number}")
    value = float(found.value or 0.0)
    score = f"{100 * value:.2f} %" if plan.metric == "accuracy" else f"{value:.4g}"
    source = f"study {study.name}, trial {found.number} of {tally.counted(trials)}, valid {score}"
    return found, Named(TUNED, recipe, source)


def keep(tuned: Named, home: Home, task: str) -> Path:
    """Write a tuned recipe for the task of this label to a home; the file."""
    return write(home, tuned, task)


def nothing(study: Study) -> str:
    """Why there is no best trial, and what to do."""
    counts = tally.counts(study.trials())
    reasons = [reason for trial in study.trials() if (reason := tally.reason_of(trial))]
    last = f", the last: {reasons[-1]}" if reasons else ""
    if counts["failed"] and not counts["pruned"]:
        what = f"all {counts['failed']} trials that ended failed{last}"
    else:
        what = f"no trial was completed ({counts['pruned']} pruned, {counts['failed']} failed{last})"
    return f"study {study.name}: {what}; no recipe was written: see 'study show', and try another --space or --recipe"
