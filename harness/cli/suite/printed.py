"""A suite on the terminal: a table of its cells, what is under way, what is wrong, and what is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.cli.terminal import clean, duration, number, print_heading, print_lines, print_rows

Content = Mapping[str, Any]


def print_plan(content: Content) -> None:
    """All cells, what a run of each costs, and the sum of what is missing."""
    _print_title(content)
    print_rows(
        [
            {
                "task": cell["task"],
                "architecture": cell["arch"],
                "state": _state(cell),
                "a run": _seconds(cell["run_seconds"]) if cell["state"] != "skipped" else "-",
                "left": _seconds(cell["seconds_left"]) if cell["seconds_left"] != 0 else "-",
                "recipe": cell["recipe"],
            }
            for cell in content["cells"]
        ]
    )
    _print_troubles(content)
    lacking = (cell for cell in content["cells"] if cell["not_measured"] and cell["seconds_left"] is None)
    _print_list("not measured", _by_reason((cell, cell["not_measured"]) for cell in lacking))
    _print_left(content, by_workers=True)


def print_status(content: Content) -> None:
    """How many runs are where, the cells that are not done, and what is under way."""
    _print_title(content)
    print_rows(
        [
            {"task": cell["task"], "architecture": cell["arch"], "state": _state(cell), "recipe": cell["recipe"]}
            for cell in content["cells"]
        ]
    )
    running = [
        f"{cell['arch']} on {cell['task']}, seed {run['seed']}: epoch {run['epoch'] or 0} of {run['epochs']}"
        f" on {run['host'] or 'this machine'} (run {run['run']})"
        for cell in content["cells"]
        for run in cell["running"]
    ]
    _print_list("under way", running)
    _print_troubles(content)
    print_heading("runs")
    counts = ", ".join(f"{count} {word}" for word, count in content["runs"].items() if count)
    print_lines([counts or "none", "a driver is at work" if content["at_work"] else "no driver is at work"])
    _print_left(content, by_workers=content["at_work"])


def _print_title(content: Content) -> None:
    runs = sum(content["runs"].values())
    size = f"{number(len(content['cells']), 'cell')}, {number(runs, 'run')}"
    print(clean(f"suite {content['suite']}: {content['title']}; {size}"))
    print(clean(f"file {content['file']}"), end="\n\n")


def _state(cell: Content) -> str:
    """``done 3/3``, ``part 1/3``, ``failed 1, done 2/3``; with the trials of a search that isn't over."""
    if cell["state"] == "skipped":
        return "skipped"
    words = [cell["state"]]
    if cell["trials"] is not None and cell["recipe_hash"] is None:
        over = sum(cell["trials"][word] for word in ("complete", "pruned", "failed"))
        return f"{cell['state']}, trials {over}/{cell['trials']['wanted']}"
    if cell["state"] in ("done", "part", "running"):
        words.append(f"{len(cell['done'])}/{len(cell['seeds'])}")
    if cell["failed"]:
        words = [f"failed {len(cell['failed'])}, done {len(cell['done'])}/{len(cell['seeds'])}"]
    return " ".join(words)


def _print_troubles(content: Content) -> None:
    for state in ("failed", "skipped"):
        cells = [cell for cell in content["cells"] if (cell["failed"] if state == "failed" else cell["state"] == state)]
        cells += [c for c in content["cells"] if state == "failed" and c["state"] == "failed" and c not in cells]
        _print_list(state, _by_reason((cell, cell["reason"]) for cell in cells))


def _by_reason(cells: Iterable[tuple[Content, str | None]]) -> list[str]:
    """Reason -> cells that have it, a line each."""
    found: dict[str, list[str]] = {}
    for cell, reason in cells:
        found.setdefault(reason or "of no known reason", []).append(f"{cell['arch']} on {cell['task']}")
    return [f"{', '.join(names)}: {reason}" for reason, names in found.items()]


def _print_list(heading: str, lines: list[str]) -> None:
    if lines:
        print_heading(heading)
        print_lines(lines)


def _print_left(content: Content, *, by_workers: bool) -> None:
    left = content["left"]
    if not left["seconds"] and not left["cells_not_measured"]:
        return
    about = "about " if left["searches"] else ""
    lines = [f"{about}{duration(left['seconds'])} of training, one after another"] if left["seconds"] else []
    if lines and by_workers and left["workers"] > 1:
        lines.append(f"{about}{duration(left['seconds_by_workers'])} by {left['workers']} workers")
    if lines and about:
        lines.append("trials to come are counted like those before, or like the recipe that their search begins with")
    if left["cells_not_measured"]:
        lines.append(f"{'and ' if lines else ''}{number(left['cells_not_measured'], 'cell')} whose cost is not known")
    print_heading("left")
    print_lines(lines)


def _seconds(seconds: float | None) -> str:
    return "?" if seconds is None else duration(seconds)
