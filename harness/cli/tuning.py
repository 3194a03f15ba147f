"""What ``tune`` does: the pair and its space into a study, its best trial into a recipe, that into tested runs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cli.progress import TerminalMonitor
from harness.cli.streams import print_document
from harness.cli.study_progress import StudyProgress
from harness.cli.terminal import duration, print_rows, score, tell
from harness.cli.training import Wanted, exit_code, seconds
from harness.engines import Conditions, TrialUnit, open_engine
from harness.errors import UserError
from harness.execution import Job, execute
from harness.interruption import EXIT_CODES
from harness.machine import Machine
from harness.recipes import Named, named
from harness.registry import Registry
from harness.store import Run, Store, open_store
from harness.tuning import tally
from harness.tuning.pool import Pool
from harness.tuning.search import TUNED, Begun, Search, begin, best, first_points, keep, nothing
from harness.tuning.storage import Address, open_storage
from harness.tuning.study import Study
from harness.tuning.summary import place
from harness.tuning.worker import close_lost, recipe_of


@dataclass(frozen=True)
class Tuning:
    """What a person asked to tune."""

    pair: Wanted
    study: str | None
    storage: str | None
    trials: int
    engine: str
    workers: int
    address: str | None
    shared: Path | None
    sampler: str
    pruner: str
    seed: int
    timeout: float | None
    space: dict[str, str]
    space_file: Path | None
    parameters: str | None
    tolerance: float
    step_time: str | None
    final_seeds: int

    def search(self, base: Named) -> Search:
        """What is searched, from a base recipe on."""
        return Search(
            base,
            self.sampler,
            self.pruner,
            self.seed,
            self.space,
            self.space_file,
            self.parameters,
            self.step_time,
            self.tolerance,
        )


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
    registry, base = _resolved(wanted, machine)
    space = wanted.search(base).space_here(registry, tell)
    begin = first_points(registry, base, space)
    if as_json:
        first = [{"origin": one.origin, "values": dict(one.values)} for one, _ in begin]
        print_document(json.dumps({"space": space.rows(), "first": first}, indent=2))
        return
    print_rows(space.rows())
    for number, (one, notes) in enumerate(begin):
        print(f"\ntrial {number} is {one.origin}: {_values(one.values)}{f' ({_joined(notes)})' if notes else ''}")


def tune(wanted: Tuning, machine: Machine) -> int:
    """Search, write the best recipe, train it anew and test it. Returns the exit code."""
    registry, base = _resolved(wanted, machine)
    job = Job(registry, base, machine)
    name = wanted.study or f"{base.recipe.arch}-{job.label}"
    where = place(wanted.storage, machine.home, name)
    _ = job.splits  # once for all workers: what is missing is told here, and what can be prepared is
    with where.explained():
        opened = open_storage(where, machine.home)
        begun = begin(registry, wanted.search(base), machine, opened, name, wanted.trials, tell)
        study, base = begun.study, begun.search.base
        _announce(wanted, begun)
        ended = _train_trials(wanted, study, machine)
        if ended in EXIT_CODES:
            print(f"{ended}; to go on: {_this_command(wanted.storage, where)}")
            return EXIT_CODES[ended]
        with opened.locks.exclusive(f"final-{base.recipe.hash}"):  # of several pools that end together, one at a time
            return _finish(wanted, study, job.other(base), ended, _this_command(wanted.storage, where))


def _resolved(wanted: Tuning, machine: Machine) -> tuple[Registry, Named]:
    """The registry and the base recipe; wrong words are told before anything is loaded."""
    if wanted.pair.recipe == TUNED:
        raise UserError(
            f"--recipe {TUNED}: studies write that recipe, so none begins with it; name standard, published or a file"
        )
    registry, base = wanted.pair.resolve(machine)
    wanted.search(base).check()
    return registry, base


def _train_trials(wanted: Tuning, study: Study, machine: Machine) -> str | None:
    """Train what the study lacks on the engine; why that ended early."""
    open_store(machine.home.path)  # made by the driver, so that workers find one
    conditions = Conditions.of(machine, machine.home.store_url, wanted.pair.plugins)
    unit = TrialUnit(study.name, study.name, study.opened.address.text, study.name, wanted.trials, machine.device)
    close_lost(study, machine.home)
    pool: list[Pool] = []
    workers = wanted.workers if wanted.engine != "local" or wanted.workers > 1 else None
    engine = open_engine(
        wanted.engine,
        conditions,
        workers=workers,
        address=wanted.address,
        shared=wanted.shared,
        live=lambda event: pool[0].hear(event),
    )
    try:
        with StudyProgress(wanted.trials) as progress:
            pool.append(Pool(study, engine, unit, wanted.workers, progress.show, progress.tell))
            return pool[0].run(wanted.timeout)
    finally:
        engine.close()
        close_lost(study, machine.home)


def _announce(wanted: Tuning, begun: Begun) -> None:
    study, trials = begun.study, begun.study.trials()
    before = tally.counted(trials) - begun.missing
    there = f"goes on with {before} trials, {tally.ended(trials)} of them over" if before else "begins"
    tell(f"study {study.name} {there}; kept in {study.opened.address.name}")
    if not before:
        for number, (one, notes) in enumerate(begun.first[: wanted.trials]):
            tell(f"trial {number} is {one.origin}{f' ({_joined(notes)})' if notes else ''}")


def _finish(wanted: Tuning, study: Study, job: Job, ended: str | None, again: str) -> int:
    """Write the best recipe and test it; ``1`` where no trial was completed."""
    trials, plan = study.trials(), study.plan
    over = tally.ended(trials)
    if ended == "timeout":
        print(f"the time is over after {over} of {wanted.trials} trials; to go on: {again}")
    found = best(study, job.registry)
    if ended == "timeout" and not over:
        return 1
    if found is None:
        tell(nothing(study))
        return 1
    chosen, tuned = found
    before = _tuned_before(job)
    file = keep(tuned, job.machine.home, job.label)
    spent = sum(trial.user_attrs.get(tally.SECONDS) or 0.0 for trial in trials)
    print(f"best: trial {chosen.number}, valid {score(plan.metric, chosen.value)}: {_values(chosen.params)}")
    if before and not before.startswith(f"study {study.name}, "):
        print(f"in place of the recipe '{TUNED}' of {before}")
    print(f"written as recipe '{TUNED}' to {file}; the trials trained for {duration(spent)}")
    if told := _shorter(job, tuned):
        print(told)
    if not wanted.final_seeds:
        return 0
    store = open_store(job.machine.home.path)
    runs = _train(job.other(tuned), range(wanted.final_seeds), store)
    if runs[-1].state == "interrupted":
        print(f"interrupted; to go on: {again}")
    else:
        _compare(study, store, job, tuned)
    return exit_code(runs)


def _shorter(job: Job, tuned: Named) -> str:
    """That the recipe trains for fewer epochs than the standard one of the pair, if it does: trials often do."""
    usual = named(job.registry, tuned.recipe.arch, job.label).recipe.training.epochs
    epochs = tuned.recipe.training.epochs
    if epochs >= usual:
        return ""
    even = f"--epochs {usual} makes them even"
    return f"it trains for {epochs} epochs, as its trials did, and 'standard' for {usual}: {even}"


def _tuned_before(job: Job) -> str:
    """Where the recipe comes from that will be replaced; nothing where there is none."""
    try:
        recipe = job.named.recipe
        return named(job.registry, recipe.arch, job.label, TUNED, home=job.machine.home, accept_code=True).source
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
    chosen = tally.best(study.trials(), plan.higher_is_better)
    rows.append({"recipe": TUNED, "valid": chosen.value if chosen else None, "hash": tuned.recipe.hash})
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
