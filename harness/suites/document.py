"""A suite as plain values, for ``--json``: what the grid is, how it stands, what is left. Documented for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.suites.cells import Grid
from harness.suites.cost import Price, Work, by_workers, in_turn, work
from harness.suites.standing import Standing, counted

VERSION = 1
"""Of the document; a key that is removed or means something else makes it another."""


def document(
    grid: Grid, found: Sequence[Standing], prices: Sequence[Price], workers: int, at_work: bool
) -> dict[str, Any]:
    """All there is to tell of a suite. `at_work` says whether a driver has it now."""
    works = [work(one, price) for one, price in zip(found, prices, strict=True)]
    return {
        "version": VERSION,
        "suite": grid.name,
        "title": grid.title,
        "file": str(grid.file),
        "at_work": at_work,
        "runs": counted(found),
        "left": left(found, works, workers),
        "cells": [_cell(*row) for row in zip(found, prices, works, strict=True)],
    }


def left(found: Sequence[Standing], works: Sequence[Work | None], workers: int) -> dict[str, Any]:
    """Seconds of what is missing. Cells whose price is unknown are counted, and are not in the sums."""
    known = [one for one in works if one is not None]
    return {
        "seconds": in_turn(known),
        "workers": workers,
        "seconds_by_workers": by_workers(known, workers),
        "cells_not_measured": len(works) - len(known),
        "searches": sum(one.cell.search is not None and one.final is None and one.reason is None for one in found),
    }


def _cell(one: Standing, price: Price, rest: Work | None) -> dict[str, Any]:
    cell = one.cell
    recipe = one.final or cell.recipe
    return {
        "arch": cell.arch,
        "task": cell.task,
        "state": one.state,
        "reason": one.reason,
        "device": cell.device,
        "recipe": None if recipe is None else recipe.name,
        "recipe_hash": None if one.final is None else one.final.recipe.hash,
        "seeds": list(cell.seeds),
        "done": [seed for seed, head in one.seeds.items() if head.state == "done"],
        "running": [_running(one, seed) for seed in one.running],
        "missing": list(one.missing),
        "failed": list(one.failed),
        "study": cell.study,
        "trials": None if cell.search is None else _trials(cell.search.trials, one.trials or {}),
        "run_seconds": price.seconds,
        "cost_from": price.source,
        "not_measured": price.why_not,
        "seconds_left": None if rest is None else rest.seconds,
    }


def _running(one: Standing, seed: int) -> dict[str, Any]:
    head = one.seeds[seed]
    epochs = None if one.final is None else one.final.recipe.training.epochs
    return {"seed": seed, "run": head.id, "epoch": head.last_epoch, "epochs": epochs, "host": head.hostname}


def _trials(wanted: int, counts: Mapping[str, int]) -> dict[str, int]:
    return {"wanted": wanted, **{word: counts.get(word, 0) for word in WORDS}}


WORDS = ("complete", "pruned", "failed", "running", "waiting")
