"""What a study samples: which keys, from which ranges, and what the sampled values mean for a recipe."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)

from harness.errors import UserError
from harness.recipe import TABLES, OtherCode, Recipe, compose, refuse_other_code
from harness.registry import Registry
from harness.tuning.rules import Doublings, Fraction, Plain, Rule
from harness.tuning.specification import OFF, number, told

ROUNDING = 1e-9
"""What a coordinate may lose on the way to a recipe and back, of which nothing need be told."""
WHOSE = {"layer": "architecture", "training": "training", "encoder": "task"}


@dataclass(frozen=True)
class Space:
    """What a study samples. :func:`harness.tuning.space.space_of` builds it."""

    distributions: Mapping[str, BaseDistribution]
    """Sampled key -> Optuna distribution, such as ``lr``, ``alpha`` and ``step``."""

    rules: Mapping[str, Rule]
    """Sampled key -> how it sets a key of the recipe."""

    base: Recipe
    """Whatever is not sampled."""

    @property
    def targets(self) -> list[str]:
        """The keys of a recipe that are sampled, with their tables: ``layer.dt``, ``training.batch_size``."""
        return [rule.target for rule in self.rules.values()]

    def changes(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Sampled values -> keys of a recipe as :func:`harness.recipe.compose` takes them; None unsets a key."""
        plain = {key: value for key, value in values.items() if isinstance(self.rules[key], Plain)}
        told = {self.rules[key].target: self.rules[key].to_recipe(value, {}) for key, value in plain.items()}
        layer = {**self.base.layer, **_of_layer(told)}
        rest = {k: self.rules[k].to_recipe(v, layer) for k, v in values.items() if k not in plain}
        return {**told, **{self.rules[key].target: value for key, value in rest.items()}}

    def recipe(self, registry: Registry, values: Mapping[str, Any], where: str = "trial") -> Recipe:
        """The base recipe with the sampled values; a :class:`UserError` where it cannot be had.

        The code of plugins must be that of the base recipe.
        """
        self.refuse_other_code(registry, where)
        content = {table: self.base.model_dump()[table] for table in TABLES}
        return compose(registry, self.base.arch, self.base.task, content, self.changes(values), where=where)

    def refuse_other_code(self, registry: Registry, where: str) -> None:
        """A :class:`UserError` where a plugin has other code than the base recipe says: it would be another search."""
        try:
            refuse_other_code(registry, self.base.arch, self.base.task, self.base.code or {}, where)
        except OtherCode as error:
            raise UserError(f"{error.fact}: give --plugin the same file, or begin another study") from error

    def values_of(self, recipe: Recipe) -> tuple[dict[str, Any], list[str]]:
        """The values of the sampled keys that give `recipe`, or come nearest, and notes on what they don't give."""
        values, notes = {}, []
        for key, rule in self.rules.items():
            found, lost = rule.from_recipe(_value(recipe, rule.target), recipe.layer)
            values[key], moved = _within(self.distributions[key], found, key)
            notes += [note for note in (lost, moved) if note]
        wanted, base = self.rest_of(recipe), self.rest_of(self.base)
        for key in sorted({*wanted, *base}):
            if wanted.get(key) != base.get(key):
                notes.append(f"{key} {number(wanted.get(key, OFF))} is {number(base.get(key, OFF))} here")
        return values, notes

    def rest_of(self, recipe: Recipe) -> dict[str, Any]:
        """What a recipe says beyond the sampled keys, as one flat mapping of plain JSON: ``layer.hidden_size``."""
        content = recipe.to_dict()
        flat = {f"{table}.{key}": value for table in TABLES for key, value in content.get(table, {}).items()}
        return {key: value for key, value in flat.items() if key not in self.targets}

    def difference(self, other: Space) -> str | None:
        """What has changed from this space to `other`, as one clause; None where they are equal."""
        changes = []
        for key in [*self.rules, *(key for key in other.rules if key not in self.rules)]:
            before, now = self.line(key), other.line(key)
            if before is None:
                changes.append(f"{key} is new")
            elif now is None:
                changes.append(f"{key} is gone")
            elif before != now:
                changes.append(f"{key} was {before}, is now {now}")
        return "; ".join(changes) or None

    def line(self, key: str) -> str | None:
        """All that decides the meaning of a key, in words; None where it is not sampled."""
        if key not in self.rules:
            return None
        rule = self.rules[key]
        line = told(self.distributions[key])
        if isinstance(rule, Doublings):
            return f"{line} doublings of {rule.start}"
        return f"{line} of the largest stable {rule.target}" if isinstance(rule, Fraction) else line

    def rows(self) -> list[dict[str, str]]:
        """One row a key for people: key, range, whose it is, and a note."""
        return [
            {
                "key": key,
                "range": told(self.distributions[key]),
                "of": WHOSE[rule.target.partition(".")[0]],
                "note": rule.note,
            }
            for key, rule in self.rules.items()
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, for the attributes of a study."""
        return {
            "base": self.base.model_dump(mode="json"),
            "keys": {
                key: {"distribution": json.loads(distribution_to_json(self.distributions[key])), **rule.to_dict()}
                for key, rule in self.rules.items()
            },
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], registry: Registry | None = None) -> Space:
        """The space that :meth:`to_dict` wrote. Without a `registry` steps cannot be turned into recipes."""
        base = Recipe.model_validate_json(json.dumps(content["base"]))
        distributions = {
            key: json_to_distribution(json.dumps(one["distribution"])) for key, one in content["keys"].items()
        }
        largest = _unknown
        if registry is not None and (step := registry.architecture(base.arch).stable_step):
            largest = step.largest
        return cls(distributions, {key: _rule(one, largest) for key, one in content["keys"].items()}, base)


def _rule(content: Mapping[str, Any], largest: Any) -> Rule:
    if "start" in content:
        return Doublings(content["target"], content["start"])
    if "depends" in content:
        return Fraction(content["target"], largest, tuple(content["depends"]))
    return Plain(content["target"], optional=content["optional"])


def _unknown(layer: Mapping[str, Any]) -> float:
    raise ValueError("a space that was read without a registry does not know the largest stable step")


def _of_layer(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix("layer."): value for key, value in changes.items() if key.startswith("layer.")}


def _value(recipe: Recipe, target: str) -> Any:
    table, _, key = target.partition(".")
    return recipe.model_dump(mode="json")[table].get(key)


def _within(distribution: BaseDistribution, value: Any, key: str) -> tuple[Any, str | None]:
    """The value in a range that comes nearest to `value`, and what was moved."""
    if isinstance(distribution, CategoricalDistribution):
        near = _nearest(distribution.choices, value)
    elif isinstance(distribution, FloatDistribution | IntDistribution):
        if isinstance(value, bool) or not isinstance(value, int | float):
            near = distribution.low
        else:
            near = min(max(value, distribution.low), distribution.high)
            near = round(near) if isinstance(distribution, IntDistribution) else float(near)
    else:
        near = value
    floats = isinstance(value, float) and isinstance(near, float)
    same = near == value or (floats and math.isclose(near, value, rel_tol=ROUNDING))
    return near, None if same else f"{key} {number(value)} is {number(near)} here"


def _nearest(choices: tuple[Any, ...], value: Any) -> Any:
    if value in choices:
        return next(choice for choice in choices if choice == value)
    numbers = list(_numbers(choices))
    if numbers and isinstance(value, int | float):
        return min(numbers, key=lambda choice: abs(choice - value))
    return choices[0]


def _numbers(choices: tuple[Any, ...]) -> Iterator[float]:
    return (choice for choice in choices if isinstance(choice, int | float) and not isinstance(choice, bool))
