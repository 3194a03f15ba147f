"""The hidden size that gives a training step a time, found by measuring, here and now."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from harness.errors import UserError, did_you_mean, explained
from harness.execution import Job
from harness.machine import Machine, subnormals_flushed
from harness.matching.counting import LARGEST, Sizes, renamed, resized
from harness.model import build
from harness.recipe import Recipe
from harness.recipes import Named, named
from harness.registry import Registry
from harness.speed.stopwatch import Stopwatch
from harness.training import Trainer

TOLERANCE = 0.1
"""How far off the median of the steps may be, as a fraction of the reference."""
CLOSE = 0.03
"""Closer than this, no other size is tried."""
SIZES = 12
"""So many sizes are tried at most."""
TURNS = 15
LEAST_TURNS = 3
SECONDS = 6.0
"""After so many turns of a size, or so many seconds and the least turns, the next one is tried."""

Measure = Callable[[int], "Lap"]
"""Hidden size -> its time beside the reference."""


@dataclass(frozen=True)
class Lap:
    """Medians of the steps of both, taken in turns."""

    seconds: float
    reference: float
    turns: int

    @property
    def ratio(self) -> float:
        """How much longer ours takes than the reference."""
        return self.seconds / self.reference


def match_step_time(
    registry: Registry,
    wanted: Named,
    machine: Machine,
    target: str,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Named:
    """The recipe with the hidden size whose training step takes as long as the target, within 10 % by medians.

    `target` is a time such as ``5ms``, or an architecture: the step of its standard recipe on the same task is then
    measured in turns with ours, so that whatever else the machine does slows both. A step is a batch of the recipe's
    own size, forward, backward and update. `tell` gets one sentence about what was measured. Where no size comes close
    enough, a :class:`UserError` tells the two nearest.
    """
    recipe, seconds = wanted.recipe, _time(target)
    if "hidden_size" not in recipe.layer:
        raise UserError(f"--match-step-time: {recipe.arch} has no hyper-parameter hidden_size to solve for")
    if seconds is None and target not in registry.architectures:
        raise UserError(
            f"--match-step-time {target}: neither a time such as 5ms or 0.2s nor an architecture"
            f"{did_you_mean(target, registry.architectures)}"
        )
    job = Job(registry, wanted, machine)
    with explained(f"--match-step-time {target}"), subnormals_flushed():
        reference = None if seconds is not None else _Steps(job, _standard(registry, target, recipe))

        def measure(size: int) -> Lap:
            return _lap(_Steps(job, resized(registry, recipe, size)), reference, seconds or 0.0)

        laps = _search(measure, Sizes(registry, recipe).from_on, recipe.layer["hidden_size"])
    best = min(laps, key=lambda size: abs(laps[size].ratio - 1))
    if abs(laps[best].ratio - 1) > TOLERANCE:
        raise UserError(_refusal(recipe, target, laps))
    told = _milliseconds(laps[best].seconds)
    other = f", one of {target} with its standard recipe {_milliseconds(laps[best].reference)}" if reference else ""
    tell(
        f"a step of {recipe.arch} with hidden_size={best} takes {told}{other}: medians of {laps[best].turns} on"
        f" {job.device} with {job.threads} threads; --set hidden_size={best} has the same again without measuring"
    )
    why = f"step time of {target}" if reference else f"{target} a step"
    return renamed(wanted, resized(registry, recipe, best), why)


class _Steps:
    """Training steps of one recipe, on a model that is thrown away."""

    def __init__(self, job: Job, recipe: Recipe) -> None:
        splits = job.splits  # loaded first: an encoder may need them
        architecture = job.registry.architecture(recipe.arch)
        model = build(recipe, architecture, job.task, 0, job.device, job.machine.backend)
        self._trainer = Trainer(recipe, job.task, model, splits, seed=0)
        self._batches = self._trainer.batches(0)
        self._number, self._watch = 0, Stopwatch(job.device)
        model.train()
        self()  # the first one warms up

    def __call__(self) -> float:
        """Seconds of the next step."""
        index = self._batches[self._number % len(self._batches)]
        self._watch.start()
        self._trainer.step(index, self._trainer.generator(0, self._number))
        self._number += 1
        return self._watch.lap()[0]


def _standard(registry: Registry, arch: str, like: Recipe) -> Recipe:
    """The standard recipe of another architecture on the very task of `like`."""
    changes = {f"variant.{key}": value for key, value in like.variant.items()}
    return named(registry, arch, like.task, changes=changes).recipe


def _lap(ours: Callable[[], float], reference: Callable[[], float] | None, seconds: float) -> Lap:
    """Both in turns, ours first and second by turns."""
    own: list[float] = []
    other: list[float] = []
    while len(own) < TURNS and (len(own) < LEAST_TURNS or sum(own) + sum(other) < SECONDS):
        steps = [(ours, own)] if reference is None else [(ours, own), (reference, other)]
        for step, times in steps if len(own) % 2 else reversed(steps):
            times.append(step())
    return Lap(median(own), median(other) if other else seconds, len(own))


def _search(measure: Measure, allowed: Callable[[int], int | None], start: int) -> dict[int, Lap]:
    """Size -> time of all sizes that were tried until one came close, beginning with `start`."""
    laps: dict[int, Lap] = {}
    size: int | None = start
    while size is not None and size not in laps and len(laps) < SIZES:
        laps[size] = measure(size)
        if abs(laps[size].ratio - 1) <= CLOSE:
            break
        size = allowed(_guess(laps, size))
    return laps


def _guess(laps: dict[int, Lap], last: int) -> int:
    """The next size to try: between the nearest that is too fast and the nearest that is too slow, or further out."""
    fast = [size for size, lap in laps.items() if lap.ratio < 1]
    slow = [size for size, lap in laps.items() if lap.ratio >= 1]
    if not fast or not slow:
        further = round(last * min(4.0, max(0.25, 1 / laps[last].ratio)))
        return max(1, min(last - 1, further)) if slow else min(LARGEST, max(last + 1, further))
    low, high = max(fast), min(slow)
    if high - low <= 1:
        return last  # measured already: the search ends
    share = (1 - laps[low].ratio) / (laps[high].ratio - laps[low].ratio)
    return min(high - 1, max(low + 1, round(low + share * (high - low))))


def _refusal(recipe: Recipe, target: str, laps: dict[int, Lap]) -> str:
    nearest = sorted(laps, key=lambda size: abs(laps[size].ratio - 1))[:2]
    times = " and ".join(f"{_milliseconds(laps[size].seconds)} at hidden_size={size}" for size in sorted(nearest))
    wanted = _milliseconds(laps[nearest[0]].reference)
    return (
        f"--match-step-time {target}: no hidden size of {recipe.arch} on {recipe.task} takes within {TOLERANCE:.0%} of"
        f" {wanted} a step here (nearest: {times}); change another hyper-parameter with it, such as num_layers, or ask"
        " for another time"
    )


def _time(text: str) -> float | None:
    """``"5ms"`` or ``"0.2s"`` in seconds; None where the text is no time."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(us|ms|s)", text.strip())
    seconds = float(match[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[match[2]] if match else None
    if seconds == 0:
        raise UserError(f"--match-step-time {text}: write a time above zero, such as 5ms")
    return seconds


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"
