"""What all engines have in common: they begin units, tell what becomes of them, and end them when asked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from sqlalchemy.engine import URL

from harness import addresses
from harness.engines.unit import Unit
from harness.home import Home
from harness.machine import Machine
from harness.store import State


@dataclass(frozen=True)
class Conditions:
    """What all units of a campaign have in common, as plain values. Nothing here changes what a run means."""

    home: str
    """Folder with checkpoints, weights, caches and locks."""
    data_root: str
    store: str
    """The store as :func:`harness.addresses.text` writes it, with its password."""
    offline: bool = False
    threads: int | None = None
    checkpoint_every: float = 10.0
    backend: str | None = None
    plugins: tuple[str, ...] = ()

    @classmethod
    def of(cls, machine: Machine, store: URL, plugins: Sequence[str] = ()) -> Self:
        """The conditions of `machine` with the store at `store`."""
        return cls(
            home=str(machine.home.path),
            data_root=str(machine.data_root),
            store=addresses.text(store),
            offline=machine.offline,
            threads=machine.threads,
            checkpoint_every=machine.checkpoint_every,
            backend=machine.backend,
            plugins=tuple(plugins),
        )

    @property
    def store_url(self) -> URL:
        """Where the store is."""
        return addresses.read(self.store)

    def machine(self, device: str = "auto") -> Machine:
        """The machine as a unit on `device` sees it."""
        return Machine(
            Home(Path(self.home)),
            Path(self.data_root),
            self.offline,
            device,
            self.threads,
            self.checkpoint_every,
            backend=self.backend,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; :meth:`from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """The conditions that :meth:`to_dict` wrote."""
        return cls(**{**document, "plugins": tuple(document["plugins"])})


@dataclass(frozen=True)
class Progressed:
    """A sign of life of a unit, about once a second."""

    key: str
    run: str
    """Id of the run that is trained."""
    done: float
    """Epochs that are done, with the fraction of the one under way."""
    epochs: int
    seconds: float
    """Of training so far, over all sittings."""
    loss: float | None = None
    valid: float | None = None
    """Of the last epoch; None before its end."""


@dataclass(frozen=True)
class Said:
    """A line for the person: a warning, or what a worker has to tell. ``key`` is None where no unit is meant."""

    key: str | None
    line: str


@dataclass(frozen=True)
class Ended:
    """The end of a unit; each unit that was begun has one.

    ``how`` is ``over`` where the unit came to its own end, and ``state`` says which: that of the run or the trial
    (``interrupted`` where it was asked to stop), or None where no trial waited any more. ``refused``: it could not
    begin or go on, nothing is wrong with what was stored, and ``sentence`` tells the person what to mend. ``died``: its
    process or machine is gone, and it can be begun again; ``sentence`` is a clause: ``by SIGKILL``, ``with code 1``.
    """

    key: str
    how: Literal["over", "refused", "died"]
    state: State | None = None
    sentence: str = ""
    """Of a run that failed or was pruned, its reason."""
    run: str | None = None
    where: str = ""
    """Name of the machine."""
    known: bool = False
    """Whether nothing was trained, as the run was over already."""
    valid: float | None = None
    test: float | None = None
    seconds: float = 0.0


Event = Progressed | Said | Ended
_KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in (Progressed, Said, Ended)}


def document_of(event: Event) -> dict[str, Any]:
    """An event as plain JSON; :func:`event_of` reads it back."""
    return {"event": type(event).__name__, **asdict(event)}


def event_of(document: dict[str, Any]) -> Event:
    """The event that :func:`document_of` wrote."""
    content = dict(document)
    return _KINDS[content.pop("event")](**content)


class Engine(Protocol):
    """Trains units somewhere. It keeps no books: what was done is in the store, and whoever begins units retries."""

    def free(self) -> int:
        """How many units could be begun now without waiting for another one's end."""

    def begin(self, unit: Unit) -> None:
        """Begin a unit. Raises :class:`~harness.errors.UserError` where no unit could ever be trained."""

    def poll(self, timeout: float) -> list[Event]:
        """What happened since the last call, in order; waits up to `timeout` seconds for the first of it."""

    def stop(self) -> None:
        """Ask all units under way to stop at their next step, with a checkpoint; their ends come by :meth:`poll`."""

    def close(self) -> None:
        """End whatever still runs, at once, and give everything back. Never raises."""
