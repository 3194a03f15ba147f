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
from harness.matching.counting import TOLERANCE, parameters, resized
from harness.recipes import Named
from harness.registry import Registry
from harness.suites.remembered import recall, remember

if TYPE_CHECKING:
    from harness.tuning.space import Space

Tell = Callable[[str], None]


class CannotMatch(UserError):
    """No hidden size of the pair comes close enough, or it cannot be found out here; nothing is wrong with the file."""


def sized(registry: Registry, wanted: Named, text: str, home: Home) -> Named:
    """The recipe with as many parameters as `text` says (``"20k"``)."""
    target = count_of(text)
    outline(registry, wanted.recipe)  # a mistake in the recipe is none of matching
    key = {"recipe": wanted.recipe.hash, "parameters": target}
    found = _recalled(registry, wanted, home, key)
    if found is not None and abs(parameters(registry, found.recipe) - target) <= TOLERANCE * target:
        return found
    try:
        matched = match_parameters(registry, wanted, target)
    except UserError as error:
        raise CannotMatch(str(error).removeprefix("--match-params ")) from error
    _remember(home, key, matched)
    return matched


def nearest(registry: Registry, wanted: Named, space: Space, text: str) -> Named:
    """The point of a search space nearest to the recipe, among depths and the like that have a size for `text`."""
    from harness.tuning.matched import matchable

    try:
        fit, _ = matchable(registry, space, count_of(text))
    except UserError as error:
        raise CannotMatch(str(error).removeprefix("--match-params ")) from error
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
