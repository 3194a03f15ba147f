"""One run as the store keeps it: what was trained, how far it came, what it scored, where, and with what."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args
from uuid import uuid4

State = Literal["running", "done", "failed", "interrupted", "pruned"]
"""A run is under way; ended well; ended badly, with a reason; was stopped and can go on; or was ended early by the
tuner, with a reason, and will not go on."""
Metric = Literal["accuracy", "mse", "rmse"]
"""Accuracy is a fraction in [0, 1]; the errors are in the units of the task."""

STATES: tuple[State, ...] = get_args(State)


@dataclass(slots=True)
class CurvePoint:
    """The end of one epoch. Any of the floats may be NaN or infinite."""

    epoch: int
    step: int
    seconds: float
    """Of training, from the start of the run."""
    train_loss: float
    valid_loss: float
    valid: float
    """The run's metric on the validation split."""
    lr: float


@dataclass
class Run:
    """A run with all that is needed to read it, rank it and repeat it."""

    arch: str
    task: str
    """Label with the variant where it isn't the default one: ``psmnist[permutation=cornn]``."""
    seed: int
    metric: Metric
    recipe: dict[str, Any]
    """Plain JSON values; the seed is no part of it."""
    recipe_name: str
    recipe_hash: str
    device: str = "cpu"
    """``cpu`` or ``cuda``."""
    id: str = field(default_factory=lambda: uuid4().hex[:12])
    """12 lower-case hexadecimal digits, drawn at random."""
    state: State = "running"
    reason: str | None = None
    """Why the run failed, or was interrupted or pruned."""
    study: str | None = None
    """Name of the study that this run is a trial of; None where it is none."""
    trial: int | None = None
    """Number of the trial in its study, where there is one."""
    metrics: dict[str, float | None] = field(default_factory=lambda: {"valid": None, "test": None})
    """Metric of the selected weights on each split; None until it is known."""
    curve: list[CurvePoint] = field(default_factory=list)
    parameters: int = 0
    parameters_without_embedding: int = 0
    epochs_done: int = 0
    steps_done: int = 0
    seconds: float = 0.0
    """Of training, over all sittings."""
    environment: dict[str, Any] = field(default_factory=dict)
    """As :func:`harness.environment.collect` gives it."""
    backends: dict[str, dict[str, int]] = field(default_factory=dict)
    """Operation -> backend -> how often it ran."""
    data_checksum: str = ""
    warnings: list[str] = field(default_factory=list)
    created: str = field(default_factory=lambda: utc_now())
    updated: str = field(default_factory=lambda: utc_now())

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger metric is a better one."""
        return self.metric == "accuracy"

    @property
    def version(self) -> str | None:
        """Version of the architecture, where its descriptor gives one."""
        return version_of(self.environment)

    @property
    def operations(self) -> str:
        """What computed each operation, and how often: ``unicornn: cpu 1,200 times; ...``."""
        return told_operations(self.backends)


def version_of(environment: Any) -> str | None:
    """Version of the architecture in the environment of a run, which may be anything where the run was imported."""
    found = environment
    for key in ("plugins", "architecture", "version"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


def told_operations(backends: dict[str, dict[str, int]]) -> str:
    """:attr:`Run.operations` of these `backends`."""
    return "; ".join(
        f"{operation}: {', '.join(f'{backend} {count:,} times' for backend, count in counts.items())}"
        for operation, counts in backends.items()
    )


def utc_now() -> str:
    """The time in UTC, ISO 8601 with microseconds: ``2025-01-31T12:00:00.000000Z``. As text it sorts as in time."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
