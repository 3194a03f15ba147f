"""What is registered, as reports take it: architectures, tasks, and the published recipes of the package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from harness.catalogue import length_of
from harness.cli.reported.columns import frame, line
from harness.recipe import label
from harness.recipes import listed, named
from harness.registry import Entry, Registry


def frames(registry: Registry) -> dict[str, pd.DataFrame]:
    """The frames ``architectures``, ``tasks`` and ``published_recipes``; plugins that are broken are left out."""
    return {
        "architectures": frame("architectures", map(_architecture, _whole(registry.architectures))),
        "tasks": frame("tasks", map(_task, _whole(registry.tasks))),
        "published_recipes": frame("published_recipes", _published(registry)),
    }


def stated(registry: Registry, task: str) -> pd.DataFrame:
    """The frame ``tasks`` of one task alone; empty where it is not at hand."""
    return frame("tasks", map(_task, _whole({name: one for name, one in registry.tasks.items() if name == task})))


def _whole(entries: dict[str, Entry]) -> list[Entry]:
    return [entry for entry in entries.values() if not entry.problem]


def _loaded(entry: Entry) -> Any:
    """What an entry names; None where a plugin fails only now."""
    try:
        return entry.load()
    except Exception:
        return None


def _architecture(entry: Entry) -> dict[str, Any]:
    found = _loaded(entry)
    equations, paper = getattr(found, "equations", ()), getattr(found, "paper", None)
    formulas = [equations] if isinstance(equations, str) else equations
    return {
        "name": entry.name,
        "title": entry.title,
        "summary": entry.summary,
        "equations": "\n".join(map(line, formulas)),
        "paper": f"{line(paper.authors)}: {line(paper.title)}. {line(paper.venue)}, {paper.year}" if paper else "",
        "paper_url": line(getattr(paper, "url", "")),
        "code_url": line(getattr(paper, "code", "")),
        "origin": entry.origin,
    }


def _task(entry: Entry) -> dict[str, Any]:
    """A task in its default variant, or what its class says where there is none."""
    found = _loaded(entry)
    try:
        found = found()
    except Exception:  # a plugin's constructor: the class still says what it is
        outputs = None
    else:
        outputs = found.output_size
    sorts = getattr(found, "kind", "") == "classification"
    return {
        "name": entry.name,
        "title": entry.title,
        "summary": entry.summary,
        **{word: line(getattr(found, word, "")) for word in ("metric", "protocol", "citation", "licence", "url")},
        "length": length_of(found.length) if outputs is not None else "",
        "classes": str(max(2, outputs)) if outputs is not None and sorts else "",
        "outputs": str(outputs) if outputs is not None and not sorts else "",
        "chance": _chance(found) if outputs is not None else None,
    }


def _chance(task: Any) -> float | None:
    """What is reached without a look at the input; None where a plugin's property fails or is no number."""
    try:
        return float(task.chance)
    except Exception:
        return None


def _published(registry: Registry) -> Iterator[dict[str, Any]]:
    for task, arch, name, _ in listed(registry):
        if name != "published":
            continue
        found = named(registry, arch, task, name)
        yield {
            "arch": arch,
            "task": label(registry.task(task), found.recipe),
            "recipe_hash": found.recipe.hash,
            "toml": found.recipe.to_toml(found.sources),
            "source": line(found.source),
            "deviations": "\n".join(map(line, found.deviations)),
        }
