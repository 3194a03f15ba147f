"""A campaign on a cluster, simulated: where the desk and the store saturate, and what failures of nodes cost.

    python benchmarks/simulation.py                                  # all tables
    python benchmarks/simulation.py --workers 64,256,1024 --progress-every 10
    python benchmarks/simulation.py --call 0.001 --write 0.004       # other service times than the measured ones
    python benchmarks/simulation.py --json
    python benchmarks/simulation.py --docs                           # saves the JSON, and writes docs/scaling.md anew

What is simulated is the ``ray`` engine; the model is in ``benchmarks/cluster.py``. Service times are those of a file
that ``benchmarks/service_times.py`` measured; lengths of runs are those of ``benchmarks/step_times.py``, every pair
as likely as any other. Not in it: the network as a bottleneck, Ray's own scheduler, disks of the nodes.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import campaign_cost
import service_times
from campaign_cost import plain
from cluster import Answer, Campaign, Cluster, Costs, Draw, Habits, fixed, one_of
from pages import PAGE, replace_block, table

FILE = Path(__file__).parent / "measured" / "simulation.json"
WORKERS = (16, 64, 256, 1024, 4096)
SHORT = (5.0, 1.0)
"""A short run, as those of the suite ``quick``: seconds, and seconds between two writes of its curve."""
WATCHED, WARM_UP = 60.0, 15.0
"""Seconds of the tables of load, in which every worker does something every second."""
DAY = 86400.0
MONTH = 30 * DAY
FAILING = Cluster(workers=128, per_node=16)
DAYS_BETWEEN_FAILURES = (1.0, 7.0, 30.0)
"""Of one node."""
NOTHING = Costs(call=0.0, latency=0.0, write=0.0, computing=0.0, begin=0.0)
STORES = {"sqlite": "SQLite behind the desk", "postgresql": "PostgreSQL"}


def costs_of(document: dict[str, Any], store: str, call: float | None, write: float | None) -> Costs | None:
    """What was measured, as the model takes it, but for what is given; None where a part is neither."""
    found, desk = document[store] or {}, document["desk"] or {}
    call, write = call or desk.get("call_seconds"), write or found.get("write_seconds")
    if call is None or write is None:
        return None
    return Costs(
        call=call,
        latency=max(0.0, desk.get("round_trip", 0.0) - call),
        write=write,
        computing=min(write, found.get("computing_seconds", 0.0)),
        begin=desk.get("begin_seconds", 0.0),
        writers=found.get("writers", 1) if store == "postgresql" else 1,
        behind_desk=store == "sqlite",
    )


def runs_of(document: dict[str, Any]) -> Draw:
    """The runs of all measured pairs, one as likely as another."""
    return one_of([(p["run_seconds"], max(1.0, p["run_seconds"] / p["epochs"])) for p in document["pairs"]])


def under_load(costs: Costs, draw: Draw, workers: Sequence[int], habits: Habits) -> list[tuple[int, Answer]]:
    """The cluster at several sizes, without failures."""
    return [(count, Campaign(costs, Cluster(count), habits, draw).watch(WATCHED, WARM_UP)) for count in workers]


def knee(answers: Sequence[tuple[int, Answer]]) -> tuple[str, float]:
    """What saturates first, and at how many workers, by the loads at the largest size where all have time left."""
    loads = [
        (count, {name: getattr(a, f"{name}_busy") for name in ("desk", "store", "driver")}) for count, a in answers
    ]
    count, busy = next((one for one in reversed(loads) if max(one[1].values()) < 0.8), loads[0])
    first = max(busy, key=lambda name: busy[name])
    return first, count / max(busy[first], 1e-12)


def failing(draw: Draw, shared: bool, days: float) -> Answer:
    """A month of a cluster whose nodes fail, where calls cost nothing."""
    cluster = Cluster(FAILING.workers, FAILING.per_node, days * DAY)
    habits = Habits(progress_every=math.inf, shared=shared, calls_at_start=0, calls_at_end=0, desk_calls=0)
    return Campaign(NOTHING, cluster, habits, draw).watch(MONTH)


def simulate(options: argparse.Namespace) -> dict[str, Any]:
    """All experiments as plain values; what cannot be simulated, as its input was not measured, is None."""
    services = json.loads(options.services.read_text(encoding="utf-8"))
    steps = json.loads(options.steps.read_text(encoding="utf-8"))
    kinds = {"campaign": runs_of(steps), "short": fixed(*SHORT)}
    habits = Habits(progress_every=options.progress_every)
    document: dict[str, Any] = {"progress_every": options.progress_every, "load": {}, "failures": []}
    for store in STORES:
        costs = costs_of(services, store, options.call, options.write)
        for kind, draw in kinds.items():
            answers = None if costs is None else under_load(costs, draw, options.workers, habits)
            document["load"][f"{store} {kind}"] = answers and {
                "costs": asdict(costs),
                "saturates": knee(answers),
                "by_workers": {str(count): asdict(answer) for count, answer in answers},
            }
    for kind, draw in {"campaign": kinds["campaign"], "day": fixed(DAY)}.items():
        for shared in (False, True):
            for days in DAYS_BETWEEN_FAILURES:
                answer = failing(draw, shared, days)
                document["failures"].append({"runs": kind, "shared": shared, "days": days, **asdict(answer)})
    return document


def load_table(document: dict[str, Any], kind: str) -> tuple[list[str], list[list[str]]]:
    """Heading and rows: how busy the workers, the desk and the store are, by number of workers."""
    found = {store: document["load"][f"{store} {kind}"] for store in STORES}
    found = {store: content for store, content in found.items() if content is not None}
    heading = ["workers"]
    for store in found:
        heading += [f"training, {STORES[store]}", "desk busy", *(["store busy"] if store == "postgresql" else [])]
    counts = next(iter(found.values()))["by_workers"] if found else {}
    rows = []
    for count in counts:
        row = [f"{int(count):,}"]
        for store, content in found.items():
            answer = content["by_workers"][count]
            row += [percent(answer["utilisation"]), percent(answer["desk_busy"])]
            row += [percent(answer["store_busy"])] if store == "postgresql" else []
        rows.append(row)
    return heading, rows


def failure_table(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Heading and rows: what is kept of the workers' time, by time between failures of a node."""
    heading = [
        "days between failures of a node",
        "runs",
        "kept, without --shared",
        "given up",
        "kept, with --shared",
        "given up",
    ]
    rows = []
    for kind, told in (("campaign", "of the campaign"), ("day", "of a day")):
        for days in DAYS_BETWEEN_FAILURES:
            alone, shared = (
                next(f for f in document["failures"] if (f["runs"], f["shared"], f["days"]) == (kind, which, days))
                for which in (False, True)
            )
            cells = [cell for one in (alone, shared) for cell in (percent(one["kept"]), str(one["given_up"]))]
            rows.append([f"{days:g}", told, *cells])
    return heading, rows


