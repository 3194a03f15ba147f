"""A training step takes about as long as its parts, for every architecture, also where the gradient vanishes.

With a loss at the last step the gradient gets smaller from step to step until it is subnormal, and then zero. Many
processors compute with subnormal numbers ten to a hundred times slower than with others; a random gradient of the whole
output, as timings of a backward pass usually have, never shows it. Forward, backward from both gradients and the
training step take turns within one run. Of each the shortest wall time is printed; the least CPU time of all threads
decides, as other work on the machine hardly adds to it. The limit is that of the warning of ``speed`` (docs/speed.md).
Beside them stands the step with subnormal numbers kept, measured in turns.

    pytest benchmarks/test_subnormals.py --benchmark-enable -s | python benchmarks/pages.py subnormals
"""

from __future__ import annotations

import time

import pytest
import torch

from architectures.kernels.subnormals import flushed
from harness.environment import collect
from harness.registry import BUILT_IN, Registry
from harness.speed.cases import Case
from harness.speed.subject import Subject, backends_that_ran, turn
from harness.store.timing import FACTOR, SLACK

LEAST_ROUNDS, SECONDS = 3, 1.5
"""Turns of a case: so many, and more until so many seconds are over."""
BATCH, HIDDEN = 32, 128
SIZES = {"psmnist": (784, 1), "adding[length=500]": (500, 2), "ncifar": (1000, 96), "2,000 steps": (2000, 1)}
"""Length and features of the sequences."""
THREADS = (1, 2)
PHASES = {
    "forward": "forward",
    "backward": "dense backward",
    "backward_last_step": "last-step backward",
    "step": "step",
}
ARCHITECTURES = sorted(name for name, entry in Registry().architectures.items() if entry.origin == BUILT_IN)


def shortest(subject: Subject) -> dict[str, dict[str, tuple[float, float]]]:
    """``flushed`` and ``kept`` -> phase -> the least wall and CPU seconds of some turns, both ways in turns."""
    laps: dict[str, list[dict[str, list[tuple[float, float]]]]] = {"flushed": [], "kept": []}
    since = time.perf_counter()
    while len(laps["kept"]) < LEAST_ROUNDS or time.perf_counter() - since < SECONDS:
        for name in laps:
            with flushed(name == "flushed"):
                laps[name].append(turn(subject))
    return {
        name: {phase: tuple(min(one[phase][0][clock] for one in taken) for clock in (0, 1)) for phase in taken[0]}
        for name, taken in laps.items()
    }


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_step_takes_as_long_as_its_parts(arch, size, benchmark, threads):
    length, features = SIZES[size]
    subject = Subject(Case(arch, length, BATCH, HIDDEN, input_size=features), Registry())
    found: dict[int, dict[str, dict[str, tuple[float, float]]]] = {}

    def measure() -> None:
        for count in THREADS:
            threads(count)
            turn(subject)  # warms up
            found[count] = shortest(subject)

    backends_that_ran()
    benchmark.pedantic(measure, rounds=1)
    ran = ", ".join(sorted({name for counts in backends_that_ran().values() for name in counts}))
    print(f"\n{arch} ({ran}), {size}: {length} x {BATCH} x {features}, H = {HIDDEN}, {collect(1)['hardware']['cpu']}")
    ratios, slow = {}, []
    for count, ways in found.items():
        step, parts, optimizer = (ways["flushed"][name][1] for name in ("step", "forward_backward", "optimizer"))
        ratios[count] = (step - optimizer) / parts
        if step > FACTOR * (parts + optimizer) + SLACK:
            slow.append(count)
        shown = ", ".join(f"{title} {1e3 * ways['flushed'][name][0]:.1f}" for name, title in PHASES.items())
        before = 1e3 * ways["kept"]["step"][0]
        print(
            f"  {count} thread{'s' if count > 1 else ''}: {shown} ms; step {ratios[count]:.2f} of its parts (CPU time);"
            f" step with subnormals kept {before:.1f} ms"
        )
    benchmark.extra_info.update(ratios=ratios, seconds=found, backends=ran)
    assert not slow, f"a step takes {ratios} of its parts: are subnormal numbers flushed to zero?"
