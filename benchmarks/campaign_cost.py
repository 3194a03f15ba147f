"""What a campaign costs by measured step times: core-hours, and days on so many cores.

    python benchmarks/campaign_cost.py                                    # 12 architectures x 12 tasks
    python benchmarks/campaign_cost.py --architectures 6 --tasks 15 --trials 30 --cores 8,64
    python benchmarks/campaign_cost.py --json
    python benchmarks/campaign_cost.py --docs                             # writes the table of docs/scaling.md anew

The times are those of a file that ``benchmarks/step_times.py`` measured, one core a run. A pair costs its trials,
each a training without the test, and one tested run for each seed. As many architectures and tasks as a campaign has
need not exist: a pair that does not is counted as the mean of those that were measured.

Trials are counted as trained to their end by the ``standard`` recipe. A pruner ends some of them earlier, and a
search space with larger layers than the recipe's makes others longer; neither is in the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from pages import PAGE, replace_block, table

FILE = Path(__file__).parent / "measured" / "step_times.json"
HOUR, DAY = 3600.0, 86400.0


@dataclass(frozen=True)
class Plan:
    """The size of a campaign."""

    architectures: int = 12
    tasks: int = 12
    seeds: int = 5
    trials: int = 100
    cores: tuple[int, ...] = (2, 16, 128, 1024)

    @property
    def pairs(self) -> int:
        """How many searches there are."""
        return self.architectures * self.tasks

    @property
    def runs(self) -> int:
        """How many trainings there are, trials and tested runs."""
        return self.pairs * (self.trials + self.seeds)


def pair_seconds(pair: dict[str, Any], plan: Plan) -> float:
    """Seconds of one core for the trials and the tested runs of a measured pair."""
    return plan.trials * (pair["run_seconds"] - pair["test_seconds"]) + plan.seeds * pair["run_seconds"]


def chain_seconds(pair: dict[str, Any], plan: Plan) -> float:
    """Seconds until a pair is done however many cores there are: its trials come one after the other."""
    return plan.trials * (pair["run_seconds"] - pair["test_seconds"]) + (pair["run_seconds"] if plan.seeds else 0.0)


def cost(document: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """What `plan` costs by the measured pairs of `document`, as plain values."""
    pairs = document["pairs"]
    total = mean(pair_seconds(pair, plan) for pair in pairs) * plan.pairs
    longest = max(pairs, key=lambda pair: chain_seconds(pair, plan))
    chain = chain_seconds(longest, plan)
    return {
        "architectures": plan.architectures,
        "tasks": plan.tasks,
        "seeds": plan.seeds,
        "trials": plan.trials,
        "searches": plan.pairs,
        "runs": plan.runs,
        "core_hours": total / HOUR,
        "core_hours_of_measured_pairs": sum(pair_seconds(pair, plan) for pair in pairs) / HOUR,
        "measured_pairs": len(pairs),
        "measured_architectures": sorted({pair["arch"] for pair in pairs}),
        "measured_tasks": sorted({pair["task"] for pair in pairs}),
        "mean_run_seconds": mean(pair["run_seconds"] for pair in pairs),
        "longest_pair": {"arch": longest["arch"], "task": longest["task"], "days": chain / DAY},
        "days": {str(cores): max(total / cores, chain) / DAY for cores in plan.cores},
        "days_if_divided_evenly": {str(cores): total / cores / DAY for cores in plan.cores},
        "pairs": [
            {
                "arch": pair["arch"],
                "task": pair["task"],
                "measured_on": pair["measured_on"],
                "data": pair["data"],
                "run_seconds": pair["run_seconds"],
                "core_hours": pair_seconds(pair, plan) / HOUR,
            }
            for pair in pairs
        ],
    }


def by_pair(answer: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of core-hours: a row a task, a column an architecture."""
    hours = {(pair["task"], pair["arch"]): pair["core_hours"] for pair in answer["pairs"]}
    archs = answer["measured_architectures"]
    rows = []
    for task in answer["measured_tasks"]:
        own = [hours.get((task, arch)) for arch in archs]
        present = [value for value in own if value is not None]
        rows.append([task, *("" if value is None else figure(value) for value in own), figure(mean(present))])
    means = [mean(hours[key] for key in hours if key[1] == arch) for arch in archs]
    rows.append(["mean", *map(figure, means), figure(mean(hours.values()))])
    return ["core-hours", *archs, "mean"], rows


