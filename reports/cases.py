"""What was timed: a case has the times of its phases; the newest timing of a case counts, older ones are kept apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from reports import addresses
from reports.records import Timing

PHASES = {
    "forward": "forward",
    "backward": "backward",
    "backward_last_step": "backward, loss at last step",
    "forward_backward": "forward + backward",
    "forward_backward_last_step": "forward + backward, loss at last step",
    "step": "training step",
    "optimizer": "optimizer",
    "streaming": "one step, streaming",
}
"""The phases of a case in their order, and how pages name them."""
BASELINE = "lstm"
"""The architecture that ratios are taken to where it was measured."""


class Sizes(NamedTuple):
    """What a case computes: L, N, H_in, H and layers."""

    length: int
    batch: int
    input_size: int
    hidden_size: int
    num_layers: int


class Machine(NamedTuple):
    """Where and how a case was computed; times of different machines share no figure."""

    device: str
    threads: int
    dtype: str


class Name(NamedTuple):
    """Whose time it is: an architecture, its hyper-parameters where they are no defaults, the backends that ran."""

    arch: str
    changes: str
    backends: str


@dataclass(frozen=True, eq=False)
class Case:
    """One timing of one case. `first` has what all phases share; `phases` are those with a time, by name."""

    first: Timing
    phases: Mapping[str, Timing] = field(default_factory=dict)

    @property
    def name(self) -> Name:
        """Architecture, hyper-parameters and the backends that ran, or that were asked for where none is recorded."""
        return Name(self.first.arch, self.first.changes, self.first.backends or self.first.backend)

    @property
    def sizes(self) -> Sizes:
        """The sizes of the input and of the layer."""
        one = self.first
        return Sizes(one.length, one.batch, one.input_size, one.hidden_size, one.num_layers)

    @property
    def machine(self) -> Machine:
        """The device, its threads and the type of its numbers."""
        return Machine(self.first.device, self.first.threads, self.first.dtype)

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for timings of the same case. A preset may have changed its layers, and is a case of its own."""
        return (self.name, self.sizes, self.machine, self.first.preset, self.first.state)

    @property
    def done(self) -> bool:
        """Whether there is a time."""
        return bool(self.phases)

    def seconds(self, phase: str) -> float | None:
        """The median of a phase; None where it wasn't measured."""
        return self.phases[phase].seconds if phase in self.phases else None

    @property
    def training_passes(self) -> Timing | None:
        """Forward and backward with the gradient that training has, or a dense one where no other was measured."""
        return self.phases.get("forward_backward_last_step", self.phases.get("forward_backward"))

    @property
    def memory(self) -> float | None:
        """Bytes that a training step held, else those of a forward pass; None where they are not known."""
        known = (self.phases[phase].memory for phase in ("step", "forward") if phase in self.phases)
        return next((memory for memory in known if memory is not None and memory > 0), None)

    @property
    def tokens_per_second(self) -> float | None:
        """Steps of all sequences, L N, in each second of a training step."""
        seconds = self.seconds("step")
        return self.first.length * self.first.batch / seconds if seconds else None


class Measured:
    """All cases of a store: `newest` first by time, and for each of them how it stands to others."""

    def __init__(self, timings: Iterable[Timing]) -> None:
        found: dict[tuple[object, ...], list[Case]] = {}
        for case in _newest_first(_cases(timings)):
            found.setdefault(case.key, []).append(case)
        done = {key: [one for one in cases if one.done] for key, cases in found.items()}
        self.newest: list[Case] = [cases[0] for cases in done.values() if cases]
        self.older: list[Case] = [one for cases in done.values() for one in cases[1:]]
        self.skipped: list[Case] = [cases[0] for key, cases in found.items() if not done[key]]
        """Cases without any time, as they were tried last."""
        self.times = {key: len(cases) for key, cases in done.items()}
        """Key of a case -> how often it was measured."""
        self.all = [one for cases in found.values() for one in cases]

    def anchor(self, case: Case) -> str:
        """The anchor of the row of `case`: from the timing's own id, so that a link lasts."""
        return self._anchors[id(case)]

    @cached_property
    def _anchors(self) -> dict[int, str]:
        anchors, used = {}, set[str]()
        for case in self.all:
            anchor = base = f"timing-{addresses.slug(case.first.timing)}"
            number = 2
            while anchor in used:
                anchor, number = f"{base}--{number}", number + 1
            used.add(anchor)
            anchors[id(case)] = anchor
        return anchors

    @cached_property
    def sittings(self) -> dict[str, list[Case]]:
        """The cases with a time of each sitting, older ones too; the sitting with most of them first."""
        found: dict[str, list[Case]] = {}
        for case in self.all:
            if case.done:
                found.setdefault(case.first.sitting, []).append(case)
        # The sort is stable: of two as large the newer stays first.
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))

    @cached_property
    def _baselines(self) -> dict[tuple[object, ...], Case]:
        found: dict[tuple[object, ...], Case] = {}
        for sitting, cases in self.sittings.items():
            name = baseline(cases)
            for case in sorted((one for one in cases if one.first.arch == name), key=_preferred):
                if case.seconds("step"):
                    found.setdefault((sitting, case.sizes, case.machine, case.first.preset), case)
        return found

    def baseline(self, case: Case) -> Case | None:
        """What the ratio of `case` is taken to: the baseline of its sitting, at its sizes and on its machine."""
        return self._baselines.get((case.first.sitting, case.sizes, case.machine, case.first.preset))

    def ratio(self, case: Case) -> float | None:
        """The time of a step over that of its baseline, taken in turns with it; None where there is none."""
        beside, seconds = self.baseline(case), case.seconds("step")
        below = beside.seconds("step") if beside else None
        return seconds / below if seconds is not None and below else None


def baseline(cases: Sequence[Case]) -> str:
    """The architecture that ratios are taken to: LSTM where it is among `cases`, else the first by name."""
    names = {case.first.arch for case in cases}
    return BASELINE if BASELINE in names else min(names, default="")


def _preferred(case: Case) -> tuple[object, ...]:
    # The backend that a user gets is the one to compare with.
    return (case.first.backend != "best", case.name, repr(case.first))


def _cases(timings: Iterable[Timing]) -> list[Case]:
    found: dict[tuple[object, ...], list[Timing]] = {}
    for row in timings:
        found.setdefault((row.timing, row.sitting, row.created, row.state, Case(row).key), []).append(row)
    return [
        Case(rows[0], {row.phase: row for row in rows if row.phase in PHASES and _timed(row)})
        for rows in found.values()
    ]


def _timed(row: Timing) -> bool:
    return row.state == "done" and row.seconds is not None and row.seconds > 0


def _newest_first(cases: list[Case]) -> list[Case]:
    created = pd.to_datetime([one.first.created for one in cases], errors="coerce", utc=True, format="ISO8601")
    order = pd.DataFrame({"created": created, "text": [repr(one.first) for one in cases]})
    order = order.sort_values(["created", "text"], ascending=[False, True], na_position="last", kind="stable")
    return [cases[place] for place in order.index]
