"""The row of a ranking: one architecture with one recipe, and what its seeds say together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

from reports.ranking.chance import UNKNOWN, Chance
from reports.records import Run
from reports.statistics import Summary, summarise

STATES = ("done", "running", "interrupted", "pruned", "failed")
SEVERAL_MACHINES = (
    "The runs were not all on the same machine with the same number of threads: their times differ by it."
)


@dataclass(frozen=True)
class Note:
    """A warning below a ranking: our sentence, and the detail that somebody else wrote (a reason, a device)."""

    text: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.text}: {self.detail}" if self.detail else f"{self.text}."


@dataclass(frozen=True)
class Row:
    """One architecture with one recipe.

    `runs` holds one run a seed, in the order of the seeds. `test` and `valid` summarise those of them that are
    done; `test` and `rank` are None where no done run has a result. `repeated` are the seeds that were run more than
    once to the end, of which only the newest run counts.
    """

    arch: str
    title: str
    recipe: str
    recipe_hash: str
    runs: tuple[Run, ...]
    repeated: tuple[int, ...]
    test: Summary | None
    valid: Summary | None
    rank: int | None = None
    notes: tuple[Note, ...] = ()
    chance: Chance = UNKNOWN
    tag: str = ""
    """What tells it in a few signs from the rows of the same architecture and name, and from those of other code: "" in
    most rankings, where the names do."""
    code: str = ""
    """The code of the architecture, its version and when it was first run, where rows of it differ in their code."""

    @property
    def label(self) -> str:
        """The name of its recipe, with what tells it from rows of the same name: ``standard (5f3a9c0b)``."""
        return f"{self.recipe} ({self.tag})" if self.tag else self.recipe

    @property
    def named(self) -> str:
        """The same for a legend, where what tells it apart must not be cut off: ``5f3a9c0b, standard``."""
        return f"{self.tag}, {self.recipe}" if self.tag else self.recipe

    @property
    def since(self) -> str:
        """The day on which the first of its runs was begun, as ``2026-03-04``; "" where none is known."""
        return min((run.created[:10] for run in self.runs if run.created), default="")

    @cached_property
    def state(self) -> str:
        """The most advanced state of its runs: done, running, interrupted, pruned or failed."""
        return min(dict.fromkeys(run.state for run in self.runs), key=lambda state: (*STATES, state).index(state))

    @property
    def reason(self) -> str:
        """Why the row is in its state, of the first seed that says so; "" where none does."""
        return next((run.reason for run in self.runs if run.state == self.state and run.reason), "")

    @cached_property
    def counted(self) -> tuple[Run, ...]:
        """The runs whose size, time and device the row tells: those that are done, or all where none is."""
        return tuple(run for run in self.runs if run.state == "done") or self.runs

    @cached_property
    def seconds(self) -> float | None:
        """Mean training time of a run, in seconds."""
        known = [run.seconds for run in self.counted if run.seconds is not None]
        return math.fsum(known) / len(known) if known else None

    @cached_property
    def step_seconds(self) -> float | None:
        """Training time of a step, in seconds, validation included: the median over the runs that tell it."""
        told = ((run.seconds, run.steps) for run in self.counted)
        known = [seconds / steps for seconds, steps in told if seconds is not None and steps and steps > 0]
        return median(known) if known else None

    def whole(self, name: str) -> list[int]:
        """The different values of a field that counts something (parameters, epochs), ascending."""
        return sorted(self._different(name) - {None})

    def texts(self, name: str) -> list[str]:
        """The different values of any field, as texts, in alphabetical order; unknown ones are left out."""
        return sorted({str(value) for value in self._different(name)} - {"", "None"})

    def _different(self, name: str) -> set[Any]:
        if name not in self._known:
            self._known[name] = {getattr(run, name) for run in self.counted}
        return self._known[name]

    @cached_property
    def _known(self) -> dict[str, set[Any]]:
        # Pages ask a row for the same fields again and again, and it may have hundreds of runs.
        return {}


def machines(rows: Iterable[Row]) -> set[tuple[str, int | None]]:
    """The machines that times of `rows` were taken on: device and number of threads of the runs that count."""
    return {(run.device, run.threads) for row in rows for run in row.counted}


def make_row(runs: Sequence[Run], higher_is_better: bool) -> Row:
    """The row of all runs of one architecture with one recipe; it has no rank and no notes yet."""
    chosen = _one_per_seed(runs)
    done = [run for run in chosen if run.state == "done"]
    times = Counter(run.seed for run in runs if run.state == "done")
    return Row(
        arch=chosen[0].arch,
        title=chosen[0].arch_title or chosen[0].arch,
        recipe=min((run.recipe for run in chosen), key=lambda name: (len(name), name)),
        recipe_hash=chosen[0].recipe_hash,
        runs=chosen,
        repeated=tuple(sorted(seed for seed, number in times.items() if number > 1)),
        test=summarise([run.test for run in done if run.test is not None], higher_is_better),
        valid=summarise([run.valid for run in done if run.valid is not None], higher_is_better),
    )


def _one_per_seed(runs: Sequence[Run]) -> tuple[Run, ...]:
    # Two runs of one seed are no two draws: counting both would narrow the interval. A run that is done replaces
    # failed attempts at the same seed; among equals the newest counts, and the id settles what is left.
    latest = {run.seed: run for run in sorted(runs, key=lambda run: (run.state == "done", run.created, run.run))}
    return tuple(latest[seed] for seed in sorted(latest))
