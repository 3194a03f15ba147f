"""Matching for suites: the hidden size that was found is remembered, so that a suite goes on with the same recipes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.home import Home
from harness.machine import Machine
from harness.matching import count_of, match_parameters, match_step_time, outline
from harness.matching.counting import parameters, resized
from harness.recipes import Named
from harness.registry import Registry
from harness.suites.remembered import recall, remember
from harness.tolerance import TOLERANCE

if TYPE_CHECKING:
    from harness.tuning.space import Space

Tell = Callable[[str], None]


class CannotMatch(UserError):
    """No hidden size of the pair comes close enough, or it cannot be found out here; nothing is wrong with the file."""


def sized(registry: Registry, wanted: Named, text: str, tolerance: float | None, home: Home) -> Named:
    """The recipe with as many parameters as `text` says (``"20k"``); how far off they may be, as a fraction."""
    tolerance = TOLERANCE if tolerance is None else tolerance
    target = count_of(text)
    outline(registry, wanted.recipe)  # a mistake in the recipe is none of matching
    key = {"recipe": wanted.recipe.hash, "parameters": target}
    found = _recalled(registry, wanted, home, key)
    if found is not None and abs(parameters(registry, found.recipe) - target) <= tolerance * target:
        return found
    try:
        matched = match_parameters(registry, wanted, target, tolerance)
    except UserError as error:
        raise CannotMatch(_in_a_file(error)) from error
    _remember(home, key, matched)
    return matched


def nearest(registry: Registry, wanted: Named, space: Space, text: str, tolerance: float | None) -> Named:
    """The point of a search space nearest to the recipe, among depths and the like that have a size for `text`."""
    from harness.tuning.matched import matchable

    try:
        fit, _ = matchable(registry, space, count_of(text), TOLERANCE if tolerance is None else tolerance)
    except UserError as error:
        raise CannotMatch(_in_a_file(error)) from error
    return replace(wanted, recipe=fit.recipe(registry, fit.values_of(wanted.recipe)[0]))


def paced(
    registry: Registry,
    wanted: Named,
    text: str,
    home: Home,
    where: Mapping[str, Any],
    machine: Machine | None,
    tell: Tell,
) -> Named:
    """The recipe whose step takes the time `text` (``"5ms"``, or an architecture), as it was found before.

    `where` says under which settings of the suite that was; else it is measured now on `machine`, if there is one.
    """
    key = {"recipe": wanted.recipe.hash, "step_time": text, **where}
    found = _recalled(registry, wanted, home, key)
    if found is not None:
        return found
    if machine is None:
        raise CannotMatch("its size is not measured yet, which 'suite plan' and 'suite run' do")
    try:
        matched = match_step_time(registry, wanted, machine, text, tell)
    except UserError as error:
        raise CannotMatch(str(error).removeprefix("--match-step-time ")) from error
    _remember(home, key, matched)
    return matched


def is_time(text: str) -> bool:
    """Whether a step time is given as a time, and not as an architecture."""
    return re.fullmatch(r"\d+(\.\d+)?\s*(us|ms|s)", text.strip()) is not None


def _in_a_file(error: UserError) -> str:
    """A sentence about options in the words of a suite file."""
    told = str(error).removeprefix("--match-params ")
    return told.replace("by --match-tolerance", "by [match] tolerance").replace("by --space", "by [tune] space")


def _recalled(registry: Registry, wanted: Named, home: Home, key: dict[str, Any]) -> Named | None:
    before = recall(home, "sizes", key)
    if before is None:
        return None
    try:
        recipe = resized(registry, wanted.recipe, before["hidden_size"])
    except UserError:  # of a layer that was changed since
        return None
    if recipe.hash == wanted.recipe.hash:
        return wanted
    sources = {key: text for key, text in (wanted.sources or {}).items() if key != "layer.hidden_size"}
    return replace(wanted, name=before["name"], recipe=recipe, sources=sources or None)


def _remember(home: Home, key: dict[str, Any], matched: Named) -> None:
    remember(home, "sizes", key, {"hidden_size": matched.recipe.layer["hidden_size"], "name": matched.name})
