"""What the verbs of a suite begin with: the file worked out, and the store that knows how far it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.cli.terminal import tell
from harness.machine import Machine
from harness.registry import Registry
from harness.store import Store, store_to_list
from harness.suites.cells import Grid
from harness.suites.file import load
from harness.suites.grid import work_out
from harness.suites.standing import Standing, driver_lock, standings


@dataclass(frozen=True)
class Opened:
    """A suite on a machine."""

    grid: Grid
    registry: Registry
    machine: Machine
    """With the threads of the suite, unless the command says others."""
    store: Store
    storage: str | None

    @classmethod
    def of(
        cls,
        suite: str,
        machine: Machine,
        plugins: tuple[str, ...] = (),
        storage: str | None = None,
        store: Store | None = None,
        measuring: bool = True,
    ) -> Opened:
        """The suite of a name or a file; `store` is that of the home where none is given, an empty one where it has
        none. Without `measuring` cells whose size would have to be measured first are skipped.
        """
        read = load(suite)
        registry = read.registry(plugins)
        on = replace(machine, threads=machine.threads or read.threads)
        grid = work_out(read, on.home, registry, tell, on if measuring else None)
        return cls(grid, registry, on, store or store_to_list(on.home.path), storage)

    def standings(self) -> list[Standing]:
        """How every cell stands now."""
        return standings(self.grid, self.store, self.machine.home, self.storage, self.registry)

    @property
    def at_work(self) -> bool:
        """Whether a driver has the suite now."""
        return self.store.held(driver_lock(self.grid.name))
