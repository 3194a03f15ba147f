"""Updates as a CUDA graph: recorded once, asked for by one call a step.

On a GPU an update of a small model is hundreds of launches, each of which takes the device less time than it takes
Python to ask for it. The first updates are made as usual; the next one is recorded, replayed, and compared bit for bit
with the same update made as usual. Where it differs, cannot be recorded or does not fit into memory, one warning says
so and all goes on as usual: a graph changes no number. None is tried where an update waits for the device, nor where
cuDNN draws the dropout between the layers of an RNN, since its random numbers cannot be set back for the comparison.
``HARNESS_CUDA_GRAPHS=0`` turns graphs off.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

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

    def waits(self, work: Callable[[], None]) -> bool:
        """Do the work; whether it made the host wait for the device, which no recording can."""

    def record(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        """Record the work without doing it; where its result will be, and what does it."""

    def random_state(self) -> Any:
        """Of the random numbers of the device."""

    def set_random_state(self, state: Any) -> None:
        """Let the random numbers go on from a state."""

    def release(self) -> None:
        """Free the memory of what is referred to no more."""


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

    def waits(self, work: Callable[[], None]) -> bool:
        """As torch warns of it; see :class:`Recorder`. All other warnings are passed on."""
        before = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                work()
            finally:
                torch.cuda.set_sync_debug_mode(before)
        of_waiting = [one for one in seen if "synchronizing CUDA operation" in str(one.message)]
        for one in seen:
            if one not in of_waiting and "Synchronization debug mode" not in str(one.message):
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        return bool(of_waiting)

    def record(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        """The work as a graph; see :class:`Recorder`."""
        self.release()  # while it captures, torch cannot turn memory that it keeps into memory of the graph
        capture = resolve("architectures.kernels.cuda.capturing:capture")
        graph, result = capture(work, self._side, torch.cuda.graph_pool_handle())
        return result, graph.replay

    def random_state(self) -> Any:
        """Of the default generator of the device."""
        return torch.cuda.get_rng_state(self._device)

    def set_random_state(self, state: Any) -> None:
        """Of the default generator of the device."""
        torch.cuda.set_rng_state(state, self._device)

    def release(self) -> None:
        """To the device, from torch's cache."""
        torch.cuda.empty_cache()


def recorder(device: torch.device, model: nn.Module) -> Recorder | None:
    """What records updates of a model on a device; None where they are made as usual.

    That is on the CPU, where it was asked for, and where cuDNN draws dropout between layers of the model.
    """
    if device.type != "cuda" or os.environ.get(SWITCH, "1") == "0" or _cudnn_draws(model):
        return None
    return Device(device)


def _cudnn_draws(model: nn.Module) -> bool:
    """Whether a part of the model has dropout whose random numbers are kept by cuDNN, not by torch's generator."""
    return any(isinstance(part, nn.RNNBase) and part.num_layers > 1 and part.dropout > 0 for part in model.modules())


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
        if self._before < WARM_UP:
            return self._recorder.usual(lambda: self._update(inputs, None, targets))
        if self._before == WARM_UP:
            return self._watched(self._recorder, inputs, targets)
        return self._try(self._recorder, inputs, targets)

    def _watched(self, recorder: Recorder, inputs: Tensor, targets: Tensor) -> Tensor:
        """Make the last update before the recording, and give that up where it waits for the device."""
        losses: list[Tensor] = []
        if recorder.waits(lambda: losses.append(recorder.usual(lambda: self._update(inputs, None, targets)))):
            self._give_up("is not tried, as it makes the host wait for the device")
        return losses[0]

    def _try(self, recorder: Recorder, inputs: Tensor, targets: Tensor) -> Tensor:
        """Record this update, make it both ways, and use the graph from now on if both do the same."""
        random = recorder.random_state()
        start: list[Tensor] = []
        recorded = by_graph = failure = None
        try:
            start = _copies(self._state())
            recorded = self._record(recorder, inputs, targets)
            by_graph = [recorded(inputs, targets), *_copies(self._state())]
            self._set_back(recorder, start, random)
            usual = recorder.usual(lambda: self._update(inputs, None, targets))
            same = all(torch.equal(one, other) for one, other in zip(by_graph, [usual, *self._state()], strict=True))
        except torch.OutOfMemoryError:
            failure = "does not fit into memory beside an update made as usual"
        except RuntimeError as error:  # torch's, of whatever in the model cannot be recorded
            failure = f"cannot be recorded ({one_line(error)})"
        if failure is None and same:
            self._recorded = recorded
            return usual
        self._give_up(failure or "gives other numbers than the steps launched one by one")
        if failure is None:
            return usual
        # The exception is gone by now, and with it what its traceback held: there is room as if nothing had been tried.
        recorded = by_graph = None
        recorder.release()
        if start:
            self._set_back(recorder, start, random)
        return self._update(inputs, None, targets)

    def _set_back(self, recorder: Recorder, start: Sequence[Tensor], random: Any) -> None:
        _restore(self._state(), start)
        recorder.set_random_state(random)

    def _record(self, recorder: Recorder, inputs: Tensor, targets: Tensor) -> _Recorded:
        held = inputs.clone(), targets.clone()
        before = resolve("architectures.kernels:counts")()
        loss, replay = recorder.record(lambda: self._update(held[0], None, held[1]))
        after = resolve("architectures.kernels:counts")()
        ran = {which: count - before.get(which, 0) for which, count in after.items() if count > before.get(which, 0)}
        resolve("architectures.kernels:add")({which: -count for which, count in ran.items()})  # recorded, not run
        return _Recorded(*held, loss, replay, ran)

    def _give_up(self, why: str) -> None:
        self._recorder = None
        warnings.warn(f"the training step as a CUDA graph {why}: its kernels are launched one by one", stacklevel=2)


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


@torch.no_grad()
def _restore(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)
