"""Runs as reports take them: a row each, and once each the recipes and the environments that they share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

import pandas as pd

from harness.cli import again
from harness.cli.reported.columns import frame
from harness.environment import lasting
from harness.registry import Registry
from harness.store import Run, plain
from harness.store.frames import of_runs
from harness.store.plain import flat


def frames(runs: Iterable[Run], registry: Registry) -> dict[str, pd.DataFrame]:
    """The frames ``runs``, ``recipes`` and ``environments``; titles of architectures and tasks come later."""
    shipped = again.shipped_recipes(registry)
    recipes: dict[str, Run] = {}
    environments: dict[str, dict[str, Any]] = {}
    more: dict[str, list[str | None]] = {"command": [], "environment": []}

    def passing() -> Iterator[Run]:
        """Each run in turn, of which no more is kept than the frames need: there may be very many."""
        for run in runs:
            recipes.setdefault(run.recipe_hash, run)
            known = environment_id(run.environment) if run.environment else None
            if known is not None:
                environments.setdefault(known, run.environment)
            more["command"].append(again.command(run, shipped))
            more["environment"].append(known)
            yield run

    return {
        "runs": of_runs(passing()).assign(**more),
        "recipes": frame("recipes", ({"recipe_hash": h, "toml": again.recipe(run)} for h, run in recipes.items())),
        "environments": frame(
            "environments",
            (
                {"environment": key, "name": name, "value": value(leaf)}
                for key, environment in environments.items()
                for name, leaf in flat(lasting(environment)).items()
            ),
        ),
    }


def environment_id(environment: dict[str, Any]) -> str:
    """12 hexadecimal digits, equal for environments that differ in what passes only."""
    return sha256(json.dumps(lasting(environment), sort_keys=True).encode()).hexdigest()[:12]


def value(leaf: Any) -> str | None:
    """A value of an environment as text: ``NVIDIA H100, NVIDIA H100``; None for what could not be found out."""
    if leaf is None or isinstance(leaf, str):
        return leaf
    if isinstance(leaf, list) and all(isinstance(item, str) for item in leaf):
        return ", ".join(leaf) or "none"
    return plain.dumps(leaf)
