"""The hidden size that gives a model a number of parameters, found by counting."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch

from harness.errors import UserError, explained
from harness.model import Model, build
from harness.recipe import TABLES, Recipe, compose
from harness.recipes import Named
from harness.registry import Registry
from harness.tolerance import TOLERANCE

LARGEST = 1 << 20
"""Hidden sizes beyond this are not tried."""
MOST = 1e15
"""Parameters that may be asked for."""
SKIPS = 64
"""So many sizes in a row may be refused by a layer of which no two sizes are known."""
LARGEST_STEP = 512
"""The sizes that a layer takes may be as far apart as this: those with many heads are multiples of their number."""

Count = Callable[[int], int | None]
"""Hidden size -> number of parameters, or None where the layer refuses the size."""


def count_of(text: str) -> int:
    """``"50000"``, ``"50k"`` or ``"1.5M"`` as a number."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKmM]?)", text.strip())
    number = float(match[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[match[2].lower()] if match else 0.0
    if not 0.5 < number <= MOST:
        raise UserError(
            f"--match-params {text}: write a number of parameters such as 50000, 50k or 1.5M, at most {MOST:.0e}"
        )
    return round(number)


def match_parameters(
    registry: Registry,
    named: Named,
    target: int,
    tolerance: float = TOLERANCE,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Named:
    """The recipe with the hidden size whose model has `target` parameters, or comes nearest; embeddings don't count.

    The model is counted as it is built, but without weights, which takes milliseconds. `tolerance` is how far off the
    count may be, as a fraction of `target`; `tell` gets one sentence about the size that was found. A size that the
    recipe has already leaves its name as it was.

    Raises:
        UserError: no size comes close enough; the nearest below and above are told, with their counts.
    """
    recipe = named.recipe
    if "hidden_size" not in recipe.layer:
        raise UserError(f"--match-params: {recipe.arch} has no hyper-parameter hidden_size to solve for")
    found = {size: count for size, count in Sizes(registry, recipe).around(target) if count is not None}
    best = min(found, key=lambda size: abs(found[size] - target), default=None)
    if best is not None and abs(found[best] - target) <= tolerance * target:
        off = _off(found[best], target)
        tell(
            f"hidden_size={best} has {found[best]:,} parameters, {f'{off} than' if off else 'exactly'} {short(target)}"
        )
        far = f", {off}" if abs(found[best] - target) > TOLERANCE * target else ""
        return renamed(named, resized(registry, recipe, best), f"{short(target)} parameters{far}")
    sizes = " and ".join(
        f"{number:,} at hidden_size={size} ({_off(number, target)})" for size, number in sorted(found.items())
    )
    raise UserError(
        f"--match-params {short(target)}: no hidden size of {recipe.arch} on {recipe.task} comes within"
        f" {100 * tolerance:g} % of {target:,} parameters (nearest: {sizes or 'none can be built'}); change another"
        " hyper-parameter with it, such as num_layers, ask for another number, or accept more by --match-tolerance"
    )


class Sizes:
    """The hidden sizes that the layer of a recipe takes, and how many parameters the model then has.

    A :class:`UserError` tells what is wrong with the recipe whatever its size.
    """

    def __init__(self, registry: Registry, recipe: Recipe) -> None:
        self._registry, self._recipe = registry, recipe
        self._counts: dict[int, int | None] = {}
        outline(registry, recipe)
        own: int = recipe.layer["hidden_size"]
        above, allowed = next_allowed(self.count, own + 1, LARGEST_STEP)
        self.step = 1 if allowed is None else above - own
        """From the size of the recipe to the next that is allowed."""
        self._first = own % self.step or self.step

    def count(self, size: int) -> int | None:
        """Parameters of the model of a size, or None where the layer refuses the size."""
        if size not in self._counts:
            try:
                self._counts[size] = parameters(self._registry, resized(self._registry, self._recipe, size))
            except UserError:
                self._counts[size] = None
        return self._counts[size]

    def from_on(self, size: int) -> int | None:
        """The first size from `size` on that the layer takes; None where there is none within reach."""
        found, number = next_allowed(self.count, size, max(SKIPS, self.step))
        return None if number is None else found

    def around(self, target: int) -> tuple[tuple[int, int | None], tuple[int, int | None]]:
        """The largest size with at most `target` parameters and the smallest with more, with their counts.

        The count grows with the size. A count of None stands where there is no such size.
        """
        low, high = _around(lambda place: self.count(self._size(place)), target)
        below, above = (self._size(low[0]) if low[0] else 0, low[1]), (self._size(high[0]), high[1])
        for size in range(below[0] + 1, min(above[0], below[0] + LARGEST_STEP)) if self.step > 1 else ():
            count = self.count(size)  # one between two multiples, should the layer take it
            if count is not None and count <= target:
                below = size, count
            elif count is not None:
                return below, (size, count)
        return below, above

    def _size(self, place: int) -> int:
        """The sizes in steps, from place 1 on."""
        return self._first + (place - 1) * self.step


def parameters(registry: Registry, recipe: Recipe) -> int:
    """Trained scalars without those of an embedding: the number that is compared."""
    return outline(registry, recipe).count_parameters()


def outline(registry: Registry, recipe: Recipe) -> Model:
    """The model of a recipe without its encoder and without weights: shapes only, on torch's meta device.

    A layer that cannot be built there, such as one that calculates its first weights, is built on the CPU.
    """
    architecture, task_class = registry.architecture(recipe.arch), registry.task(recipe.task)
    with explained(f"task {recipe.task}"):
        task = task_class(**recipe.variant)
    bare = SimpleNamespace(encoder=_no_encoder, input_size=task.input_size, output_size=task.output_size)
    try:
        with torch.device("meta"):
            return build(recipe, architecture, bare, 0, torch.device("meta"))
    except Exception:  # whatever a layer of somebody else does with its weights; a mistake is told by the second try
        return build(recipe, architecture, bare, 0, torch.device("cpu"))


def resized(registry: Registry, recipe: Recipe, size: int) -> Recipe:
    """The recipe with another hidden size."""
    content = recipe.model_dump()
    tables = {table: content[table] for table in TABLES}
    return compose(registry, recipe.arch, recipe.task, tables, {"layer.hidden_size": size})


def renamed(named: Named, recipe: Recipe, why: str) -> Named:
    """`named` with the matched recipe, and with the new size in its name, if it is another recipe."""
    if recipe.hash == named.recipe.hash:
        return named
    sources = {key: text for key, text in (named.sources or {}).items() if key != "layer.hidden_size"}
    name = f"{named.name}, hidden_size={recipe.layer['hidden_size']} ({why})"
    return replace(named, name=name, recipe=recipe, sources=sources or None)


def short(number: int) -> str:
    """``50k``, ``1.5M``, or the number where that would round it."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if number >= size and number * 100 % size == 0:
            return f"{number / size:.10g}{unit}"
    return str(number)


def _off(number: int, target: int) -> str:
    """``1.3 % more``, ``12 % fewer``, or nothing where the numbers are the same."""
    share = 100 * abs(number - target) / target
    told = f"{share:.0f}" if share >= 10 else f"{share:.2g}"
    return f"{told} % {'more' if number > target else 'fewer'}" if number != target else ""


def _around(count: Count, target: int) -> tuple[tuple[int, int | None], tuple[int, int | None]]:
    """The largest size with at most `target` parameters and the smallest with more, with their counts.

    The count grows with the size. A count of None stands where there is no such size.
    """
    low: tuple[int, int | None] = (0, None)
    high = next_allowed(count, 1)
    while high[1] is not None and high[1] <= target and high[0] < LARGEST:
        low, high = high, next_allowed(count, 2 * high[0])
    while high[0] - low[0] > 1:
        middle = next_allowed(count, (low[0] + high[0]) // 2)
        if middle[1] is None or middle[0] >= high[0]:  # every size from the middle on is refused, up to the upper one
            middle = next_allowed(count, low[0] + 1)
            if middle[1] is None or middle[0] >= high[0]:
                break
        if middle[1] <= target:
            low = middle
        else:
            high = middle
    return low, high


def next_allowed(count: Count, size: int, most: int = SKIPS) -> tuple[int, int | None]:
    """The first of the `most` sizes from `size` on that the layer takes, and its count."""
    for candidate in range(size, size + most):
        number = count(candidate)
        if number is not None:
            return candidate, number
    return size + most, None


def _no_encoder(**_options: Any) -> None: ...
