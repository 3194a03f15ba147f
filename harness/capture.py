"""Updates as a CUDA graph: recorded once, asked for by one call a step.

On a GPU an update of a small model is hundreds of launches, each of which takes the device less time than it takes
Python to ask for it. The first updates are made as usual; the next one is recorded, replayed, and compared bit for bit
with the same update made as usual. Where it differs or cannot be recorded, one warning says so and all goes on as
usual: a graph changes no number. ``HARNESS_CUDA_GRAPHS=0`` turns them off.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from harness.errors import one_line
from harness.registry import resolve

SWITCH = "HARNESS_CUDA_GRAPHS"
WARM_UP = 3
"""Updates that are made as usual first: what is compiled, chosen or reserved at a first call must be there by then."""

Update = Callable[[Tensor, Tensor | None, Tensor], Tensor]
"""Inputs, lengths and targets of a batch -> the loss before the update."""


class Recorder(Protocol):
    """How work becomes a graph; a test has another one than :class:`Device`."""

    def usual(self, work: Callable[[], Tensor]) -> Tensor:
        """Do the work where a recording may follow it."""

    def record(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        """Record the work without doing it; where its result will be, and what does it."""

    def random_state(self) -> Any:
        """Of the random numbers of the device."""

    def set_random_state(self, state: Any) -> None:
        """Let the random numbers go on from a state."""


class Device:
    """Records on a CUDA device."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._side = device, torch.cuda.Stream(device)

    def usual(self, work: Callable[[], Tensor]) -> Tensor:
        """Do the work on a stream of its own, as the one that is used by default cannot be recorded."""
        current = torch.cuda.current_stream(self._device)
        self._side.wait_stream(current)
        with torch.cuda.stream(self._side):
            result = work()
        current.wait_stream(self._side)
        return result

    def record(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        """The work as a graph; see :class:`Recorder`."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._side, capture_error_mode="thread_local"):
            result = work()
        return result, graph.replay

    def random_state(self) -> Any:
        """Of the default generator of the device."""
        return torch.cuda.get_rng_state(self._device)

    def set_random_state(self, state: Any) -> None:
        """Of the default generator of the device."""
        torch.cuda.set_rng_state(state, self._device)


def recorder(device: torch.device) -> Recorder | None:
    """What records updates on a device; None where they are made as usual: on the CPU, or where that was asked for."""
    return Device(device) if device.type == "cuda" and os.environ.get(SWITCH, "1") != "0" else None


@dataclass(frozen=True)
class _Recorded:
    """A graph with the tensors that it reads and writes, and the backends that it runs."""

    inputs: Tensor
    targets: Tensor
    loss: Tensor
    replay: Callable[[], None]
    backends: dict[tuple[str, str], int]

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        self.inputs.copy_(inputs)
        self.targets.copy_(targets)
        self.replay()
        resolve("architectures.kernels:add")(self.backends)
        return self.loss.clone()


class Updates:
    """Makes updates, by a graph where it can.

    Args:
        update: makes one as usual.
        state: all tensors that an update changes: weights, buffers, what the optimiser keeps. Asked for after the first
            updates, when the optimiser has them.
        recorder: None makes all as usual.
    """

    def __init__(self, update: Update, state: Callable[[], Sequence[Tensor]], recorder: Recorder | None) -> None:
        self._update, self._state, self._recorder = update, state, recorder
        self._shape: torch.Size | None = None
        self._before = 0
        self._recorded: _Recorded | None = None

    def __call__(self, inputs: Tensor, lengths: Tensor | None, targets: Tensor) -> Tensor:
        """The loss before the update on a batch, on the device.

        Sequences of unequal length and batches of another size than the first, such as the last one of an epoch, are
        updated on as usual.
        """
        if self._recorder is None or lengths is not None or self._shape not in (None, inputs.shape):
            return self._update(inputs, lengths, targets)
        self._shape = inputs.shape
        if self._recorded is not None:
            return self._recorded(inputs, targets)
        self._before += 1
        if self._before <= WARM_UP:
            return self._recorder.usual(lambda: self._update(inputs, None, targets))
        return self._try(self._recorder, inputs, targets)

    def _try(self, recorder: Recorder, inputs: Tensor, targets: Tensor) -> Tensor:
        """Record this update, make it both ways, and use the graph from now on if both do the same."""
        try:
            recorded = self._record(recorder, inputs, targets)
            start, random = _copies(self._state()), recorder.random_state()
            by_graph = [recorded(inputs, targets), *_copies(self._state())]
            _restore(self._state(), start)
            recorder.set_random_state(random)
        except RuntimeError as error:  # torch's, of whatever in the model cannot be recorded
            return self._as_usual(inputs, targets, f"cannot be recorded ({one_line(error)})")
        usual = recorder.usual(lambda: self._update(inputs, None, targets))
        same = all(torch.equal(one, other) for one, other in zip(by_graph, [usual, *self._state()], strict=True))
        if not same:
            self._give_up("gives other numbers than the steps launched one by one")
        else:
            self._recorded = recorded
        return usual

    def _record(self, recorder: Recorder, inputs: Tensor, targets: Tensor) -> _Recorded:
        held = inputs.clone(), targets.clone()
        before = resolve("architectures.kernels:counts")()
        loss, replay = recorder.record(lambda: self._update(held[0], None, held[1]))
        after = resolve("architectures.kernels:counts")()
        ran = {which: count - before.get(which, 0) for which, count in after.items() if count > before.get(which, 0)}
        resolve("architectures.kernels:add")({which: -count for which, count in ran.items()})  # recorded, not run
        return _Recorded(*held, loss, replay, ran)

    def _as_usual(self, inputs: Tensor, targets: Tensor, why: str) -> Tensor:
        self._give_up(why)
        return self._update(inputs, None, targets)

    def _give_up(self, why: str) -> None:
        self._recorder = None
        warnings.warn(f"the training step as a CUDA graph {why}: its kernels are launched one by one", stacklevel=2)


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


@torch.no_grad()
def _restore(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)
