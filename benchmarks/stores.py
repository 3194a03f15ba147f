"""Make a large store to measure with: runs as trainings leave them, with recipes, environments and curves.

    python benchmarks/stores.py HOME --runs 100000             # 40 architectures on 20 tasks, as many seeds as it takes
    python benchmarks/stores.py HOME --runs 100000 --campaign  # 12 x 12 pairs, 5 seeds each, the rest trials of studies
    time python -m harness list runs --home HOME
    time python -m harness report --home HOME --out site

Everything is written through the store's own code; what is drawn at random is the same every time but for the ids. The
address in ``HARNESS_STORE`` takes the place of the store in HOME. Studies themselves (of Optuna) are not made.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice, product
from typing import Any

from harness.environment import collect
from harness.recipe import content_hash
from harness.store import CurvePoint, Run, Store, open_store, rows

EPOCHS = 20
PAGE = 5_000
"""Runs of a transaction."""
BEGUN = datetime(2025, 1, 1, tzinfo=UTC)
"""When the first run was begun; the others follow every ten seconds."""
STATES = ("done", "done", "done", "done", "done", "done", "done", "done", "failed", "interrupted")
TRIALS = ("done", "done", "pruned")


class Maker:
    """Makes runs; names of architectures and tasks are invented, and the environment is that of this machine."""

    def __init__(self) -> None:
        self.random = random.Random(0)
        self.made = 0
        self.environment = collect(1) | {"device": "cpu", "backend": "best"}

    def __call__(self, arch: int, task: int, seed: int, trial: int | None = None) -> Run:
        """The next run, of a pair by its numbers; `trial` is its number in the study of the pair."""
        draw, recipe = self.random, _recipe(arch, task)
        if trial is not None:
            recipe["training"]["lr"] = 10 ** draw.uniform(-4, -1)
            recipe["layer"]["hidden_size"] = draw.randint(32, 512)
        state = draw.choice(STATES if trial is None else TRIALS)
        epochs = EPOCHS if state == "done" else draw.randint(1, EPOCHS)
        accurate = task % 4 < 3
        best = 0.5 + 0.4 * draw.random() if accurate else 0.01 + 0.1 * draw.random()
        created = BEGUN + timedelta(seconds=10 * self.made)
        self.made += 1
        return Run(
            arch=recipe["arch"],
            task=recipe["task"],
            seed=seed,
            metric="accuracy" if accurate else "mse",
            recipe=recipe,
            recipe_name="standard" if trial is None else "trial",
            recipe_hash=content_hash(recipe),
            id=f"{draw.getrandbits(48):012x}",
            state=state,
            reason=None if state == "done" else f"{state} in epoch {epochs}",
            study=None if trial is None else f"{recipe['arch']}-{recipe['task']}",
            trial=trial,
            metrics={"valid": best, "test": best if state == "done" and trial is None else None},
            curve=[self._point(epoch, best, accurate) for epoch in range(1, epochs + 1)],
            parameters=20_000 + arch,
            parameters_without_embedding=20_000 + arch,
            epochs_done=epochs,
            steps_done=100 * epochs,
            seconds=2.5 * epochs,
            environment=self.environment
            | {"pid": draw.randint(2, 2**22), "load_average": [round(draw.uniform(0, 4), 2) for _ in range(3)]},
            backends={recipe["arch"]: {"cpu": 100 * epochs}},
            data_checksum=f"{task:064x}",
            created=_moment(created),
            updated=_moment(created + timedelta(seconds=2.5 * epochs)),
        )

    def _point(self, epoch: int, best: float, accurate: bool) -> CurvePoint:
        left = 0.8**epoch * (0.9 + 0.2 * self.random.random())
        valid = best * (1 - left) if accurate else best * (1 + left)
        return CurvePoint(epoch, 100 * epoch, 2.5 * epoch, 0.1 + left, 0.2 + left, valid, 0.01 * (1 - epoch / EPOCHS))


def grid(architectures: int = 40, tasks: int = 20) -> Iterator[Run]:
    """Runs without end: every pair with seed 0, then with seed 1 and so on."""
    make = Maker()
    for seed in count():
        for task, arch in product(range(tasks), range(architectures)):
            yield make(arch, task, seed)


def campaign(pairs: int = 12, seeds: int = 5) -> Iterator[Run]:
    """Runs without end: those of `pairs` squared pairs from each seed, then trials of a study of each pair in turn."""
    make = Maker()
    for seed, task, arch in product(range(seeds), range(pairs), range(pairs)):
        yield make(arch, task, seed)
    for trial in count():
        for task, arch in product(range(pairs), range(pairs)):
            yield make(arch, task, 0, trial)


def fill(store: Store, runs: Iterable[Run], page: int = PAGE) -> None:
    """Store new runs, `page` of them in a transaction."""
    left = iter(runs)
    while found := list(islice(left, page)):
        with store.database.writing() as connection:
            rows.write(connection, found)


def _recipe(arch: int, task: int) -> dict[str, Any]:
    training = {"epochs": EPOCHS, "batch_size": 32, "eval_batch_size": 500, "optimizer": "adam", "lr": 0.01}
    training |= {"weight_decay": 0.0, "schedule": "cosine", "clip_norm": 1.0, "selection": "best"}
    layer = {"hidden_size": 64 + arch, "num_layers": 2, "dt": 0.9530, "alpha": 7.45, "dropout": 0.2, "bias": True}
    return {"arch": f"arch-{arch:02}", "task": f"task-{task:02}", "layer": layer, "training": training}


def _moment(when: datetime) -> str:
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


def main() -> None:
    """Make a store, and say how long that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", help="folder of the store, created where needed")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--campaign", action="store_true", help="12 x 12 pairs, 5 seeds each, and trials of studies")
    asked = parser.parse_args()
    store, since = open_store(asked.home), time.perf_counter()
    gc.disable()  # what is made here refers to nothing that refers back
    fill(store, islice((campaign if asked.campaign else grid)(), asked.runs))
    print(f"{store.name}: {asked.runs:,} runs in {time.perf_counter() - since:.1f} s")


if __name__ == "__main__":
    main()
