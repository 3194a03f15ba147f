"""What ``run`` and ``demo`` share: words of the command line into jobs, jobs into runs, runs into tables."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass, field
from typing import Any

from harness.cli.data_report import waiting
from harness.cli.progress import DataReport, TerminalMonitor
from harness.cli.streams import print_document
from harness.cli.terminal import duration, number, parameters, tell
from harness.errors import UserError, explained
from harness.estimate import Estimate, measure
from harness.execution import Job, execute
from harness.home import Home, data_root, offline
from harness.interruption import EXIT_CODES
from harness.machine import Machine
from harness.masking import mask
from harness.matching import count_of, match_parameters, match_step_time
from harness.recipe import key_value
from harness.recipes import Named, named
from harness.registry import Registry
from harness.seeding import seeds_of
from harness.store import Run, Store
from harness.times import seconds_of
from harness.tolerance import TOLERANCE, share_of


@dataclass(frozen=True)
class Wanted:
    """What a person asked to train."""

    arch: str | None
    task: str | None
    recipe: str = "standard"
    changes: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    plugins: tuple[str, ...] = ()
    accept_code: bool = False
    match_params: str | None = None
    tolerance: float = TOLERANCE
    """How far off the number of parameters may be, as a fraction."""
    match_step_time: str | None = None

    def job(self, on: Machine) -> Job:
        """What is wanted, made ready on a machine; what can't be had there is refused here."""
        return Job(*self.resolve(on), on)

    def resolve(self, on: Machine) -> tuple[Registry, Named]:
        """The registry with the plugins, and the recipe, matched where that was asked for.

        What was measured for it, and warnings of the registry, go to standard error.
        """
        registry = Registry(self.plugins)
        found = named(registry, self.arch, self.task, self.recipe, self.changes, on.home, accept_code=self.accept_code)
        for warning in registry.warnings:
            tell(f"warning: {warning}")
        return registry, self._matched(registry, found, on)

    def _matched(self, registry: Registry, found: Named, on: Machine) -> Named:
        options = {"--match-params": self.match_params, "--match-step-time": self.match_step_time}
        given = [option for option, value in options.items() if value is not None]
        if any(key.rpartition(".")[2] == "hidden_size" for key in self.changes):
            given.append("--set hidden_size")
        if len(given) > 1:
            raise UserError(f"{given[0]} and {given[1]} both say the hidden size: give one of them")
        if self.match_params is not None:
            return match_parameters(registry, found, count_of(self.match_params), self.tolerance, tell)
        if self.match_step_time is not None:
            return match_step_time(registry, found, on, self.match_step_time, tell)
        return found


def parse_changes(
    changes: list[str], epochs: int | None, max_time: str | None, train_limit: int | None
) -> dict[str, Any]:
    """``--set`` and its short forms as one mapping; a key given twice with two values is refused."""
    short = {"epochs": epochs, "max_time": seconds(max_time), "train_limit": train_limit}
    result = {key: value for key, value in short.items() if value is not None}
    for key, value in map(key_value, changes):
        if key in result and result[key] != value:
            raise UserError(f"{key} is given twice, as {result[key]} and as {value}")
        result[key] = value
    return result


def parse_tolerance(text: str | None, match_params: str | None) -> float:
    """``--match-tolerance`` as a fraction; it means nothing without ``--match-params``."""
    if text is None:
        return TOLERANCE
    if match_params is None:
        raise UserError(f"--match-tolerance {text} goes with --match-params: give both, or neither")
    try:
        return share_of(text)
    except ValueError as error:
        raise UserError(f"--match-tolerance {text}: {error}") from error


def seconds(text: str | None) -> float | None:
    """``--max-time`` in seconds."""
    if text is None:
        return None
    try:
        found = seconds_of(text)
    except ValueError as error:
        raise UserError(f"--max-time {text}: {error}") from error
    if found == 0:
        raise UserError(f"--max-time {text}: write a time above zero such as 90s, 10m or 2h")
    return found


