"""The nodes of a Ray cluster as they come and go, and which of them are left out for what."""

from __future__ import annotations

import importlib
import math
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.engines.joining import reach
from harness.engines.unit import Resources
from harness.errors import UserError

EVERY = 1.0
"""Seconds between two looks at the cluster."""
GONE = 10.0
"""Seconds without any answer after which a cluster counts as gone. Ray itself would end the process after a minute."""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, or a part of one."""

    id: str
    name: str
    cpus: float
    gpus: float

    def room(self, needs: Resources) -> int:
        """How many units that need so much the node takes at once."""
        fits = [have / need for have, need in ((self.cpus, needs.cpus), (self.gpus, needs.gpus)) if need > 0]
        return math.floor(min(fits) + 1e-9) if fits else max(1, math.floor(self.cpus))


class Watch:
    """Looks at the cluster in a thread of its own, as Ray's calls hang for long when its head is gone."""

    def __init__(self, address: str) -> None:
        """Raises :class:`UserError` where the cluster has no node at all."""
        self.address = address
        self.alive: dict[str, Node] = _alive()
        self._known = dict(self.alive)
        self._told = dict(self.alive)
        self._dead: set[str] = set()
        self._answered_at = time.monotonic()
        self._over = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()
        if not self.alive:
            raise UserError(f"the Ray cluster at {address} has no live node")

    def name(self, node: str | None) -> str:
        """What a node is called, also when it is gone."""
        known = self._known.get(node or "")
        return known.name if known is not None else "a node of the cluster"

    def seen(self) -> list[Node]:
        """All nodes that the cluster has had, also those that are gone."""
        return list(self._known.values())

    def died(self, node: str) -> None:
        """Take a node for dead, which the cluster itself believes some seconds later. It never comes back by its id."""
        self._dead.add(node)
        self.alive = {one: found for one, found in self.alive.items() if one != node}

    def gone(self) -> bool:
        """Whether the cluster as a whole gives no sign of life."""
        if time.monotonic() - self._answered_at < GONE:
            return False
        try:
            reach(self.address, EVERY)
        except UserError:
            return True
        return time.monotonic() - self._answered_at > 3 * GONE

    def changes(self) -> list[str]:
        """Lines for the person about nodes that came or went since the last call."""
        now, before = dict(self.alive), self._told
        self._told = now
        came = [f"{now[node].name} joined the cluster" for node in now if node not in before]
        return came + [f"{before[node].name} left the cluster" for node in before if node not in now]

    def end(self) -> None:
        """Look no more."""
        self._over.set()

    def _look(self) -> None:
        while not self._over.wait(EVERY):
            try:
                found = _alive()
            except Exception:  # Ray has been left, or its head is gone: told by the age of the last answer
                continue
            self._known |= found
            self.alive = {one: node for one, node in found.items() if one not in self._dead}
            self._answered_at = time.monotonic()


class Bars:
    """Which nodes are left out: for all units, or for those of one task."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[str, str | None], str] = {}

    def add(self, node: str, task: str | None, reason: str) -> bool:
        """Leave a node out for the units of a task, or for all (None). Whether that is new."""
        new = (node, task) not in self._reasons
        self._reasons[node, task] = reason
        return new

    def reasons(self, task: str) -> Mapping[str, str]:
        """Node -> why it is left out for units of a task."""
        return {node: reason for (node, of), reason in self._reasons.items() if of in (None, task)}

    def everywhere(self) -> set[str]:
        """Nodes that are left out for all units."""
        return {node for node, task in self._reasons if task is None}


def needs(resources: Resources) -> str:
    """``2 CPUs and 0.25 GPUs``"""
    parts = [
        f"{number:g} {what}{'' if number == 1 else 's'}"
        for number, what in ((resources.cpus, "CPU"), (resources.gpus, "GPU"))
        if number
    ]
    return " and ".join(parts) or "nothing"


def _alive() -> dict[str, Node]:
    ray: Any = importlib.import_module("ray")
    found = [node for node in ray.nodes() if node["Alive"]]
    hosts = Counter(node["NodeManagerHostname"] for node in found)
    nodes = {}
    for node in found:
        host, identity = node["NodeManagerHostname"], node["NodeID"]
        given = node.get("NodeName")
        name = host if hosts[host] == 1 else f"{host} ({identity[:6]})"
        if given and given != node["NodeManagerAddress"]:  # ray start --node-name
            name = given
        has = node["Resources"]
        nodes[identity] = Node(identity, name, has.get("CPU", 0.0), has.get("GPU", 0.0))
    return nodes
