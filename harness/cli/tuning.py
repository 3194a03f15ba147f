"""What ``tune`` does: the pair and its space into a study, its best trial into a recipe, that into tested runs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import environment
from harness.cli.progress import TerminalMonitor
from harness.cli.study_progress import StudyProgress
from harness.cli.terminal import duration, print_rows, score
from harness.cli.training import INTERRUPTED, Wanted, exit_code, seconds
from harness.errors import UserError
from harness.execution import Job, Machine, execute
from harness.matching import count_of, match_parameters, match_step_time
from harness.matching.counting import resized
from harness.recipes import Named, named, write
from harness.registry import Registry
from harness.store import Run, Store, open_store
from harness.tuning import tally
from harness.tuning.matched import matchable
from harness.tuning.methods import pruner_of, sampler_of
from harness.tuning.plan import Plan
from harness.tuning.pool import Pool
from harness.tuning.space import Space, space_of
from harness.tuning.storage import Address, open_storage
from harness.tuning.study import First, Study
from harness.tuning.summary import place
from harness.tuning.worker import Order, close_lost, recipe_of

TUNED = "tuned"
"""Name of the recipe that a study leaves."""


@dataclass(frozen=True)
class Tuning:
    """What a person asked to tune."""

    pair: Wanted
    study: str | None
    storage: str | None
    trials: int
    workers: int
    sampler: str
    pruner: str
    seed: int
    timeout: float | None
    space: dict[str, str]
    space_file: Path | None
    parameters: str | None
    step_time: str | None
    final_seeds: int


def parse_space(given: Sequence[str]) -> dict[str, str]:
    """``--space KEY=RANGE``, repeated, as one mapping."""
    found: dict[str, str] = {}
    for text in given:
        key, equals, spec = (part.strip() for part in text.partition("="))
        if not equals or not key or not spec:
            raise UserError(f"--space {text}: write KEY=RANGE, such as lr='1e-4..1e-1 log'")
        if found.setdefault(key, spec) != spec:
            raise UserError(f"--space {key} is given twice")
    return found


def parse_timeout(text: str | None) -> float | None:
    """``--timeout`` in seconds."""
    try:
        return seconds(text)
    except UserError as error:
        raise UserError(str(error).replace("--max-time", "--timeout", 1)) from error


def show_space(wanted: Tuning, machine: Machine, *, as_json: bool) -> None:
    """Print what would be searched and where the search would begin; train nothing."""
    _check(wanted)
    registry, base = wanted.pair.resolve(machine)
    space = _space(wanted, registry, base)
    begin = _first(registry, base, space)
    if as_json:
        first = [{"origin": one.origin, "values": dict(one.values)} for one, _ in begin]
        print(json.dumps({"space": space.rows(), "first": first}, indent=2))
        return
    print_rows(space.rows())
    for number, (one, notes) in enumerate(begin):
        print(f"\ntrial {number} is {one.origin}: {_values(one.values)}{f' ({_joined(notes)})' if notes else ''}")


def tune(wanted: Tuning, machine: Machine) -> int:
    """Search, write the best recipe, train it anew and test it. Returns the exit code."""
    _check(wanted)
    registry, base = wanted.pair.resolve(machine)
    recipe = base.recipe
    job = Job(registry, base, machine)
    name = wanted.study or f"{recipe.arch}-{job.label}"
    where = place(wanted.storage, machine.home, name)
    _ = job.splits  # once for all workers: what is missing is told here, and what can be prepared is
    with where.explained():
        opened = open_storage(where, machine.home)
        base = _matched(wanted, registry, base, machine, opened, name)
        space = _space(wanted, registry, base)
        study = Study.begin(opened, name, _plan(wanted, job, space))
        begin = _first(registry, base, space)
        _announce(wanted, study, begin, study.fill(wanted.trials, [one for one, _ in begin]))
        close_lost(study, machine.home)
        with StudyProgress(wanted.trials) as progress:
            order = Order.of(machine, study, wanted.trials, wanted.pair.plugins)
            try:
                ended = Pool(study, order, wanted.workers, progress.show, progress.tell).run(wanted.timeout)
            finally:
                close_lost(study, machine.home)
        if ended in INTERRUPTED:
            print(f"{ended}; to go on: {_this_command(wanted.storage, where)}")
            return INTERRUPTED[ended]
        with opened.locks.exclusive(f"final-{recipe.hash}"):  # of several pools that end together, one at a time
            return _finish(wanted, study, job.other(base), ended, _this_command(wanted.storage, where))


def _check(wanted: Tuning) -> None:
    """Tell of wrong words before anything is loaded."""
    sampler_of(wanted.sampler, 0), pruner_of(wanted.pruner, 1)
    if wanted.parameters is not None and wanted.step_time is not None:
        raise UserError("--match-params and --match-step-time both say the hidden size: give one of them")
    if wanted.pair.recipe == TUNED:
        raise UserError(
            f"--recipe {TUNED}: studies write that recipe, so none begins with it; name standard, published or a file"
        )


def _matched(wanted: Tuning, registry: Registry, base: Named, machine: Machine, opened: Any, name: str) -> Named:
    """The base recipe with the hidden size that was asked for; one that a study measured before is taken from it."""
    if wanted.parameters is not None:
        try:
            return match_parameters(registry, base, count_of(wanted.parameters))
        except UserError:
            near = _near(wanted, registry, base)
            return match_parameters(registry, near, count_of(wanted.parameters))
    if wanted.step_time is None:
        return base
    stored = {study.study_name for study in opened.storage.get_all_studies()}
    if name in stored and (plan := Study.load(opened, name, registry).plan).step_time == wanted.step_time:
        size = plan.space.base.layer["hidden_size"]
        return replace(base, recipe=resized(registry, base.recipe, size))
    return match_step_time(registry, base, machine, wanted.step_time, lambda line: print(line, file=sys.stderr))


def _near(wanted: Tuning, registry: Registry, base: Named) -> Named:
    """The point of the space nearest to the base recipe: one whose depth can have the number of parameters."""
    space = _space(wanted, registry, base)
    return replace(base, recipe=space.recipe(registry, space.values_of(base.recipe)[0]))


def _space(wanted: Tuning, registry: Registry, base: Named) -> Space:
    recipe = base.recipe
    space = space_of(registry, recipe.arch, recipe.task, recipe, wanted.space, wanted.space_file)
    solved = wanted.parameters or wanted.step_time
    if solved and "layer.hidden_size" in space.targets:
        raise UserError("hidden_size is solved for by --match-params or --match-step-time: don't search it as well")
    if wanted.parameters is not None:
        space, notes = matchable(registry, space, count_of(wanted.parameters))
        for note in notes:
            print(note, file=sys.stderr)
    return space


def _plan(wanted: Tuning, job: Job, space: Space) -> Plan:
    return Plan(
        task=job.label,
        metric=job.task.metric,
        higher_is_better=job.task.higher_is_better,
        space=space,
        sampler=wanted.sampler,
        pruner=wanted.pruner,
        seed=wanted.seed,
        parameters=count_of(wanted.parameters) if wanted.parameters is not None else None,
        step_time=wanted.step_time,
        software=environment.collect(job.threads)["software"],
    )


def _first(registry: Registry, base: Named, space: Space) -> list[tuple[First, list[str]]]:
    """Where the search begins: the published recipe where there is one, then the one that it departs from.

    Each with notes on what the space cannot express of it.
    """
    begin: list[tuple[First, list[str]]] = []
    for found in (_published(registry, base), base):
        if found is not None:
            values, notes = space.values_of(found.recipe)
            if all(dict(one.values) != values for one, _ in begin):
                begin.append((First(found.name, values), notes))
    return begin


def _published(registry: Registry, base: Named) -> Named | None:
    changes = {f"variant.{key}": value for key, value in base.recipe.variant.items()}
    try:
        found = named(registry, base.recipe.arch, base.recipe.task, "published", changes)
    except UserError:
        return None
    return replace(found, name="published")


def _announce(wanted: Tuning, study: Study, begin: list[tuple[First, list[str]]], missing: int) -> None:
    trials = study.trials()
    before = tally.counted(trials) - missing
    there = f"goes on with {before} trials, {tally.ended(trials)} of them over" if before else "begins"
    print(f"study {study.name} {there}; kept in {study.opened.address.name}", flush=True)
    if not before:
        for number, (one, notes) in enumerate(begin[: wanted.trials]):
            print(f"trial {number} is {one.origin}{f' ({_joined(notes)})' if notes else ''}", flush=True)


def _finish(wanted: Tuning, study: Study, job: Job, ended: str | None, again: str) -> int:
    """Write the best recipe and test it; ``1`` where no trial was completed."""
    trials, plan = study.trials(), study.plan
    counts, over = tally.counts(trials), tally.ended(trials)
    if ended == "timeout":
        print(f"the time is over after {over} of {wanted.trials} trials; to go on: {again}")
    best = tally.best(trials, plan.higher_is_better)
    if ended == "timeout" and not over:
        return 1
    if best is None:
        print(_nothing(study, counts), file=sys.stderr)
        return 1
    recipe = recipe_of(plan, job.registry, best.params, f"trial {best.number}")
    value = score(plan.metric, best.value)
    source = f"study {study.name}, trial {best.number} of {tally.counted(trials)}, valid {value}"
    tuned = Named(TUNED, recipe, source)
    before = _tuned_before(job)
    file = write(job.machine.home, tuned, job.label)
    spent = sum(trial.user_attrs.get(tally.SECONDS) or 0.0 for trial in trials)
    print(f"best: trial {best.number}, valid {value}: {_values(best.params)}")
    if before and not before.startswith(f"study {study.name}, "):
        print(f"in place of the recipe '{TUNED}' of {before}")
    print(f"written as recipe '{TUNED}' to {file}; the trials trained for {duration(spent)}")
    if not wanted.final_seeds:
        return 0
    store = open_store(job.machine.home.path)
    runs = _train(job.other(tuned), range(wanted.final_seeds), store)
    if runs[-1].state == "interrupted":
        print(f"interrupted; to go on: {again}")
    else:
        _compare(study, store, job, tuned)
    return exit_code(runs)


def _tuned_before(job: Job) -> str:
    """Where the recipe comes from that will be replaced; nothing where there is none."""
    try:
        return named(job.registry, job.named.recipe.arch, job.label, TUNED, home=job.machine.home).source
    except UserError:
        return ""


def _train(job: Job, seeds: Sequence[int], store: Store) -> list[Run]:
    with TerminalMonitor(job.task.metric, job.named.recipe.training.epochs) as monitor:
        return list(execute(job, store, seeds, monitor))


def _compare(study: Study, store: Store, job: Job, tuned: Named) -> None:
    """The table of where the search began and what it found; tested scores of whatever the store has."""
    plan = study.plan
    rows: list[dict[str, Any]] = []
    for trial in study.trials():
        origin = trial.user_attrs.get(tally.ORIGIN)
        if origin is not None and tally.words(study.trials())[trial.number] != "replaced":
            values = trial.params or trial.system_attrs.get("fixed_params", {})
            try:
                found = recipe_of(plan, job.registry, values, f"trial {trial.number}").hash
            except UserError:  # it failed for that reason
                found = None
            rows.append({"recipe": f"{origin} (trial {trial.number})", "valid": trial.value, "hash": found})
    best = tally.best(study.trials(), plan.higher_is_better)
    rows.append({"recipe": TUNED, "valid": best.value if best else None, "hash": tuned.recipe.hash})
    print_rows(
        [
            {
                "recipe": row["recipe"],
                f"valid {plan.metric} in the study": score(plan.metric, row["valid"]),
                "test, 95 % interval": _tested(store, row["hash"]),
            }
            for row in rows
        ]
    )


def _tested(store: Store, recipe_hash: str | None) -> str:
    """Mean and interval of the tested runs of a recipe, as the leaderboard tells them; a dash where there are none."""
    from reports import Frames, table

    if recipe_hash is None:
        return "-"
    frame = store.runs_frame(recipe_hash)
    done = frame[frame["trial"].isna() & (frame["state"] == "done")]
    if done.empty:
        return "-"
    [row] = table(Frames(done.assign(arch_title="", task_title="")))
    return str(row["score"]) if "n =" in str(row["score"]) else f"{row['score']} ({row['n']} seeds)"


def _nothing(study: Study, counts: dict[str, int]) -> str:
    """Why there is no best trial, and what to do."""
    reasons = [reason for trial in study.trials() if (reason := tally.reason_of(trial))]
    last = f", the last: {reasons[-1]}" if reasons else ""
    if counts["failed"] and not counts["pruned"]:
        what = f"all {counts['failed']} trials that ended failed{last}"
    else:
        what = f"no trial was completed ({counts['pruned']} pruned, {counts['failed']} failed{last})"
    return f"study {study.name}: {what}; no recipe was written: see 'study show', and try another --space or --recipe"


def _values(values: Any) -> str:
    return ", ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in values.items()
    )


def _joined(notes: Sequence[str]) -> str:
    return "; ".join(notes)


def _this_command(storage: str | None, where: Address) -> str:
    """The command that goes on where this one ended, without a password."""
    words = [word.replace(storage, where.name) if storage and where.url else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "harness", *words])
