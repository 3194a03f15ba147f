"""Runs as reports take them: a row each, and once each the recipes and the environments that they share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any

import pandas as pd

from harness.cli import again
from harness.cli.reported.columns import frame
from harness.environment import lasting
from harness.recipes import is_default
from harness.registry import Registry
from harness.store import Run, Store, plain
from harness.store.plain import flat


def frames(store: Store, registry: Registry) -> dict[str, pd.DataFrame]:
    """The frames ``runs``, ``recipes`` and ``environments``."""
    runs, documents = store.tested_frame()
    recipes: dict[str, dict[str, Any]] = {}
    for recipe_hash, recipe in zip(runs["recipe_hash"], documents["recipe"], strict=True):
        recipes.setdefault(recipe_hash, recipe)
    different = {id(one): one for one in documents["environment"]}  # equal texts are one object
    known = {key: environment_id(one) if one else None for key, one in different.items()}
    environments: dict[str, dict[str, Any]] = {}
    for key, environment in different.items():
        if (name := known[key]) is not None:
            environments.setdefault(name, environment)
    return {
        "runs": runs.assign(
            **titles(runs, documents, registry),
            command=list(_commands(runs, documents, registry)),
            environment=[known[id(one)] for one in documents["environment"]],
            default=list(map(is_default, runs["arch"], runs["task"], documents["recipe"])),
        ),
        "recipes": frame("recipes", ({"recipe_hash": h, "toml": again.readable(one)} for h, one in recipes.items())),
        "environments": frame(
            "environments",
            (
                {"environment": key, "name": name, "value": value(leaf)}
                for key, environment in environments.items()
                for name, leaf in flat(lasting(environment)).items()
            ),
        ),
    }


def titles(runs: pd.DataFrame, documents: dict[str, list[Any]], registry: Registry) -> dict[str, list[str]]:
    """What tables call the architecture and the task of each run: ``Permuted sequential MNIST [permutation=cornn]``.

    Of a plugin that is not at hand it is what its newest run says; the bare name where none says anything.
    """
    archs, tasks = runs["arch"].tolist(), runs["task"].tolist()
    said: dict[tuple[str, str], str] = {}
    for arch, task, environment in zip(archs, tasks, documents["environment"], strict=True):
        plugins = environment.get("plugins") if environment else None
        for kind, name in (("architecture", arch), ("task", task.partition("[")[0])):
            of_kind = plugins.get(kind) if isinstance(plugins, dict) else None
            if isinstance(of_kind, dict) and isinstance(of_kind.get("title"), str):
                said[kind, name] = of_kind["title"]
    here = {("architecture", name): entry.title for name, entry in registry.architectures.items()}
    here |= {("task", name): entry.title for name, entry in registry.tasks.items()}

    @cache
    def title(kind: str, label: str) -> str:
        name, bracket, variant = label.partition("[")
        found = here.get((kind, name)) or said.get((kind, name)) or name
        return f"{found} [{variant}" if bracket else found

    return {
        "arch_title": [title("architecture", arch) for arch in archs],
        "task_title": [title("task", task) for task in tasks],
    }


def _commands(runs: pd.DataFrame, documents: dict[str, list[Any]], registry: Registry) -> Iterator[str]:
    """What does each run again; but for the seed it is worked out once for runs that have all else in common."""
    shipped = again.shipped_recipes(registry)
    around: dict[tuple[Any, ...], tuple[str, str]] = {}
    told = (runs[name].tolist() for name in ("arch", "task", "metric", "recipe", "recipe_hash", "seed"))
    more = (documents[name] for name in ("device", "recipe", "environment", "backends"))
    for *names, seed, device, recipe, environment, backends in zip(*told, *more, strict=True):
        key = (*names, device, id(recipe), id(environment), id(backends))
        if key not in around:
            arch, task, metric, name, recipe_hash = names
            run = Run(arch, task, seed, metric, recipe, name, recipe_hash, device)
            around[key] = again.around_seed(replace(run, environment=environment, backends=backends), shipped)
        before, after = around[key]
        yield f"{before}{seed}{after}"


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
