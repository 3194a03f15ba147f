"""Measure what a run of every built-in architecture on every task costs on this machine, and save it.

    HARNESS_DATA=/data python benchmarks/step_times.py --out benchmarks/measured/step_times.json

A pair takes seconds: real steps of its ``standard`` recipe are timed and multiplied out, as by ``run --dry-run``. A
task whose data are not at hand is measured on another variant with as many steps and channels, or on random numbers
in the published shape; which it was is saved with every pair. ``benchmarks/campaign_cost.py`` turns the file into the
cost of a campaign.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from harness.allocation import use_large_pages

use_large_pages()  # before torch makes its first tensor

import torch  # noqa: E402

from harness.environment import collect, lasting  # noqa: E402
from harness.errors import UserError  # noqa: E402
from harness.estimate import measure  # noqa: E402
from harness.execution import Job  # noqa: E402
from harness.home import Home, data_root, offline  # noqa: E402
from harness.machine import Machine  # noqa: E402
from harness.recipes import named  # noqa: E402
from harness.registry import BUILT_IN, Registry, resolve  # noqa: E402

FILE = Path(__file__).parent / "measured" / "step_times.json"
OTHER_VARIANTS = {
    "imdb": "imdb[embedding=random]",
    "bidmc-rr": "bidmc-rr[source=recordings]",
    "bidmc-hr": "bidmc-hr[source=recordings]",
    "bidmc-spo2": "bidmc-spo2[source=recordings]",
}
"""Task -> a variant of it whose sequences have the same shape, for machines that have the data of that one only."""
PUBLISHED_SIZES = {"eigenworms": (181, 39, 39)}
"""Task -> sizes of its splits, for random numbers in the shape that the task's class tells."""


@dataclass(frozen=True)
class Subject:
    """A task as it is measured here."""

    task: str
    label: str
    data: str
    """``own``, ``another variant`` or ``random numbers``."""


def subject(registry: Registry, machine: Machine, task: str) -> Subject | None:
    """How `task` can be measured with the data at hand; None where it cannot."""
    choices = [(task, "own")]
    if task in OTHER_VARIANTS:
        choices.append((OTHER_VARIANTS[task], "another variant"))
    for label, data in choices:
        recipe = named(registry, "lstm", label).recipe
        if registry.task(task)(**recipe.variant).missing(machine.sources()) is None:
            return Subject(task, label, data)
    return Subject(task, task, "random numbers") if task in PUBLISHED_SIZES else None


def random_splits(task: Any) -> Any:
    """Splits of random numbers in the published shape of a classification task."""
    generator = torch.Generator().manual_seed(0)
    parts = []
    for size in PUBLISHED_SIZES[task.name]:
        inputs = torch.randn(size, task.length, task.input_size, generator=generator)
        parts.append(resolve("tasks:Data")(inputs, torch.arange(size) % task.output_size))
    return resolve("tasks:Splits").of(*parts)


def measured(job: Job, what: Subject) -> dict[str, Any]:
    """One pair as a row of the file; times in seconds."""
    estimate = measure(job, seed=0)
    splits = job.splits
    test = estimate.validation_seconds / len(splits.valid) * len(splits.test)
    return {
        "arch": job.named.recipe.arch,
        "task": what.task,
        "measured_on": what.label,
        "data": what.data,
        "hidden_size": job.named.recipe.layer.get("hidden_size"),
        "parameters": estimate.parameters,
        "epochs": estimate.epochs,
        "steps_per_epoch": estimate.steps_per_epoch,
        "timed_steps": estimate.timed_steps,
        "step_seconds": estimate.step_seconds,
        "validation_seconds": estimate.validation_seconds,
        "test_seconds": test,
        "run_seconds": estimate.seconds,
    }


def measure_task(registry: Registry, machine: Machine, what: Subject, archs: list[str]) -> list[dict[str, Any]]:
    """The rows of all `archs` on one task, whose data are loaded once."""
    rows: list[dict[str, Any]] = []
    first: Job | None = None
    for arch in archs:
        recipe = named(registry, arch, what.label)
        job = Job(registry, recipe, machine) if first is None else first.other(recipe)
        if first is None and what.data == "random numbers":
            job._splits = random_splits(job.task)
        first = first or job
        since = time.perf_counter()
        rows.append(measured(job, what))
        print(
            f"{arch} on {what.label} ({what.data}): {rows[-1]['step_seconds'] * 1e3:.3g} ms a step,"
            f" {rows[-1]['run_seconds']:.0f} s a run, measured in {time.perf_counter() - since:.0f} s",
            file=sys.stderr,
        )
    return rows


def built_in(entries: Any, wanted: list[str] | None) -> list[str]:
    """The names of what comes with the project, or those of them that are wanted."""
    names = sorted(name for name, entry in entries.items() if entry.origin == BUILT_IN)
    if unknown := set(wanted or ()) - set(names):
        raise UserError(f"{min(unknown)} is none of {', '.join(names)}")
    return [name for name in names if wanted is None or name in wanted]


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, and return the document; it is written after every task, so that what was measured is kept."""
    registry, home = Registry(), Home.find(options.home)
    machine = Machine(home, data_root(None, home), offline(True), options.device, options.threads)
    document: dict[str, Any] = {
        "command": "python benchmarks/step_times.py",
        "date": date.today().isoformat(),
        "threads": machine.use_threads(),
        "recipe": "standard",
    }
    pairs: list[dict[str, Any]] = []
    missing: list[str] = []
    for task in built_in(registry.tasks, options.task):
        what = subject(registry, machine, task)
        if what is None:
            missing.append(task)
            print(f"{task}: not measured, its data are not at hand", file=sys.stderr)
            continue
        pairs += measure_task(registry, machine, what, built_in(registry.architectures, options.arch))
        environment = {k: v for k, v in lasting(collect(document["threads"])).items() if k in ("hardware", "software")}
        document |= {"environment": environment, "device": str(machine.torch_device())}
        document |= {"pairs": pairs, "not_measured": missing}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return document


def main() -> int:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FILE)
    parser.add_argument("--arch", action="append", help="only this one; may be repeated")
    parser.add_argument("--task", action="append", help="only this one; may be repeated")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--home", default=None)
    try:
        document = run(parser.parse_args())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(document.get('pairs', ()))} pairs measured")
    return 0


if __name__ == "__main__":
    sys.exit(main())
