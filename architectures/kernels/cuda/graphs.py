"""Steps of coRNN as CUDA graphs: a stretch of them is recorded once and replayed all along a sequence.

A step is a product and a kernel, each of which takes the device less time than it takes Python to ask for it; a graph
asks for up to :data:`LONGEST` steps at once. Graphs read and write buffers of their own, which the values of a stretch
are copied into and out of: so they depend on the sizes of a batch but not on the length of the sequences, and none
refers to a tensor that may be gone. ``HARNESS_CUDA_GRAPHS=0`` turns them off, and none is used where the caller is
recording a graph itself: then the steps are launched one by one, into that graph, up to :data:`MOST_CAPTURED`. None of
this has run on a GPU yet; what a graph computes at its first replay is therefore compared with the same steps launched
one by one, and where it cannot be recorded or differs, one warning says so and its steps are launched.
"""

from __future__ import annotations

import atexit
import os
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import NamedTuple

import torch
from torch import Tensor

from architectures.kernels.cuda.capturing import Pool, capture

__all__ = ["CACHE", "Cache", "Refused", "Stretch", "pieces", "possible"]

SWITCH = "HARNESS_CUDA_GRAPHS"
LONGEST = 64  # steps of a stretch: enough to hide the call, few enough to record in some milliseconds
MEMORY = 256 * 2**20  # bytes of all buffers
MOST = 32  # sets of buffers
MOST_CAPTURED = 4096  # steps of one pass in a graph of the caller, two nodes each

Steps = Callable[[Mapping[str, Tensor], int], None]


class Refused(Exception):
    """Why steps can't be replayed, in one sentence."""


def possible(device: torch.device) -> bool:
    """Whether steps on a device may be replayed: on a GPU, unless turned off or while a graph is being captured.

    Raises ``ValueError`` where the switch is neither 0 nor 1.
    """
    switch = os.environ.get(SWITCH) or "1"
    if switch not in ("0", "1"):
        raise ValueError(f"{SWITCH} must be 0 or 1, got {switch!r}")
    return device.type == "cuda" and switch == "1" and not torch.cuda.is_current_stream_capturing()


def check_captured(device: torch.device, length: int) -> None:
    """Refuse, with ``RuntimeError``, more than :data:`MOST_CAPTURED` steps in a graph that the caller captures.

    Such a graph takes seconds to instantiate and megabytes to keep.
    """
    if length > MOST_CAPTURED and device.type == "cuda" and torch.cuda.is_current_stream_capturing():
        raise RuntimeError(
            f"a CUDA graph takes at most {MOST_CAPTURED:,} steps of coRNN, and this sequence has {length:,}: call it "
            "outside of the capture, where its steps are replayed from graphs of their own"
        )


def pieces(length: int) -> Iterator[tuple[int, int]]:
    """First step and number of steps of every stretch of a sequence: as many as :data:`LONGEST`, then powers of two.

    So all lengths share a few graphs.
    """
    first, count = 0, LONGEST
    while first < length:
        while count > length - first:
            count //= 2
        yield first, count
        first += count


class Side(NamedTuple):
    """Where the graphs for a stream are captured, since the default stream can't be, and the memory that they share.

    They are replayed on one stream, one after the other, so that sharing is safe.
    """

    stream: torch.cuda.Stream
    pool: Pool


class Graph:
    """Work as a CUDA graph, for the device and stream that are current.

    The work is done once before it is captured, as what is loaded or reserved at a first call must be there by then.
    """

    def __init__(self, work: Callable[[], None], side: Side) -> None:
        current = torch.cuda.current_stream()
        side.stream.wait_stream(current)
        with torch.cuda.stream(side.stream):
            work()
        current.wait_stream(side.stream)
        self._graph, _ = capture(work, side.stream, side.pool)

    def replay(self) -> None:
        """Do the work on the current stream."""
        self._graph.replay()


