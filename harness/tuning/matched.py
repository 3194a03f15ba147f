"""What can be searched where every trial must have one number of parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from harness.errors import UserError
from harness.matching import match_parameters
from harness.matching.counting import parameters, short
from harness.recipes import Named
from harness.registry import Registry
from harness.tolerance import TOLERANCE
from harness.tuning.coordinates import Space
from harness.tuning.specification import number

MOST = 500
"""Combinations of values beyond which the space stays as it is: a trial without a size then fails, with that reason."""


def matchable(registry: Registry, space: Space, target: int, tolerance: float = TOLERANCE) -> tuple[Space, list[str]]:
    """The space without the depths and the like for which no hidden size gives `target` parameters, and what that was.

    A value goes where some combination with the others has no such size; where every value would go, those stay that
    have one in some combination. A :class:`UserError` says so where no combination has one.
    """
    base, _ = space.values_of(space.base)
    finite = {key: values for key, one in space.distributions.items() if (values := _values(space, key, one))}
    shaping = {key: values for key, values in finite.items() if _matters(registry, space, base, key, values)}
    combinations = [dict(zip(shaping, values, strict=True)) for values in product(*shaping.values())]
    if not shaping or len(combinations) > MOST:
        return space, []
    fit = [one for one in combinations if _fits(registry, space, {**base, **one}, target, tolerance)]
    if not fit:
        raise UserError(
            f"--match-params {short(target)}: whatever {' and '.join(shaping)} may be, no hidden size of"
            f" {space.base.arch} comes within {100 * tolerance:g} %: ask for another number, for other ranges by"
            " --space, or accept more by --match-tolerance"
        )
    notes, distributions = [], dict(space.distributions)
    for key, values in sorted(shaping.items(), key=lambda item: -len(item[1])):
        among = [one for one in combinations if all(one[other] in shaping[other] for other in shaping)]
        always = [value for value in values if all(one in fit for one in among if one[key] == value)]
        kept = always or [value for value in values if any(one[key] == value for one in fit if one in among)]
        if kept and kept != values:
            shaping[key], distributions[key] = kept, _distribution(kept)
            notes.append(f"{key} is searched in {', '.join(map(number, kept))}: others have no size that fits")
    return replace(space, distributions=distributions), notes


def _values(space: Space, key: str, distribution: BaseDistribution) -> list[Any]:
    """All values of a key of the layer that has so many; none of another key."""
    if not space.rules[key].target.startswith("layer."):
        return []
    if isinstance(distribution, IntDistribution):
        values = range(distribution.low, distribution.high + 1, distribution.step)
        return list(values) if len(values) <= MOST else []
    return list(distribution.choices) if isinstance(distribution, CategoricalDistribution) else []


def _matters(registry: Registry, space: Space, base: Mapping[str, Any], key: str, values: list[Any]) -> bool:
    """Whether the number of parameters depends on a key."""
    return len(set(_counts(registry, space, base, key, values))) > 1


def _counts(
    registry: Registry, space: Space, base: Mapping[str, Any], key: str, values: list[Any]
) -> Iterator[int | None]:
    for value in values:
        try:
            yield parameters(registry, space.recipe(registry, {**base, key: value}))
        except UserError:
            yield None


def _fits(registry: Registry, space: Space, values: Mapping[str, Any], target: int, tolerance: float) -> bool:
    try:
        match_parameters(registry, Named("trial", space.recipe(registry, values)), target, tolerance)
    except UserError:
        return False
    return True


def _distribution(values: list[Any]) -> BaseDistribution:
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    if whole and values == list(range(values[0], values[-1] + 1)):
        return IntDistribution(values[0], values[-1])
    return CategoricalDistribution(values)