def in_total(answer: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of days by number of cores."""
    rows = [
        [f"{int(cores):,}", figure(answer["days_if_divided_evenly"][cores]), figure(days)]
        for cores, days in answer["days"].items()
    ]
    return ["cores", "days, if work could be divided evenly", "days at least, trials of a study in turn"], rows


def sentences(answer: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """What the tables are about, and how the numbers of a campaign came from those of fewer pairs."""
    others = sorted({p["measured_on"] for p in answer["pairs"] if p["data"] == "another variant"})
    random = sorted({p["task"] for p in answer["pairs"] if p["data"] == "random numbers"})
    hardware, software = (document["environment"][key] for key in ("hardware", "software"))
    longest, missing = answer["longest_pair"], document["not_measured"]
    told = [
        f"{answer['architectures']} architectures x {answer['tasks']} tasks: {answer['searches']:,} searches of"
        f" {answer['trials']} trials, {answer['seeds']} tested seeds each, {answer['runs']:,} runs:"
        f" {figure(answer['core_hours'])} core-hours.",
        f"Measured were {answer['measured_pairs']} pairs: {len(answer['measured_architectures'])} architectures and"
        f" {len(answer['measured_tasks'])} tasks. The campaign is {answer['searches']:,} times their mean of"
        f" {figure(answer['core_hours'] / answer['searches'])} core-hours; a run takes"
        f" {figure(answer['mean_run_seconds'])} s in the mean.",
        f"The longest search is {longest['arch']} on {longest['task']}: {figure(longest['days'])} days, as its trials"
        " come one after the other; no number of cores makes the campaign shorter.",
        f"Machine: {hardware['cpu']}, {document['threads']} thread a run, device {document['device']}; torch"
        f" {software['torch']}, Python {software['python']}; {document['date']}.",
    ]
    if others:
        told.append(f"Measured on another variant with sequences of the same shape: {', '.join(others)}.")
    if random:
        told.append(f"Measured on random numbers in the published shape: {', '.join(random)}.")
    if missing:
        told.append(f"Not measured, for want of data: {', '.join(missing)}.")
    return told


def markdown(answer: dict[str, Any], document: dict[str, Any]) -> str:
    """The block of the page."""
    told = "\n".join(f"- {sentence}" for sentence in sentences(answer, document))
    return f"{told}\n\n{table(*in_total(answer))}\n\n{table(*by_pair(answer))}"


def plain(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for a terminal: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(cells))
        for cells in (zip(row, widths, strict=True) for row in (heading, *rows))
    )


def figure(value: float) -> str:
    """A number with three digits that mean something, and no exponent: 0.0123, 4.56, 789, 12,300."""
    if value >= 999.5:
        step = 10 ** (len(str(round(value))) - 3)
        return f"{round(value / step) * step:,.0f}"
    return f"{value:.3g}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, work it out, print it or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=FILE, help="of benchmarks/step_times.py")
    for name, default in (("architectures", 12), ("tasks", 12), ("seeds", 5), ("trials", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--cores", default="2,16,128,1024", help="numbers of cores, as 2,16")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--markdown", action="store_true", help="print the block of the page")
    form.add_argument("--docs", action="store_true", help=f"write that block into {PAGE.name}")
    options = parser.parse_args(arguments)
    cores = tuple(int(part) for part in options.cores.split(","))
    plan = Plan(options.architectures, options.tasks, options.seeds, options.trials, cores)
    document = json.loads(options.file.read_text(encoding="utf-8"))
    answer = cost(document, plan)
    if options.json:
        print(json.dumps(answer, indent=1))
    elif options.markdown:
        print(markdown(answer, document))
    elif options.docs:
        replace_block(PAGE, "campaign cost", markdown(answer, document))
    else:
        print("\n".join(sentences(answer, document)), plain(*in_total(answer)), plain(*by_pair(answer)), sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
