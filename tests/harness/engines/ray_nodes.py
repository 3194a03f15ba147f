"""A Ray cluster for tests: several nodes on this machine, each with a home and data of its own, that can be killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DEATHS = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 2,
    "health_check_timeout_ms": 10_000,
}
"""The head sees a dead node within a second or two, and has patience with one that is only slow."""


class Nodes:
    """A cluster whose nodes are called ``first`` (where the driver is), ``second`` and so on."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        self.folder = folder
        head = {**self._arguments("first", 1, {}), "_system_config": DEATHS}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.others: dict[str, Any] = {}

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def home(self, name: str) -> Path:
        return self.folder / name / "home"

    def data(self, name: str) -> Path:
        return self.folder / name / "data"

    def add(self, name: str, cpus: int = 1, **environment: str) -> None:
        self.others[name] = self.cluster.add_node(**self._arguments(name, cpus, environment))

    def kill(self, name: str) -> None:
        """End a node as a power cut would."""
        self.cluster.remove_node(self.others.pop(name), allow_graceful=False)

    def only(self, *names: str) -> None:
        """Have the first node and these."""
        for name in [name for name in self.others if name not in names]:
            self.kill(name)
        for name in [name for name in names if name not in self.others]:
            self.add(name)

    def _arguments(self, name: str, cpus: int, environment: dict[str, str]) -> dict[str, Any]:
        self.data(name).mkdir(parents=True, exist_ok=True)
        own = {"HARNESS_HOME": str(self.home(name)), "HARNESS_DATA": str(self.data(name)), "OMP_NUM_THREADS": "1"}
        memory = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
        return {"num_cpus": cpus, "node_name": name, "env_vars": {**own, **environment}, **memory}