def sentences(document: dict[str, Any], kind: str) -> list[str]:
    """Where what saturates, for one kind of runs."""
    told = []
    for store, name in STORES.items():
        found = document["load"][f"{store} {kind}"]
        if found is None:
            told.append(f"{name}: not simulated, as its service times or the desk's were not measured.")
        else:
            first, count = found["saturates"]
            told.append(f"{name}: the {first} has no time left at about {rounded(count)} workers.")
    return told


def told_of(document: dict[str, Any], form: Any, bullet: str = "") -> str:
    """Everything, with tables made by `form`."""
    parts = []
    for kind, name in (("campaign", "Runs of the campaign"), ("short", "Runs of 5 seconds")):
        parts += [f"{name}, a sign of life every {document['progress_every']:g} s:"]
        parts += ["\n".join(f"{bullet}{sentence}" for sentence in sentences(document, kind))]
        heading, rows = load_table(document, kind)
        parts += [form(heading, rows)] if rows else []
    count, nodes = FAILING.workers, FAILING.workers // FAILING.per_node
    parts += [f"A month of {count} workers on {nodes} nodes that fail and are there again after five minutes:"]
    return "\n\n".join([*parts, form(*failure_table(document))])


def percent(share: float) -> str:
    """Three digits at most."""
    return f"{share * 100:.3g} %"


def rounded(number: float) -> str:
    """Two digits that mean something."""
    step = 10 ** max(0, len(str(int(number))) - 2)
    return f"{round(number / step) * step:,}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, simulate, print or write into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=Path, default=service_times.FILE)
    parser.add_argument("--steps", type=Path, default=campaign_cost.FILE)
    parser.add_argument("--workers", default=",".join(map(str, WORKERS)), help="numbers of workers, as 16,64")
    parser.add_argument("--progress-every", type=float, default=1.0, help="seconds between two signs of life of a run")
    parser.add_argument("--call", type=float, help="seconds that the desk is busy with a call, instead of the measured")
    parser.add_argument("--write", type=float, help="seconds of a transaction, instead of the measured")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--docs", action="store_true", help=f"save the JSON, and write the tables of {PAGE.name}")
    options = parser.parse_args(arguments)
    options.workers = [int(part) for part in options.workers.split(",")]
    document = simulate(options)
    if options.json:
        print(json.dumps(document, indent=1))
    elif options.docs:
        FILE.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        replace_block(PAGE, "simulation", told_of(document, table, "- "))
    else:
        print(told_of(document, plain))
    return 0


if __name__ == "__main__":
    sys.exit(main())
