"""The typed records that the rows of a report's frames become."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Run:
    """One run: a row of the frame `runs`.

    A number that is not known or not finite is None, never NaN; a text is "" then, and has no control characters.
    """

    run: str
    arch: str
    arch_title: str
    task: str
    task_title: str
    metric: str
    higher_is_better: bool
    recipe: str
    recipe_hash: str
    seed: int
    state: str
    reason: str
    valid: float | None
    test: float | None
    parameters: int | None
    parameters_without_embedding: int | None
    epochs: int | None
    epochs_done: int | None
    train_limit: int | None
    seconds: float | None
    device: str
    threads: int | None
    backends: str
    created: str
    version: str
    task_protocol: str = ""
    """How the task is split and measured, told with its ranking."""
    trial: int | None = None
    """Number of the trial of a study that the run is; a report leaves such runs out."""
    selection: str = ""
    """Whose weights were tested: ``"best"``, of the best epoch on the validation set, or ``"final"``, of the last."""
    command: str = ""
    """What repeats the run, a line a command."""
    environment: str = ""
    """Id of the environment that it ran in."""
    warnings: str = ""
    """What the run itself warned of, a line each."""
    steps: int | None = None
    data_checksum: str = ""
    operations: str = ""
    """Which backend computed which operation, and how often."""
    default: bool = False
    """Nobody chose its learning rate: it is the one that any architecture has on a task without a recipe."""
    chance_valid: float | None = None
    chance_test: float | None = None
    """The metric of a constant prediction on each split, computed from its data."""
    code: str = ""
    """Hash of the source of the architecture, where it is a plugin's."""
    architecture_version: str = ""
    """What the architecture says of its version, where it does."""


@dataclass(frozen=True, eq=False)
class Trace:
    """The evaluations of one run while it was trained, in the order of their steps, those not finite left out."""

    step: np.ndarray
    seconds: np.ndarray
    valid: np.ndarray
    epoch: np.ndarray
    train_loss: np.ndarray
    valid_loss: np.ndarray
    """Epochs and losses are NaN where they are not known or not finite."""


@dataclass(frozen=True)
class Entry:
    """An architecture or a task that exists, whether it has runs or not. `metric` is "" for an architecture."""

    name: str
    title: str
    summary: str
    metric: str = ""
    equations: str = ""
    """Of an architecture: LaTeX, a formula a line."""
    paper: str = ""
    paper_url: str = ""
    code_url: str = ""
    origin: str = ""
    """Where the name comes from: built-in, a package, a file."""
    protocol: str = ""
    citation: str = ""
    licence: str = ""
    url: str = ""
    length: str = ""
    chance: float | None = None
    """Of a task: the test metric of a constant prediction, as far as it is known without the data."""


@dataclass(frozen=True)
class Setting:
    """One line of an environment: ``hardware.cpu`` and what it was."""

    environment: str
    name: str
    value: str


@dataclass(frozen=True)
class Recipe:
    """All settings of a run but its seed, as TOML."""

    recipe_hash: str
    toml: str


@dataclass(frozen=True)
class PublishedRecipe:
    """A recipe of a paper that the harness ships, whether it was run or not."""

    arch: str
    task: str
    recipe_hash: str
    toml: str
    source: str
    deviations: str
    """What could not be done as the authors did it, a line each."""


@dataclass(frozen=True)
class Trial:
    """One trial of a study; `values` is a JSON object of the hyper-parameters that were drawn."""

    study: str
    arch: str
    task: str
    metric: str
    higher_is_better: bool
    trial: int
    state: str
    value: float | None
    best_seen: float | None
    """Of a trial that was ended early: the best that it reached."""
    epochs: int | None
    seconds: float | None
    parameters: int | None
    values: str
    reason: str = ""
    recipe_hash: str = ""


@dataclass(frozen=True)
class Search:
    """How a study searched; `ranges` is a JSON object of the keys that it sampled and their ranges in words."""

    study: str
    sampler: str
    pruner: str
    seed: str
    epochs: int | None
    """Epochs of a trial that is not ended early; the largest number where that is sampled."""
    matched: str
    """What every trial's size is solved for, such as ``20,000 parameters``; "" where it is not."""
    ranges: str


@dataclass(frozen=True)
class Importance:
    """The share of a hyper-parameter in whether a trial is among the best of its study, from 0 to 1."""

    study: str
    key: str
    share: float | None


@dataclass(frozen=True)
class Timing:
    """One phase of one case that was timed, or a case that was skipped, which has no phase.

    Times are seconds, `memory` is bytes, `reached` is the fraction of the floor; `published_seconds` is what the source
    of a preset says of this case.
    """

    timing: str
    sitting: str
    preset: str
    arch: str
    length: int
    batch: int
    input_size: int
    hidden_size: int
    num_layers: int
    dtype: str
    device: str
    threads: int
    backend: str
    backends: str
    state: str
    reason: str
    phase: str
    repetitions: int
    seconds: float | None
    lower_quartile: float | None
    upper_quartile: float | None
    memory: float | None
    copy_floor: float | None
    product_floor: float | None
    floor: float | None
    reached: float | None
    created: str
    published_seconds: float | None = None
    published_source: str = ""
    version: str = ""
    changes: str = ""
    """Hyper-parameters other than the defaults of the architecture, where they are known."""
    p99: float | None = None
    warning: str = ""
    """Why a training step may take longer than its parts, where it does."""


@dataclass(frozen=True)
class Skip:
    """A cell that was planned, and left out for a reason."""

    arch: str
    task: str
    reason: str


RECORDS: dict[str, type] = {
    "runs": Run,
    "architectures": Entry,
    "tasks": Entry,
    "recipes": Recipe,
    "environments": Setting,
    "trials": Trial,
    "studies": Search,
    "importance": Importance,
    "timings": Timing,
    "skipped": Skip,
    "published_recipes": PublishedRecipe,
}
"""Frame -> the record that a row of it becomes. The columns of a frame are the fields of its record."""