def parse_seeds(seed: int | None, seeds: str | None) -> tuple[int, ...]:
    """``--seed 3`` or ``--seeds 0-4`` or ``--seeds 1,5,7``, without repetitions, in the order given."""
    if seeds is None:
        return (seed or 0,)
    if seed is not None:
        raise UserError("give --seed or --seeds, not both")
    try:
        return seeds_of(seeds)
    except ValueError as error:
        raise UserError(f"--seeds {seeds}: {error}") from error


def machine(
    home: str | None,
    root: str | None,
    no_network: bool,
    device: str,
    threads: int | None,
    checkpoint_every: float,
    backend: str | None,
) -> Machine:
    """The settings of this machine from the options, the environment and the defaults."""
    where = Home.find(home)
    data, no_network = data_root(root, where), offline(no_network)
    return Machine(where, data, no_network, device, threads, checkpoint_every, DataReport(), backend)


def train(job: Job, seeds: tuple[int, ...], store: Store, *, again: bool = False) -> list[Run]:
    """Train a job, with its progress on the terminal."""
    with TerminalMonitor(job.task.metric, job.named.recipe.training.epochs) as monitor:
        runs = list(execute(job, store, seeds, monitor, again=again))
    if runs[-1].state == "interrupted":
        print(f"interrupted; to go on: {this_command(job.named.recipe.layer.get('hidden_size'))}")
    return runs


def exit_code(runs: list[Run]) -> int:
    """0 where every run is done, 130 or 143 after a signal, else 1."""
    ended = next((run for run in runs if run.state == "interrupted"), None)
    if ended is not None:
        return EXIT_CODES.get(ended.reason or "", 130)
    return int(any(run.state != "done" for run in runs))


def this_command(hidden_size: Any = None) -> str:
    """The command that goes on where this one ended: with the hidden size that was found, not another measurement."""
    words = [word for word in sys.argv[1:] if word != "--again"]
    for place, word in enumerate(words):
        if word.partition("=")[0] == "--match-step-time":
            words[place : place + (1 if "=" in word else 2)] = ["--set", f"hidden_size={hidden_size}"]
            break
    return shlex.join(["python", "-m", "harness", *map(mask, words)])


def dry_run(wanted: Wanted, on: Machine, *, as_json: bool) -> None:
    """Print the recipe with all its values, the parameters and what the training would cost here.

    The recipe is told first: it can be read where data or packages are missing and nothing can be measured.
    """
    registry, found = wanted.resolve(on)
    if not as_json:
        print(f"# {found.name}, hash {found.recipe.hash}{f': {found.source}' if found.source else ''}")
        for deviation in found.deviations:
            print(f"# deviation: {deviation}")
        print(f"{found.recipe.to_toml(found.sources).rstrip()}\n", flush=True)
    job = Job(registry, found, on)
    what = f"{found.recipe.arch} on {job.label}, first steps"
    with waiting(f"{what}, timed for the estimate"), explained(what):
        estimate = measure(job, wanted.seeds[0])
    if as_json:
        content = {
            "recipe_name": found.name,
            "recipe_hash": found.recipe.hash,
            "recipe": found.recipe.to_dict(),
            "source": found.source,
            "deviations": list(found.deviations),
            "seeds": list(wanted.seeds),
            **estimate.to_dict(),
        }
        print_document(json.dumps(content, indent=2))
    else:
        print(_cost(estimate, len(wanted.seeds)))


def _cost(estimate: Estimate, seeds: int) -> str:
    each = f"{duration(estimate.seconds)} a seed"
    total = f", {duration(estimate.seconds * seeds)} for {seeds} seeds" if seeds > 1 else ""
    return (
        f"parameters: {parameters(estimate.parameters, estimate.parameters_without_embedding)};"
        f" {estimate.epochs} epochs of {estimate.steps_per_epoch} steps over {estimate.samples:,} training samples\n"
        f"estimate: {each}{total}, from {estimate.step_seconds * 1e3:.3g} ms a step (median of {estimate.timed_steps})"
        f" and {estimate.validation_seconds:.3g} s a validation, measured now on {estimate.device}"
        f" with {number(estimate.threads, 'thread')}"
    )
