"""``demo``: four architectures on real data, ranked on a page, in a few minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.options import BackendOption, HomeOption, ThreadsOption, path_option

ARCHITECTURES = ("cornn", "unicornn", "lstm", "gru")
TASK = "psdigits"
SEEDS = (0, 1, 2)


def demo(
    out: Annotated[Path, path_option("--out", "DIR", "Folder that the page is written to.")] = Path("site"),
    backend: BackendOption = None,
    threads: ThreadsOption = None,
    home: HomeOption = None,
) -> None:
    """Train coRNN, UnICORNN, LSTM and GRU on permuted digits (no download), print the table and write the page."""
    from harness.cli import training
    from harness.cli.frames import frames
    from harness.cli.terminal import print_rows
    from harness.errors import explained
    from harness.home import Home
    from harness.registry import Registry
    from harness.store import Run, open_store
    from reports import check_folder, render, table

    with explained("demo"):
        check_folder(out)  # before minutes of training
    machine = training.machine(home, None, True, "cpu", threads, 10.0, backend)
    jobs = [training.Wanted(arch, TASK).job(machine) for arch in ARCHITECTURES]
    store = open_store(home)
    runs: list[Run] = []
    for job in jobs:
        runs += training.train(job, SEEDS, store)
        if runs[-1].state == "interrupted":
            raise typer.Exit(training.exit_code(runs))
    content = frames(store, Registry(), Home.find(home))
    print_rows([_row(row) for row in table(content) if row["task"] == TASK])
    with explained("demo"):
        page = render(content, out)
    print(f"the page: {page.absolute()}")
    raise typer.Exit(training.exit_code(runs))


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A line of the leaderboard as the terminal shows it."""
    return {
        "rank": row["rank"] or "-",
        "architecture": row["arch_title"],
        "test accuracy": row["score"],
        "seeds": row["n"],
        "parameters": f"{row['parameters']:,}",
        "seconds a run": f"{row['seconds']:.1f}",
        "state": row["state"],
    }
