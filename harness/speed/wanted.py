"""The cases that the options of ``speed`` ask for. Whatever is no size, device, backend or architecture is refused."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.errors import UserError, explained
from harness.home import Home
from harness.machine import Machine
from harness.recipe import key_value, split_variant
from harness.registry import Registry, resolve
from harness.signature import validated
from harness.speed.cases import BEST, DTYPES, Case, grid, one_of, sizes, words
from harness.speed.presets import preset
from harness.store import Run

Several = Sequence[str] | None
"""An option that may be repeated and hold commas; None where it wasn't given."""

SIZES = {"length": "784", "batch": "32", "hidden": "128", "layers": "1", "input": "1"}
"""The sizes where none are given: those of sequential MNIST."""
FIELDS = {"hidden": "hidden_size", "layers": "num_layers", "input": "input_size"}
"""What a :class:`~harness.speed.cases.Case` calls them."""


@dataclass(frozen=True)
class Wanted:
    """The options as they were typed."""

    arch: Several = None
    length: Several = None
    batch: Several = None
    hidden: Several = None
    layers: Several = None
    input: Several = None
    device: Several = None
    backend: Several = None
    dtype: Several = None
    changes: Several = None
    preset: str | None = None
    runs: Sequence[Run] = ()
    """Stored runs of which the layers are meant, in place of `arch`, sizes but `length` and `batch`, and `changes`."""

    def cases(self, registry: Registry) -> list[Case]:
        """Every combination, or the cases of the preset."""
        with explained("backends"):
            resolve("architectures.kernels:known")("HARNESS_BACKEND", os.environ.get("HARNESS_BACKEND") or None)
        known = (BEST, *resolve("architectures.kernels:BACKENDS"))
        where = {
            "device": [_device(name) for name in words("--device", self.device or ["auto"])],
            "dtype": one_of("--dtype", self.dtype or ["float32"], DTYPES),
            "backend": one_of("--backend", self.backend or [BEST], known),
        }
        if self.preset is not None:
            found = preset(self.preset).cases(**where)
            self._refuse(f"--preset {self.preset}", "the preset says what it is", beside=())
        elif self.runs:
            self._refuse("--run or --task", "the runs say what it is", beside=("length", "batch"))
            batches = sizes("--batch", self.batch or ["1"])
            found = []
            for run in self.runs:
                cases = grid(**self._of_run(run, registry), batch=batches, **where)
                found += [case for case in cases if case not in found]
        else:
            every = [name for name, entry in registry.architectures.items() if not entry.problem]
            given = {name: sizes(f"--{name}", getattr(self, name) or [usual]) for name, usual in SIZES.items()}
            numbers = {FIELDS.get(name, name): values for name, values in given.items()}
            found = grid(arch=words("--arch", self.arch or every), changes=[self._changes()], **numbers, **where)
        for case in found:
            registry.architecture(case.arch)
        return found

    def _changes(self) -> tuple[tuple[str, Any], ...]:
        """What ``--set`` says; sizes have options of their own."""
        given = dict(map(key_value, self.changes or ()))
        for option, key in FIELDS.items():
            if key in given:
                raise UserError(f"--set {key}: sizes are given by --{option}")
        return tuple(given.items())

    def _of_run(self, run: Run, registry: Registry) -> dict[str, Sequence[Any]]:
        """What a case says of the layer of a stored run and of the sequences of its task, each as a list of choices."""
        name, variant = split_variant(run.task)
        with explained(f"task {run.task} of run {run.id}"):
            task = registry.task(name)(**variant)
        if self.length is None and task.length is None:
            raise UserError(f"the sequences of {run.task} differ in length: name one or several with --length")
        architecture, layer = registry.architecture(run.arch), dict(run.recipe.get("layer", {}))
        hidden, layers = layer.pop("hidden_size", None), layer.pop("num_layers", 1)
        if not isinstance(hidden, int):
            raise UserError(f"run {run.id} of {run.arch} says no hidden_size: give --arch and --hidden instead of it")
        usual = validated(architecture.layer, {**architecture.defaults, "hidden_size": hidden}, f"run {run.id}")
        differing = {key: value for key, value in layer.items() if usual.get(key) != value and "dropout" not in key}
        return {
            "arch": [run.arch],
            "length": [task.length] if self.length is None else sizes("--length", self.length),
            "hidden_size": [hidden],
            "num_layers": [layers],
            "input_size": [task.input_size],
            "changes": [tuple(differing.items())],
        }

    def _refuse(self, option: str, because: str, beside: Sequence[str]) -> None:
        """Refuse options that say what `option` says already; device, dtype, backend and `beside` go with it."""
        allowed = ("preset", "runs", "device", "dtype", "backend", *beside)
        for name in (field.name for field in fields(self)):
            if name not in allowed and getattr(self, name):
                other = {"changes": "set"}.get(name, name)
                raise UserError(f"{option} and --{other} don't go together: {because}")


def _device(name: str) -> str:
    return str(Machine(Home(Path()), Path(), device=name).torch_device())
