"""How units get to the nodes of a Ray cluster: the desk, and parcels with all that a unit needs."""

from __future__ import annotations

import importlib
import os
import uuid
from collections.abc import Sequence
from typing import Any

from harness import addresses
from harness.engines import versions
from harness.engines.desk import GROUPS, Desk
from harness.engines.engine import Conditions
from harness.engines.reasons import last_line
from harness.engines.unit import Unit
from harness.errors import UserError

ANSWER = 20.0
"""Seconds that the desk may take to answer."""
SETTINGS = ("HARNESS_BACKEND", "HARNESS_THREADS", "HARNESS_SUBNORMALS", "HARNESS_CUDA_GRAPHS")
"""Variables that are the same on all nodes as where the campaign was begun, as the numbers may depend on them."""


class Dispatch:
    """Sends units into the cluster that this process has joined, and talks with the desk, which it opens."""

    def __init__(self, conditions: Conditions, shared: str | None, plugins: dict[str, bytes]) -> None:
        """Raises :class:`UserError` where this node has other versions than this process, or nothing of it."""
        self._ray = importlib.import_module("ray")
        self._at = self._ray.get_runtime_context().get_node_id()
        self._desk = self._open_desk(conditions)
        self._receive = self._task()
        self._common = self._in_common(conditions, shared, plugins)

    def send(self, unit: Unit, attempt: str, without: Sequence[str]) -> Any:
        """Give a unit to Ray, for any node that isn't one of `without`; returns Ray's reference to its end."""
        needed = unit.resources
        options: dict[str, Any] = {"num_cpus": needed.cpus, "num_gpus": needed.gpus, "name": unit.name}
        if without:
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(without)})"}
        return self._receive.options(**options).remote({**self._common, "unit": unit.to_dict(), "attempt": attempt})

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the desk, in the group that it belongs to."""
        group = {"over": "locks"}.get(method, "news")
        call = getattr(self._desk, method).options(concurrency_group=group)
        return self._ray.get(call.remote(*arguments), timeout=ANSWER)

    def _open_desk(self, conditions: Conditions) -> Any:
        """The desk, on this very node; a :class:`UserError` where its Python isn't that of this command."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(self._at, soft=False)
        kind = self._ray.remote(num_cpus=0, concurrency_groups=GROUPS)(Desk)
        desk = kind.options(scheduling_strategy=here).remote(conditions.to_dict())
        try:
            theirs = self._ray.get(desk.versions.remote(), timeout=3 * ANSWER)
        except self._ray.exceptions.RayError as error:
            raise UserError(
                f"the Ray node on this machine cannot be used ({last_line(error)}): start it ('ray start') from the"
                " environment in which this command runs"
            ) from error
        if differs := versions.difference(versions.here(), theirs):
            raise UserError(f"the Ray node on this machine has {differs}: start it where this command runs")
        return desk

    def _task(self) -> Any:
        """The remote function; it travels by value, as what it is for may be missing where it arrives."""
        from ray import cloudpickle

        from harness.engines import outpost

        cloudpickle.register_pickle_by_value(outpost)
        return self._ray.remote(max_retries=0)(outpost.receive)

    def _in_common(self, conditions: Conditions, shared: str | None, plugins: dict[str, bytes]) -> dict[str, Any]:
        """What the parcels of all units have in common."""
        store = conditions.store_url
        return {
            "campaign": uuid.uuid4().hex,
            "desk": self._desk,
            "conditions": conditions.to_dict(),
            "served": store.get_backend_name() != "sqlite",
            "store_name": addresses.shown(store),
            "plugins": plugins,
            "shared": shared,
            "at": self._at,
            "versions": versions.here(),
            "environment": {name: os.environ.get(name) for name in SETTINGS},
        }
