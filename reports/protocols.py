"""In which settings two protocols differ: that of a published number and that of our runs."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from reports.published import Published
from reports.ranking.rows import Row
from reports.records import PublishedRecipe, Run

UNKNOWN = "not known"
NONE = "none"
# What is told first of the settings that differ; the others follow by name.
_FIRST = ("task", "training.epochs", "training.batch_size", "training.lr", "layer.hidden_size", "layer.num_layers")


@dataclass(frozen=True)
class Difference:
    """A setting, as recipes name it (``training.epochs``), in the published protocol and in our runs."""

    field: str
    published: str
    ours: str


@dataclass(frozen=True)
class Shipped:
    """A published recipe that comes with the project, and its settings by dotted names."""

    recipe: PublishedRecipe
    settings: Mapping[str, Any]

    @property
    def deviations(self) -> tuple[str, ...]:
        """The points in which the recipe could not follow the published protocol."""
        return tuple(filter(None, self.recipe.deviations.split("\n")))


def shipped(recipes: Collection[PublishedRecipe]) -> dict[tuple[str, str], Shipped]:
    """The recipes with their settings, by architecture and task. One that is no TOML is left out, as if not shipped."""
    known = contents({recipe.recipe_hash: recipe.toml for recipe in recipes})
    return {
        (recipe.arch, recipe.task): Shipped(recipe, flat(known[recipe.recipe_hash]))
        for recipe in sorted(recipes, key=repr)
        if recipe.recipe_hash in known
    }


def contents(recipes: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The content of recipes in TOML, by the same hash. One that is no TOML is left out: it is not known then."""
    found = {}
    for recipe_hash, toml in recipes.items():
        try:
            found[recipe_hash] = tomllib.loads(toml)
        except tomllib.TOMLDecodeError:
            continue
    return found


def differences(
    number: Published, protocol: Shipped | None, row: Row, recipe: Mapping[str, Any] | None
) -> tuple[Difference, ...]:
    """All differences between the protocol of a number and that of a row, whose recipe is None where it is not known.

    With a shipped `protocol` both recipes are compared setting by setting. Without one there is only what was recorded
    with the number: the variant of the task, sizes and parameters.
    """
    run = counted(row)
    ours = flat(recipe or {}) | {"training.epochs": run.epochs, "training.train_limit": run.train_limit}
    if protocol:
        found = _between(protocol.settings, ours, protocol.settings.keys() | ours.keys() if recipe else ours.keys())
        if recipe is None:
            found["other settings"] = ("as published", UNKNOWN)
    else:
        found = _recorded(number, ours | {"task": run.task, "parameters": _parameters(run)})
    order = [key for key in _FIRST if key in found] + sorted(found.keys() - set(_FIRST))
    return tuple(Difference(key, *found[key]) for key in order)


def flat(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a recipe by their dotted names, without the names of the pair."""
    tables = {table: values for table, values in recipe.items() if isinstance(values, Mapping)}
    return {f"{table}.{key}": value for table, values in tables.items() for key, value in values.items()}


def counted(row: Row) -> Run:
    """A run that stands for its row: all that count have one recipe."""
    return row.counted[0]


def _between(theirs: Mapping[str, Any], ours: Mapping[str, Any], keys: Any) -> dict[str, tuple[str, str]]:
    return {key: (_text(theirs.get(key)), _text(ours.get(key))) for key in keys if theirs.get(key) != ours.get(key)}


def _recorded(number: Published, ours: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    theirs = {
        "task": number.task if number.variant_known else None,
        "layer.hidden_size": number.hidden,
        "layer.num_layers": number.layers,
        "parameters": number.parameters,
    }
    if ours["training.train_limit"] is not None:
        theirs["training.train_limit"] = None
    found = {key: (theirs[key], ours.get(key)) for key in theirs if theirs[key] != ours.get(key)}
    return {key: (_known(published), _known(own)) for key, (published, own) in found.items()}


def _parameters(run: Run) -> int | None:
    # Published counts leave the embedding out.
    return run.parameters if run.parameters_without_embedding is None else run.parameters_without_embedding


def _text(value: Any) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(_text, value)) if isinstance(value, list) else str(value)


def _known(value: Any) -> str:
    return UNKNOWN if value is None else _text(value)
