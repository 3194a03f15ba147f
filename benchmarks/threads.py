"""Training steps a second with one and two threads, alone and beside a busy loop, by how OpenMP's threads wait.

    python benchmarks/threads.py --out benchmarks/measured/threads.json     # measure, about 10 minutes
    python benchmarks/threads.py --docs                                     # write the table into docs/speed.md

After each parallel region the threads of OpenMP's GNU runtime spin before they sleep. While something else has their
core, a thread at a barrier spins away the time that the late one needs. Every way to wait has a process of its own, as
the runtime reads its variables when it is loaded. These processes take turns, each with one and the same layer at a
time; the others sleep meanwhile. In every second round a busy loop is pinned to the first core. The load average is
recorded at every turn, so that it can be seen whether the machine was quiet otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

FOLDER = Path(__file__).resolve().parent
FILE = FOLDER / "measured" / "threads.json"
ARCHITECTURES = ("unicornn", "gru", "lstm", "cornn")
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


@dataclass(frozen=True)
class Way:
    """A number of threads, and how they wait."""

    threads: int
    name: str
    variables: tuple[tuple[str, str], ...] = ()


SPINNING = ("GOMP_SPINCOUNT", "300000")
"""The default of GNU's runtime, written out, as the harness has another one."""
WAYS = (
    Way(1, "default of the runtime", (SPINNING,)),
    Way(2, "default of the runtime", (SPINNING,)),
    Way(2, "passive", (("OMP_WAIT_POLICY", "passive"),)),
    *(Way(2, f"spin count {count:,}", (("GOMP_SPINCOUNT", str(count)),)) for count in (1_000, 10_000, 100_000)),
)


class Worker:
    """A process that trains when it is asked to, and sleeps otherwise."""

    def __init__(self, way: Way, length: int, batch: int, hidden: int) -> None:
        self.way = way
        environment = {key: value for key, value in os.environ.items() if key not in VARIABLES} | dict(way.variables)
        environment["OMP_NUM_THREADS"] = str(way.threads)
        order = json.dumps({"threads": way.threads, "length": length, "batch": batch, "hidden_size": hidden})
        command = [sys.executable, __file__, "--worker", order]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=FOLDER.parent
        )

    def steps(self, arch: str, seconds: float) -> dict[str, Any]:
        """Train for so many seconds: the rate, the CPU time in a second, and the load."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([arch, seconds]) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise SystemExit(f"the process for {self.way} ended with code {self.process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """Let the process end."""
        self.process.communicate()


def work(order: dict[str, Any]) -> None:
    """What the process of a worker does: one layer after the other, as its input says."""
    import torch

    torch.set_num_threads(order.pop("threads"))
    from harness.allocation import keep_freed_memory
    from harness.registry import Registry
    from harness.speed.cases import Case
    from harness.speed.subject import Subject

    keep_freed_memory()
    registry, subjects = Registry(), {}
    for line in sys.stdin:
        arch, seconds = json.loads(line)
        if arch not in subjects:
            subjects[arch] = Subject(Case(arch, **order), registry)
            subjects[arch].step()  # warms up
        steps, since, computed = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - since < seconds or not steps:
            subjects[arch].step()
            steps += 1
        taken = time.perf_counter() - since
        told = {
            "steps_per_second": steps / taken,
            "cpu": (time.process_time() - computed) / taken,
            "load_average": os.getloadavg()[0],
        }
        print(json.dumps(told), flush=True)


@contextmanager
def busy_loop(core: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that keeps one core busy between SIGCONT and SIGSTOP; it is stopped at first."""
    begin = f"import os, signal\nos.sched_setaffinity(0, {{{core}}})\nos.kill(os.getpid(), signal.SIGSTOP)"
    code = f"{begin}\nwhile os.getppid() == {os.getpid()}: pass"  # never longer than this program
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        try:
            yield process
        finally:
            process.kill()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The document: a row for every turn."""
    from harness.environment import collect, lasting

    environment = lasting(collect(2))
    rows: list[dict[str, Any]] = []
    cores = sorted(os.sched_getaffinity(0))
    workers = [Worker(way, options.length, options.batch, options.hidden) for way in WAYS]
    try:
        with busy_loop(cores[0]) as loop:
            for number in range(2 * options.rounds):
                disturbed = bool(number % 2)
                loop.send_signal(signal.SIGCONT if disturbed else signal.SIGSTOP)
                for arch in ARCHITECTURES:
                    for worker in workers if number // 2 % 2 else reversed(workers):
                        found = worker.steps(arch, options.seconds)
                        way = {"threads": worker.way.threads, "wait": worker.way.name}
                        rows.append({"arch": arch, **way, "disturbed": disturbed, **found})
                        print(json.dumps(rows[-1]), file=sys.stderr)
    finally:
        for worker in workers:
            worker.close()
    return {
        "command": "python benchmarks/threads.py",
        "date": date.today().isoformat(),
        "size": {"length": options.length, "batch": options.batch, "hidden_size": options.hidden},
        "seconds": options.seconds,
        "usable_cores": len(cores),
        "environment": {name: environment[name] for name in ("hardware", "software")},
        "ways": [asdict(way) for way in WAYS],
        "turns": rows,
    }


def rate(document: dict[str, Any], arch: str, way: dict[str, Any], disturbed: bool) -> float:
    """The median rate of one layer, waiting in one way."""
    wanted = {"arch": arch, "threads": way["threads"], "wait": way["name"], "disturbed": disturbed}
    found = [row for row in document["turns"] if all(row[key] == value for key, value in wanted.items())]
    return median(row["steps_per_second"] for row in found)


def markdown(document: dict[str, Any]) -> str:
    """The block of the page: rates, and in brackets the ratio to one thread in the same minutes."""
    from pages import table

    size, hardware = document["size"], document["environment"]["hardware"]
    heading = [
        "threads and how they wait",
        *(f"{arch}{also}" for arch in ARCHITECTURES for also in ("", ", disturbed")),
    ]
    alone = document["ways"][0]
    rows = []
    for way in document["ways"]:
        cells = []
        for arch in ARCHITECTURES:
            for disturbed in (False, True):
                here, one = (rate(document, arch, which, disturbed) for which in (way, alone))
                cells.append(f"{here:.3g} ({here / one:.2f})")
        rows.append([f"{way['threads']}, {way['name']}", *cells])
    loads = {
        flag: [row["load_average"] for row in document["turns"] if row["disturbed"] is flag] for flag in (False, True)
    }
    said = (
        f"Training steps a second at {size['length']} x {size['batch']} x {size['hidden_size']}, in brackets the ratio"
        f" to one thread: medians of turns of {document['seconds']:g} s. {hardware['cpu']}, {document['usable_cores']}"
        f" usable cores; load average {min(loads[False]):.1f} to {max(loads[False]):.1f} without the busy loop and"
        f" {min(loads[True]):.1f} to {max(loads[True]):.1f} beside it; {document['date']}."
    )
    return f"{said}\n\n{table(heading, rows)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line; measure and write the file, or write the page from the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FILE)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each kind")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn")
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--docs", action="store_true", help="write what is in the file into docs/speed.md")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        work(json.loads(options.worker))
    elif options.docs:
        from pages import SPEED, replace_block

        document = json.loads(options.out.read_text(encoding="utf-8"))
        replace_block(SPEED, "threads", markdown(document))
        print(markdown(document))
    else:
        document = measure(options)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(markdown(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
