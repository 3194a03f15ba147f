"""The losses of an epoch: kept on the device, watched from the host without making either wait for the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

LOOK_EVERY = 64
"""Steps between two looks at the losses on a GPU."""


@dataclass
class _Look:
    """A copy on its way to the host: the largest loss of some steps, and the last one."""

    values: Tensor
    arrived: Any


class Losses:
    """A loss for each of the `steps` of an epoch, on `device`.

    On the CPU every loss is looked at as it comes. On a GPU the host runs ahead of the device, so every 64 steps a copy
    is asked for and read when it is there: a loss that is not finite is seen some steps later, but nobody waits.
    """

    def __init__(self, steps: int, device: torch.device) -> None:
        self.values = torch.zeros(steps, device=device)
        self.waits = device.type == "cpu"
        self._looks: list[_Look] = []
        self._seen = 0
        self._last: float | None = None

    def begin(self, step: int) -> None:
        """Begin an epoch, or go on with it where `step` losses are there already."""
        self._looks.clear()
        self._seen, self._last = step, None

    def put(self, step: int, loss: Tensor) -> None:
        """Keep the loss of a step."""
        self.values[step] = loss
        first = self._last is None and not self._looks
        if not self.waits and (first or step + 1 - self._seen >= LOOK_EVERY):
            self._ask(step + 1)

    def newest(self, done: int) -> float:
        """The loss of the last of `done` steps, or on a GPU of the last one that has arrived; waits for the first."""
        if not self.waits:
            self._read()
            if self._last is not None:
                return self._last
        return float(self.values[done - 1])

    def first(self) -> float:
        """The loss of the first step of the epoch; waits for it."""
        return float(self.values[0])

    def largest(self, done: int, *, exactly: bool) -> float | None:
        """The largest loss that came since the last call, NaN if one of them is; None where nothing new is there.

        `exactly` waits for all of the `done` steps.
        """
        if self.waits or exactly:
            if done == self._seen and not self._looks:
                return None
            start = self._seen if self.waits else 0
            self._looks.clear()
            self._seen = done
            return float(self.values[start:done].max()) if done > start else None
        return self._read()

    def _ask(self, done: int) -> None:
        new = self.values[self._seen : done]
        self._looks.append(_copied(torch.stack((new.max(), new[-1]))))
        self._seen = done

    def _read(self) -> float | None:
        """What has arrived since the last time: the largest of it."""
        found: list[float] = []
        while self._looks and self._looks[0].arrived.query():
            largest, self._last = self._looks.pop(0).values.tolist()
            found.append(largest)
        return max(found, key=lambda loss: (loss != loss, loss)) if found else None


def _copied(values: Tensor) -> _Look:
    """A copy of `values`, on a GPU, to the host that arrives some time."""
    with torch.cuda.device(values.device):
        host = values.to("cpu", non_blocking=True)  # into pinned memory
        arrived = torch.cuda.Event()
        arrived.record(torch.cuda.current_stream(values.device))
    return _Look(host, arrived)