class Stretch:
    """Buffers for up to :data:`LONGEST` steps, and the graphs of the numbers of steps that were asked for.

    ``steps(buffers, count)`` launches `count` steps on the buffers. Those named in `written` it writes.
    """

    def __init__(self, buffers: Mapping[str, Tensor], written: tuple[str, ...], steps: Steps) -> None:
        self.buffers, self.steps = buffers, steps
        self._written = [buffers[name] for name in written]
        self._graphs: dict[int, Graph] = {}
        self._side = _side()

    def replay(self, count: int) -> None:
        """Do the first `count` steps. Raises :class:`Refused` where no graph can be had."""
        if count not in self._graphs:
            self._graphs[count] = self._recorded(count)
        self._graphs[count].replay()

    def device(self) -> torch.device:
        """Where the buffers are."""
        return next(iter(self.buffers.values())).device

    def _recorded(self, count: int) -> Graph:
        before = [tensor.clone() for tensor in self._written]
        failed = None
        try:
            graph = Graph(lambda: self.steps(self.buffers, count), self._side)
            launched = [tensor.clone() for tensor in self._written]
            self._restore(before)
            graph.replay()
        except RuntimeError as error:
            failed = " ".join(str(error).split())[:300]
        if failed is not None:  # raised out here, so that the traceback of the failure keeps no tensor
            raise Refused(f"cannot be recorded: {failed}")
        if not all(_same_bits(a, b) for a, b in zip(launched, self._written, strict=True)):
            raise Refused("gave other results than the steps that it was recorded from")
        self._restore(before)
        return graph

    def _restore(self, values: list[Tensor]) -> None:
        for tensor, value in zip(self._written, values, strict=True):
            tensor.copy_(value)


class Cache:
    """Stretches by their keys; those that were used least lately are dropped, with their graphs.

    At most `most` of them are kept, of at most `memory` bytes of buffers in all. One thread at a time has one, for as
    long as it takes to ask for the work.
    """

    def __init__(self, memory: int = MEMORY, most: int = MOST) -> None:
        self.memory, self.most = memory, most
        self._kept: OrderedDict[Hashable, Stretch] = OrderedDict()
        self._refused: set[Hashable] = set()
        self._lock = RLock()

    @contextmanager
    def stretch(self, key: Hashable, size: int, build: Callable[[], Stretch]) -> Iterator[Stretch]:
        """The stretch of a key, for one thread alone; `build` makes it, with buffers of `size` bytes.

        Raises :class:`Refused` where it would not fit, and where it was refused before. A refusal from within is
        warned of.
        """
        with self._lock:
            if key in self._refused or size > self.memory:
                raise Refused("is not for these sizes")
            try:
                yield self._found(key, size, build)
            except Refused as reason:
                self._refused.add(key)
                if key in self._kept:
                    self._drop(key)
                told = f"a CUDA graph {reason}; the steps of the recurrence are launched one by one"
                warnings.warn(told, RuntimeWarning, stacklevel=2)
                raise

    def bytes(self) -> int:
        """Of all buffers."""
        return sum(bytes_of(stretch.buffers) for stretch in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def clear(self) -> None:
        """Drop all of them, and forget what was refused."""
        with self._lock:
            self._refused.clear()
            for key in list(self._kept):
                self._drop(key)

    def _found(self, key: Hashable, size: int, build: Callable[[], Stretch]) -> Stretch:
        if key not in self._kept:
            self._make_room(size)
            try:
                with torch.inference_mode(False):  # else the buffers could not be written outside of it
                    self._kept[key] = build()
            except torch.OutOfMemoryError:
                raise Refused("finds no memory") from None
        self._kept.move_to_end(key)
        return self._kept[key]

    def _make_room(self, size: int) -> None:
        while self._kept and (self.bytes() + size > self.memory or len(self) >= self.most):
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        _synchronize(self._kept[key])
        del self._kept[key]


def bytes_of(buffers: Mapping[str, Tensor]) -> int:
    """What buffers take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in buffers.values())


def _same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal, NaN and all."""
    return torch.equal(one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8))


def _side() -> Side:
    """For the current stream of the current device."""
    return _side_of(torch.cuda.current_device(), torch.cuda.current_stream().cuda_stream)


@cache
def _side_of(device: int, stream: int) -> Side:
    return Side(torch.cuda.Stream(device), torch.cuda.graph_pool_handle())


def _synchronize(stretch: Stretch) -> None:
    """Wait until the device of a stretch has done all: a graph is not to be destroyed while it runs."""
    device = stretch.device()
    if device.type == "cuda":
        torch.cuda.synchronize(device)


CACHE = Cache()
"""Of the whole process."""
atexit.register(CACHE.clear)  # before CUDA is gone
