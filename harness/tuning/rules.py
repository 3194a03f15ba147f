"""What a sampled value means for a recipe, and back: most keys are sampled as they are, a few by another coordinate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.tuning.specification import OFF, number

DIGITS = 12
"""Significant digits of a value that is calculated from its coordinate: the way there and back changes nothing."""

LARGEST = 1e3
"""A limit of a step beyond this is none: where nearly every step is stable, the fraction is of this."""


class Rule(Protocol):
    """How one sampled key sets one key of a recipe."""

    @property
    def target(self) -> str:
        """The key of the recipe with its table, such as ``layer.dt``."""

    @property
    def note(self) -> str:
        """What ``--show-space`` says of it."""

    def to_recipe(self, value: Any, layer: Mapping[str, Any]) -> Any:
        """The value of the recipe's key; `layer` are the recipe's other hyper-parameters."""

    def from_recipe(self, value: Any, layer: Mapping[str, Any]) -> tuple[Any, str | None]:
        """The sampled value that comes nearest, not yet held to the range, and what is lost where it is not exact."""

    def to_dict(self) -> dict[str, Any]:
        """What the meaning of a sampled value depends on, as plain JSON."""


@dataclass(frozen=True)
class Plain:
    """Sampled as it stands in the recipe."""

    target: str
    optional: bool = False
    """Whether the choice ``off`` stands for a key that is not set."""

    @property
    def note(self) -> str:
        """Nothing but what ``off`` means."""
        return "off: not set" if self.optional else ""

    def to_recipe(self, value: Any, layer: Mapping[str, Any]) -> Any:
        """The value itself, or None for ``off``."""
        return None if self.optional and value == OFF else value

    def from_recipe(self, value: Any, layer: Mapping[str, Any]) -> tuple[Any, str | None]:
        """The value itself; of one for each layer their mean."""
        if isinstance(value, list):
            return mean(value), f"{_listed(self.target, value)} is {number(mean(value))} for all layers here"
        return OFF if value is None else value, None

    def to_dict(self) -> dict[str, Any]:
        """Target and whether it may be off."""
        return {"target": self.target, "optional": self.optional}


@dataclass(frozen=True)
class Fraction:
    """A step that is sampled as a fraction of the largest stable one, so that no point of a space is unstable."""

    target: str
    largest: Callable[[Mapping[str, Any]], float] = field(compare=False)
    """All hyper-parameters of the layer -> the step at which it becomes unstable."""
    depends: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What the fraction is of."""
        *others, last = self.depends or ("",)
        on = f", which depends on {' and '.join([*([', '.join(others)] if others else []), last])}" if last else ""
        return f"{_bare(self.target)} as a fraction of the largest stable one{on}"

    def to_recipe(self, value: Any, layer: Mapping[str, Any]) -> float:
        """The step."""
        return rounded(value * self._limit(layer))

    def from_recipe(self, value: Any, layer: Mapping[str, Any]) -> tuple[Any, str | None]:
        """The fraction; steps of several layers become their geometric mean."""
        if not isinstance(value, list):
            return value / self._limit(layer), None
        middle = mean(value)
        note = f"{_listed(self.target, value)} is {number(middle)} for all layers here, the geometric mean"
        return middle / self._limit(layer), note

    def to_dict(self) -> dict[str, Any]:
        """Target and what the limit depends on; the limit itself is the architecture's."""
        return {"target": self.target, "depends": list(self.depends)}

    def _limit(self, layer: Mapping[str, Any]) -> float:
        return min(self.largest(layer), LARGEST)


@dataclass(frozen=True)
class Doublings:
    """A size that is sampled by how often it is doubled or halved: ordered, and the one it starts from is exact."""

    target: str
    start: int

    @property
    def note(self) -> str:
        """The formula."""
        return f"{_bare(self.target)} = {self.start} doubled so often, or halved where below 0"

    def to_recipe(self, value: Any, layer: Mapping[str, Any]) -> int:
        """The size, at least 1."""
        return max(1, round(self.start * 2.0**value))

    def from_recipe(self, value: Any, layer: Mapping[str, Any]) -> tuple[Any, str | None]:
        """How often the nearest size was doubled."""
        count = round(math.log2(value / self.start))
        near = self.to_recipe(count, layer)
        return count, None if near == value else f"{_bare(self.target)} {value} is {near} here"

    def to_dict(self) -> dict[str, Any]:
        """Target and start."""
        return {"target": self.target, "start": self.start}


def mean(values: list[float]) -> float:
    """The geometric mean where all are above zero, else the arithmetic one."""
    if min(values) > 0:
        return rounded(math.exp(sum(map(math.log, values)) / len(values)))
    return sum(values) / len(values)


def rounded(value: float) -> float:
    """`value` to :data:`DIGITS` significant digits."""
    return float(f"{value:.{DIGITS}g}")


def _bare(target: str) -> str:
    return target.rpartition(".")[2]


def _listed(target: str, values: list[float]) -> str:
    return f"{_bare(target)} [{', '.join(map(number, values))}]"
