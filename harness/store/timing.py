"""What was measured of one case: times of its phases, memory, work, and the floors measured beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, inf
from statistics import median, quantiles
from typing import Any, Literal, get_args
from uuid import uuid4

from harness.store.run import utc_now

Verdict = Literal["done", "skipped"]
"""A case was timed, or was not, for a reason."""
PhaseName = Literal[
    "forward",
    "backward",
    "forward_backward",
    "backward_last_step",
    "forward_backward_last_step",
    "step",
    "optimizer",
    "streaming",
]
"""In the order in which they are shown:

- ``forward``: without gradients, in evaluation mode;
- ``backward``: from a dense random gradient of the whole output;
- ``forward_backward``: a forward pass that keeps what gradients need, and ``backward``;
- ``backward_last_step``, ``forward_backward_last_step``: the same from a loss at the last step only;
- ``step``: a whole training step;
- ``optimizer``: clipping and update alone;
- ``streaming``: one time step in evaluation mode, the state carried from call to call.
"""

PHASES: tuple[PhaseName, ...] = get_args(PhaseName)
_UNITS = {"copy": "bytes", "product": "operations"}
_WORK = {
    "forward": ("forward",),
    "streaming": ("forward",),
    "backward": ("backward",),
    "backward_last_step": ("backward",),
    "forward_backward": ("forward", "backward"),
    "forward_backward_last_step": ("forward", "backward"),
    "step": ("forward", "backward"),
}
"""Phase -> the declared passes that it consists of. Loss and optimiser count nothing."""
FACTOR = 1.3
"""How many times longer than its parts a training step may take without a warning."""
SLACK = 1e-3
"""Seconds on top, for the read-out and the loss, which no other phase contains."""
BUSY = 0.8
"""CPU time per wall time below which other work had the processor."""
LEAST_FOR_P99 = 100
"""Times that a 99th percentile needs at least."""


@dataclass(slots=True)
class Phase:
    """Times of one phase in seconds, in the order in which they were measured; the first call is apart."""

    first: float
    """Wall time of the first call, with all that is compiled, built or looked up only once."""
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Of all threads of the process."""

    @property
    def median(self) -> float:
        """Of the wall times."""
        return median(self.wall)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Lower and upper quartile of the wall times."""
        if len(self.wall) == 1:
            return self.wall[0], self.wall[0]
        low, _, high = quantiles(self.wall, n=4, method="inclusive")
        return low, high

    @property
    def p99(self) -> float | None:
        """The 99th percentile of the wall times (nearest rank); None of fewer than 100."""
        if len(self.wall) < LEAST_FOR_P99:
            return None
        return sorted(self.wall)[ceil(0.99 * len(self.wall)) - 1]

    @property
    def compiling(self) -> float:
        """What the first call took longer than the others, which is what compiling and looking up cost."""
        return max(0.0, self.first - self.median)


@dataclass(frozen=True, slots=True)
class Floor:
    """The least time that a phase can take on the machine as it was measured beside it."""

    copying: float
    """Seconds to copy as many bytes as the phase has to move."""
    calculating: float
    """Seconds of as many operations at the rate of a large matrix product."""

    @property
    def seconds(self) -> float:
        """The higher of the two, as a machine may do both at once."""
        return max(self.copying, self.calculating)


@dataclass
class Timing:
    """One case as it was measured, with all that is needed to read it and to measure it again."""

    sitting: str
    """Id shared by the cases that took turns; ratios between them are the least disturbed."""
    arch: str
    layer: dict[str, Any]
    """All keywords of the layer."""
    length: int
    batch: int
    input_size: int
    hidden_size: int
    num_layers: int
    dtype: str
    device: str
    """``cpu`` or ``cuda:0``."""
    threads: int
    backend: str = "best"
    """The backend that was asked for."""
    preset: str | None = None
    id: str = field(default_factory=lambda: uuid4().hex[:12])
    created: str = field(default_factory=utc_now)
    state: Verdict = "done"
    reason: str | None = None
    """Why a case was skipped, or measured less often than asked for."""
    backends: dict[str, dict[str, int]] = field(default_factory=dict)
    """Operation -> backend -> how often it ran in the calls that were timed."""
    phases: dict[str, Phase] = field(default_factory=dict)
    memory: dict[str, int | None] = field(default_factory=dict)
    """``forward`` and ``step``: the most bytes that the model, its input and this phase held at once."""
    work: dict[str, dict[str, int]] = field(default_factory=dict)
    """``forward`` and ``backward``: ``bytes`` to be moved and ``operations``, where the architecture tells."""
    references: dict[str, dict[str, Any]] = field(default_factory=dict)
    """``copy`` (``bytes`` moved) and ``product`` (``operations``), each with the ``seconds`` of its turns."""
    environment: dict[str, Any] = field(default_factory=dict)
    """As :func:`harness.environment.collect` gives it, with load and clock at the end too."""

    def work_of(self, phase: str) -> dict[str, int] | None:
        """``bytes`` and ``operations`` of a phase; None where they aren't known."""
        parts = _WORK.get(phase, ())
        if not parts or not all(part in self.work for part in parts):
            return None
        return {kind: sum(self.work[part][kind] for part in parts) for kind in ("bytes", "operations")}

    def floor(self, phase: str) -> Floor | None:
        """The floor of a phase; None where the work or the machine isn't known."""
        work = self.work_of(phase)
        if work is None or not {"copy", "product"} <= set(self.references):
            return None
        return Floor(
            copying=work["bytes"] * _seconds_each(self.references["copy"], "bytes"),
            calculating=work["operations"] * _seconds_each(self.references["product"], "operations"),
        )

    def rates(self) -> tuple[float, float]:
        """Bytes moved by copies and operations of products, each in a second; only where there are references."""
        copy, product = (_seconds_each(self.references[name], unit) for name, unit in _UNITS.items())
        return 1 / copy if copy else inf, 1 / product if product else inf

    def reached(self, phase: str) -> float | None:
        """The fraction of the floor: 1 is as fast as the machine can be. None where the clock saw no time go by."""
        floor, seconds = self.floor(phase), self.phases[phase].median if phase in self.phases else 0.0
        return floor.seconds / seconds if floor and seconds else None

    @property
    def training_passes(self) -> str:
        """The phase of forward and backward with the gradient that training has, or a dense one in older timings."""
        last = "forward_backward_last_step"
        return last if last in self.phases else "forward_backward"

    @property
    def warning(self) -> str | None:
        """Why a training step may take longer than its parts; None where it does not, or a part was not measured.

        The limit is ``FACTOR`` x (forward and backward from a dense gradient + optimizer) + ``SLACK``, by medians.
        """
        if not {"forward_backward", "optimizer", "step"} <= set(self.phases):
            return None
        step = self.phases["step"].median
        parts = self.phases["forward_backward"].median + self.phases["optimizer"].median
        if step <= FACTOR * parts + SLACK:
            return None
        found = f"a step takes {1e3 * step:.3g} ms, forward, dense backward and optimizer {1e3 * parts:.3g} ms"
        return f"{found}: {self._likely_cause()}"

    def _likely_cause(self) -> str:
        dense, last, step = (self.phases.get(name) for name in ("backward", "backward_last_step", "step"))
        if dense and last and last.median > FACTOR * dense.median + SLACK:
            return (
                f"backward from a loss at the last step takes {1e3 * last.median:.3g} ms, from a dense gradient"
                f" {1e3 * dense.median:.3g} ms. Likely the gradient vanishes into subnormal numbers, which this"
                " processor computes slowly; flush them to zero"
            )
        if step and self.device == "cpu" and median(step.cpu) < BUSY * step.median:
            return "likely other work had the processor, as the CPU time is below the wall time; measure again"
        return "no cause was found; measure again with more repetitions"

    @property
    def ran(self) -> str:
        """The names of the backends that ran."""
        return ", ".join(sorted({name for counts in self.backends.values() for name in counts}))


def _seconds_each(reference: Mapping[str, Any], unit: str) -> float:
    return median(reference["seconds"]) / reference[unit]
