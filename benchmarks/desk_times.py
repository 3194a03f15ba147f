"""How many calls a second a real desk of the ``ray`` engine answers, for ``benchmarks/service_times.py``.

Clients are processes of Ray on this machine that tell the desk of their progress and wait for the answer, as workers
do, with a pause between two calls. Many without a pause leave the desk no time: that gives its time for a call. One
client alone gives the time of a call there and back. What several clients with pauses reach is used for nothing but
to see whether the simulation predicts it.
"""

from __future__ import annotations

import importlib.metadata
import os
import secrets
import tempfile
import time
from statistics import mean
from typing import Any

os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # else Ray leaves one in the home

import ray

from harness import addresses
from harness.engines.desk import GROUPS, Desk
from harness.engines.engine import Conditions, Progressed
from harness.engines.remote import Line
from harness.home import Home
from harness.machine import Machine

SECONDS = 4.0
SATURATING = 8
PAUSE = 0.01
"""Of one client alone: who calls without a pause finds the desk awake, as no worker does."""
CLIENTS = ((2, 0.01), (4, 0.01), (8, 0.01), (8, 0.005))
"""Number, and pause between two calls in seconds."""
TASKS = 300


@ray.remote(num_cpus=0)
class Client:
    """A worker that does nothing but tell."""

    def __init__(self, desk: Any, number: int) -> None:
        self.line = Line(desk, f"attempt-{number}")

    def tell(self, pause: float, seconds: float) -> tuple[int, float, float]:
        """Calls that were answered, the mean pause before one, which is longer than it was meant to be, and of a call
        the mean time there and back.
        """
        event, count, slept, called = Progressed("key", "run", 1.0, 10, 1.0, 0.5, 0.5), 0, 0.0, 0.0
        end = time.perf_counter() + seconds
        while (since := time.perf_counter()) < end:
            if pause:
                time.sleep(pause)
            awake = time.perf_counter()
            self.line.tell(event)
            count, slept, called = count + 1, slept + awake - since, called + time.perf_counter() - awake
        return count, slept / count, called / count


@ray.remote(num_cpus=1, max_retries=0)
def nothing(parcel: dict[str, Any]) -> dict[str, Any]:
    """What a unit costs Ray and the driver where there is nothing to train."""
    return {"node": "", "refused": parcel["name"], "all": False}


def throughput(desk: Any, clients: list[Any], pause: float) -> dict[str, Any]:
    """What all clients together reach. The driver takes the news away now and then."""
    found = [client.tell.remote(pause, SECONDS) for client in clients]
    while len(ray.wait(found, num_returns=len(found), timeout=0.1)[0]) < len(found):
        ray.get(desk.news.options(concurrency_group="news").remote())
    counts, pauses, calls = zip(*ray.get(found), strict=True)
    rate = sum(counts) / SECONDS
    return {"clients": len(clients), "pause": mean(pauses), "round_trip": mean(calls), "calls_per_second": rate}


def seconds_of_a_task() -> float:
    """Of one after the other, from its begin to its end."""
    parcel = {"name": "unit", "recipe": {str(number): 1.0 for number in range(40)}}
    ray.get(nothing.remote(parcel))
    since = time.perf_counter()
    for _ in range(TASKS):
        ray.get(nothing.remote(parcel))
    return (time.perf_counter() - since) / TASKS


def measure() -> dict[str, Any]:
    """The part of the document about the desk. Starts a Ray cluster on this machine, and ends it."""
    ray.init("local", num_cpus=os.cpu_count(), include_dashboard=False, log_to_driver=False, namespace="harness")
    try:
        with tempfile.TemporaryDirectory() as folder:
            home = Home.find(folder)
            conditions = Conditions.of(Machine(home, home.data), addresses.of_file(home.path / "store.sqlite"))
            desk = ray.remote(num_cpus=0, concurrency_groups=GROUPS)(Desk).remote(conditions.to_dict())
            clients = [Client.remote(desk, number) for number in range(SATURATING)]
            throughput(desk, clients, 0.1)  # all have found the desk
            alone = throughput(desk, clients[:1], PAUSE)["round_trip"]
            busy = 1 / throughput(desk, clients, 0.0)["calls_per_second"]
            return {
                "ray": importlib.metadata.version("ray"),
                "round_trip": alone,
                "call_seconds": min(alone, busy),
                "begin_seconds": seconds_of_a_task(),
                "throughput": [throughput(desk, clients[:count], pause) for count, pause in CLIENTS],
            }
    finally:
        ray.shutdown()
