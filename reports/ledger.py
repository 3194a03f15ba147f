"""The ledger: each published number beside the runs of this project, with a verdict and its reason.

The verdict rests on runs under the published protocol alone: done runs, no trials, one a seed, whose recipe is, by its
hash, the published recipe that is shipped for the pair. A recipe is that of a number where the number's protocol says
so and task, architecture and, if recorded, hidden size and layers agree. :mod:`reports.verdict` tells whether such
runs reproduce the number.

Where none of them is done but the architecture was trained on the task by another recipe, with fewer epochs or samples
than the shipped one asks for, the verdict is *budget smaller than published*. In all other cases it is *not run*: as it
is for numbers whose protocol is not shipped, and for those that no run can be compared with, of another task,
architecture or metric, or only drawn in a figure. The closest of our results is shown wherever there is one, with all
differences of protocol and without a deviation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reports import formats
from reports.addresses import base
from reports.protocols import Difference, Shipped, counted, differences, shipped
from reports.published import Published
from reports.ranking.rows import Row, make_row
from reports.records import PublishedRecipe, Run
from reports.verdict import NOT_REPRODUCED, REPRODUCED, UNDECIDED, judge

SMALLER, NOT_RUN = "budget smaller than published", "not run"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, UNDECIDED, SMALLER, NOT_RUN)


@dataclass(frozen=True)
class LedgerEntry:
    """A published number, the verdict on it and what the verdict rests on.

    `ours` are the runs under the published protocol or, without a `deviation`, the closest others; None if there are
    none. `deviation` is our mean less the published number, and `interval` what the number was
    compared with, both in the unit of the metric (accuracy as a fraction) and None where they do not apply.
    `deviations` are the points in which the shipped recipe could not follow the published one, whatever the verdict.
    """

    number: Published
    verdict: str
    reason: str
    ours: Row | None = None
    deviation: float | None = None
    interval: tuple[float, float] | None = None
    differences: tuple[Difference, ...] = ()
    deviations: tuple[str, ...] = ()


def ledger(
    numbers: Iterable[Published],
    runs: Iterable[Run],
    recipes: Mapping[str, Mapping[str, Any]],
    published_recipes: Collection[PublishedRecipe],
) -> list[LedgerEntry]:
    """An entry for each number: first those that there is a result for, the surest verdicts before; within a verdict by
    task, architecture, year and source, and what this project does not have last.

    `recipes` are the contents of the recipes of `runs` by hash, as :func:`reports.protocols.contents` gives them.
    The order in which anything is handed in has no influence. A recipe that is no TOML counts as not known.
    """
    numbers = list(numbers)
    rows = _rows(runs, {(number.arch, base(number.task)) for number in numbers})
    known = shipped(published_recipes)
    entries = [_entry(number, rows[number.arch], recipes, known) for number in numbers]
    return sorted(entries, key=lambda entry: (VERDICTS.index(entry.verdict), entry.ours is None, *_order(entry.number)))


def counts(entries: Iterable[LedgerEntry]) -> dict[str, int]:
    """How many entries have each verdict, in the order of :data:`VERDICTS`."""
    found = dict.fromkeys(VERDICTS, 0)
    for entry in entries:
        found[entry.verdict] += 1
    return found


def _rows(runs: Iterable[Run], pairs: Collection[tuple[str, str]]) -> dict[str, list[Row]]:
    """The rows of `pairs`, by architecture: one a task, metric, recipe and size of the training set."""
    groups: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run in runs:
        if run.trial is None and (run.arch, base(run.task)) in pairs:
            groups[run.arch, run.task, run.metric, run.recipe_hash, str(run.train_limit)].append(run)
    rows: dict[str, list[Row]] = defaultdict(list)
    for key in sorted(groups):
        row = make_row(groups[key], min(groups[key], key=lambda run: run.run).higher_is_better)
        rows[row.arch].append(row)
    return rows


def _entry(
    number: Published,
    rows: list[Row],
    recipes: Mapping[str, Mapping[str, Any]],
    known: Mapping[tuple[str, str], Shipped],
) -> LedgerEntry:
    refused = _incomparable(number)
    if refused or number.value is None:
        return LedgerEntry(number, NOT_RUN, refused)
    protocol = _protocol(number, known)
    deviations = protocol.deviations if protocol else ()
    pair = [
        row for row in rows if counted(row).metric == number.metric and base(counted(row).task) == base(number.task)
    ]
    own = [row for row in pair if protocol and row.recipe_hash == protocol.recipe.recipe_hash]
    for row in own:
        if row.test is not None:
            judged = judge(number.value, number.kind, row.test, number.metric, counted(row).higher_is_better)
            deviation = row.test.mean - number.value
            reason = judged.reason + _unfinished(row)
            return LedgerEntry(number, judged.verdict, reason, row, deviation, judged.interval, deviations=deviations)
    told = [
        (row, differences(number, protocol, row, recipes.get(row.recipe_hash))) for row in pair if row.test is not None
    ]
    if not told:
        reason = "No run of the published recipe is done." if own else "No run of this pair is done."
        return LedgerEntry(number, NOT_RUN, reason, deviations=deviations)
    row, differ = min(told, key=lambda pair: _distance(number, *pair))
    verdict, reason = _other(number, protocol, row, differ)
    return LedgerEntry(number, verdict, reason, row, differences=differ, deviations=deviations)


def _unfinished(row: Row) -> str:
    lost = sum(run.state == "failed" or (run.state == "done" and run.test is None) for run in row.runs)
    return f" {lost:,} further seed{'s' if lost != 1 else ''} failed, and say nothing here." if lost else ""


def _incomparable(number: Published) -> str:
    """Why no run of this project can be compared with the number; "" where one can."""
    if not number.task:
        return f"This project does not have the task: {number.task_published}."
    if not number.arch:
        return f"This project does not have the architecture: {number.arch_published}."
    if number.value is None:
        return "The number exists only as a figure: there is no value to compare with."
    if not number.metric:
        return f"No run measures this: {number.metric_published}."
    return ""


def _protocol(number: Published, known: Mapping[tuple[str, str], Shipped]) -> Shipped | None:
    """The shipped recipe that the number was, as far as is known, published for."""
    found = known.get((number.arch, number.task))
    if found is None or not number.variant_known or number.recipes != number.arch:
        return None
    sizes = {"layer.hidden_size": number.hidden, "layer.num_layers": number.layers}
    fits = all(size is None or found.settings.get(key, size) == size for key, size in sizes.items())
    return found if fits else None


def _other(number: Published, protocol: Shipped | None, row: Row, differ: tuple[Difference, ...]) -> tuple[str, str]:
    """Verdict and reason where only runs under another protocol are done, of which `row` is the closest."""
    if protocol is None:
        return NOT_RUN, "The protocol of this number is not shipped here; the closest of our results is shown."
    run, published = counted(row), protocol.settings.get("training.epochs")
    if run.task != number.task:
        return NOT_RUN, f"Only another variant of the task was run ({formats.clipped(run.task, 80)}), which is shown."
    settings = f"differs in {len(differ)} setting{'s' if len(differ) != 1 else ''}"
    shown = "No run of the published recipe is done; the closest of our results"
    epochs = min((count for count in (run.epochs, run.epochs_done) if count is not None), default=None)  # or cut short
    if epochs is not None and isinstance(published, int) and epochs < published:
        trained = f"{formats.count(epochs)} of {formats.count(published)} epochs"
        return SMALLER, f"{shown}, {trained}, {settings}."
    if run.train_limit is not None:
        return SMALLER, f"{shown}, {formats.count(run.train_limit)} training samples, {settings}."
    return NOT_RUN, f"{shown} {settings}."


def _distance(number: Published, row: Row, differ: tuple[Difference, ...]) -> tuple[Any, ...]:
    run = counted(row)
    return (
        run.task != number.task,
        run.train_limit is not None,
        len(differ),
        -(run.epochs or 0),
        run.task,
        run.recipe_hash,
    )


def _order(number: Published) -> tuple[Any, ...]:
    foreign = not (number.task and number.arch)
    names = (number.task or number.task_published, number.arch or number.arch_published)
    return foreign, *names, number.year, number.source, number.id
