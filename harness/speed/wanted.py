"""The cases that the options of ``speed`` ask for. Whatever is no size, device, backend or architecture is refused."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.errors import UserError, explained
from harness.execution import Machine
from harness.home import Home
from harness.recipe import key_value
from harness.registry import Registry, resolve
from harness.speed.cases import BEST, DTYPES, Case, grid, one_of, sizes, words
from harness.speed.presets import preset

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
            self._refuse_what_the_preset_says()
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

    def _refuse_what_the_preset_says(self) -> None:
        allowed = ("preset", "device", "dtype", "backend")
        for name in (field.name for field in fields(self)):
            if name not in allowed and getattr(self, name):
                option = {"changes": "set"}.get(name, name)
                raise UserError(f"--preset {self.preset} and --{option} don't go together: the preset says what it is")


def _device(name: str) -> str:
    return str(Machine(Home(Path()), Path(), device=name).torch_device())
