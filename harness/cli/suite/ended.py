"""The end of a campaign on the terminal: the table of its cells, what went wrong, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.cli.terminal import clean, print_heading, print_lines, print_rows
from harness.cli.training import this_command
from harness.store import Store
from harness.suites.outcome import Outcome
from harness.suites.standing import Standing

MANY = 12
"""Lines of a kind that are told; the rest are counted."""
REDO = "--redo-failed"


def print_outcome(outcome: Outcome, found: Sequence[Standing], store: Store, suite: str) -> None:
    """Print the table and what is to be known beside it."""
    print()
    print_rows([_row(one, store) for one in found])
    _print_list("failed", _by_reason(outcome.failures))
    _print_list("refused", (f"{_some(names)}: {sentence}" for sentence, names in outcome.refusals.items()))
    print()
    print(clean(f"stored in {store.name}; {_next(outcome, suite)}"))


def _row(one: Standing, store: Store) -> dict[str, Any]:
    cell, test = one.cell, "-"
    recipe = one.final or cell.recipe
    if one.done:
        test = _score(one, store)
    return {
        "task": cell.task,
        "architecture": cell.arch,
        "recipe": recipe.name if recipe is not None else "-",
        "state": one.state,
        "seeds": f"{one.done}/{len(cell.seeds)}",
        "test, 95 % interval": test,
    }


def _score(one: Standing, store: Store) -> str:
    """Mean and interval over the seeds that are done, as the leaderboard tells them."""
    from reports import Frames, table

    assert one.final is not None
    ids = {head.id for head in one.seeds.values() if head.state == "done"}
    frame = store.runs_frame(one.final.recipe.hash)
    [row] = table(Frames(frame[frame["run"].isin(ids)].assign(arch_title="", task_title="")))
    return str(row["score"])


def _by_reason(failures: Iterable[tuple[str, str]]) -> list[str]:
    found: dict[str, list[str]] = {}
    for name, reason in failures:
        found.setdefault(reason, []).append(name)
    return [f"{_some(names)}: {reason}" for reason, names in found.items()]


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _print_list(heading: str, lines: Iterable[str]) -> None:
    found = list(lines)
    if found:
        print_heading(heading)
        print_lines(found[:MANY] + ([f"and {len(found) - MANY} more"] if len(found) > MANY else []))


def _next(outcome: Outcome, suite: str) -> str:
    """What to do now."""
    if outcome.stopped is not None:
        return f"{outcome.stopped}; to go on: {this_command()}"
    if outcome.refusals:
        return f"mend what is refused, and go on by: {this_command()}"
    if outcome.failures:
        again = this_command()
        return f"to train what failed anew: {again if REDO in again else f'{again} {REDO}'}"
    return "'harness report' makes the pages"
