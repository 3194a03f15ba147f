"""The operators ``harness::cornn`` and ``harness::cornn_backward`` on CUDA: a product and a kernel for every step.

The products are torch's, by cuBLAS, into memory that was reserved before; what lies between them is one kernel of
``cornn.cu``. Forward only the tanh of every step is kept. Backward the gradient of the weight is one product for every
stretch of 64 steps, with the states before each of them worked out again from the tanh. Where CUDA graphs can be had
(:mod:`.graphs`), the steps are replayed instead of launched: the same products and kernels in the same order.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from architectures import kernels
from architectures.kernels import cornn
from architectures.kernels.cuda import graphs
from architectures.kernels.cuda.launch import launch
from architectures.kernels.cuda.sweeps import MOST
from architectures.kernels.cuda.variants import Variant, variant

STRETCH = 64  # steps whose part of the gradient of the weight is one product


def forward(
    drive: Tensor,
    weight: Tensor,
    y0: Tensor,
    z0: Tensor,
    dt: float,
    gamma: float,
    epsilon: float,
    implicit: bool,
    keep: bool,
    stored: torch.dtype | None = None,
    fast: bool = False,
    *,
    route: str | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """:func:`architectures.kernels.cornn._forward` on CUDA; `drive` and `stored` may be bfloat16.

    With a `route` the steps are launched, and not counted, as a check needs it.
    """
    output, y, z, force = left = cornn._left(drive, y0, keep, stored)
    net = _Net.of(y0, drive.dtype, output.dtype, cornn._factors(dt, gamma, epsilon, implicit), fast)
    net.check(len(drive))
    states = torch.cat((z0, y0), 1)
    written = {"output": output, "force": force} if keep else {"output": output}
    _Pass(net, True, {"drive": _rows(drive)}, written, weight.contiguous(), states).run(replay=route is None)
    z.copy_(states[:, : net.width])
    y.copy_(states[:, net.width :])
    if route is None:
        kernels.ran("cornn", "cuda")
    return left


def backward(
    weight: Tensor,
    y0: Tensor,
    z0: Tensor,
    dt: float,
    gamma: float,
    epsilon: float,
    implicit: bool,
    output: Tensor,
    force: Tensor,
    grad_output: Tensor | None,
    grad_y: Tensor | None,
    grad_z: Tensor | None,
    of_weight: bool,
    read: torch.dtype | None = None,
    fast: bool = False,
    *,
    route: str | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """:func:`architectures.kernels.cornn._backward` on CUDA."""
    d_drive, d_weight, d_y, d_z = given = cornn._given(output, y0, of_weight, read)
    factors = cornn._factors(dt, gamma, epsilon, implicit)
    net = _Net.of(y0, d_drive.dtype, output.dtype, factors, fast)
    if grad_output is None:  # one row of zeros, read at every step
        grad_output = torch.zeros(net.width, dtype=output.dtype, device=y0.device).expand(output.shape)
    ends = [torch.zeros_like(y0) if end is None else end for end in (grad_z, grad_y)]
    adjoints = torch.cat(ends, 1)
    delta = d_drive if d_drive.dtype == y0.dtype else cornn._empty(d_drive.shape, dtype=y0.dtype, device=y0.device)
    read_from = {"force": force, "d_output": _rows(grad_output)}
    _Pass(net, False, read_from, {"delta": delta}, weight.contiguous(), adjoints).run(replay=route is None)
    d_z.copy_(adjoints[:, : net.width])
    d_y.copy_(adjoints[:, net.width :])
    if d_drive is not delta:
        d_drive.copy_(delta)
    if of_weight:
        _gradient_of_weight(net, force, delta, torch.cat((z0, y0), 1), d_weight)
    return given


def _gradient_of_weight(net: _Net, force: Tensor, delta: Tensor, states: Tensor, into: Tensor) -> None:
    """The sum over all steps and sequences of delta times the state before the step, a stretch of time at a time.

    `force` and `delta` are (L, N, H), and `states` (N, 2H) are the first ones. One product over a long sequence would
    round more than autograd does, which adds up one of every step, and would need all of the states at once.
    """
    before = cornn._empty((min(len(force), STRETCH), *states.shape), dtype=states.dtype, device=states.device)
    into.zero_()
    with _on(states.device):
        for first in range(0, len(force), STRETCH):
            part = delta[first : first + STRETCH].view(-1, net.width)
            count = min(STRETCH, len(force) - first)
            net.launch("states_before", _at(force, first), _at(states), _at(before), length=count)
            into.addmm_(part.t(), before[:count].view(-1, 2 * net.width))


class _Net(NamedTuple):
    """The kernels of a recurrence, its constants dt, keep, spring and push, and its sizes N and H."""

    kind: Variant
    factors: tuple[float, ...]
    batch: int
    width: int

    @classmethod
    def of(
        cls, initial: Tensor, read: torch.dtype, stored: torch.dtype, factors: tuple[float, ...], fast: bool
    ) -> _Net:
        """For states such as `initial` (N, H)."""
        return cls(variant("cornn", 0, initial.dtype, read, stored, fast), factors, *initial.shape)

    def check(self, length: int) -> None:
        """Refuse what the kernels can't count in 32 bits."""
        if max(length, self.batch * self.width) > MOST:
            raise ValueError(f"on CUDA a sequence has at most {MOST:,} steps, and a batch at most as many units in all")

    def launch(self, name: str, *pointers: int, length: int | None = None) -> None:
        """Start a kernel with a thread for every unit; addresses and distances first, then constants and sizes."""
        chains = self.batch * self.width
        if chains == 0:
            return  # a launch of no blocks is an error
        number = np.float32 if self.kind.computed == torch.float32 else np.float64
        sizes = (self.batch, self.width) if length is None else (length, self.batch, self.width)
        constants = [number(factor) for factor in self.factors]
        launch(self.kind, name, chains, [*map(np.int64, pointers), *constants, *map(np.int64, sizes)])

    def forward(self, buffers: Mapping[str, Tensor], count: int) -> None:
        """The first `count` steps on the buffers of a :class:`_Pass`."""
        drive, states, sums, output = (buffers[name] for name in ("drive", "carried", "sums", "output"))
        weight, force = buffers["weight"].t(), buffers.get("force")
        for t in range(count):
            torch.mm(states, weight, out=sums)
            places = _at(states), _at(output, t), 0 if force is None else _at(force, t)
            self.launch("forward_step", _at(sums), _at(drive, t), drive.stride(1), *places)

    def backward(self, buffers: Mapping[str, Tensor], count: int) -> None:
        """Back from the step before `count` to the first one."""
        force, outer, delta = (buffers[name] for name in ("force", "d_output", "delta"))
        adjoints, sums, weight = (buffers[name] for name in ("carried", "sums", "weight"))
        sums.zero_()
        for t in reversed(range(count)):
            places = _at(outer, t), outer.stride(1), _at(adjoints), _at(delta, t)
            self.launch("backward_step", _at(sums), _at(force, t), *places)
            torch.mm(delta[t], weight, out=sums)
        adjoints.add_(sums)


class _Pass(NamedTuple):
    """All steps of a sequence in one direction.

    `given` and `left` are what every step reads and writes, (L, N, H) each, `weight` is (H, 2H), and `carried` (N, 2H),
    the states or their gradients, goes from step to step.
    """

    net: _Net
    forward: bool
    given: dict[str, Tensor]
    left: dict[str, Tensor]
    weight: Tensor
    carried: Tensor

    def run(self, replay: bool = True) -> None:
        """Replayed where that is possible and asked for, else launched: the same results, bit for bit."""
        device = self.carried.device
        with _on(device):
            graphs.check_captured(device, self._length())
            if replay and graphs.possible(device) and self.carried.numel():
                try:
                    self._replayed()
                    return
                except graphs.Refused:
                    pass  # nothing has been changed that won't be written again
            sums = cornn._empty(self._sums(), dtype=self.carried.dtype, device=device)
            buffers = {**self.given, **self.left, "weight": self.weight, "carried": self.carried, "sums": sums}
            self._steps()(buffers, self._length())

    def _replayed(self) -> None:
        size = graphs.bytes_of(self._buffers(torch.device("meta")))
        with graphs.CACHE.stretch(self._key(), size, self._stretch) as stretch:
            own = stretch.buffers
            own["weight"].copy_(self.weight)
            own["carried"].copy_(self.carried)
            stretches = list(graphs.pieces(self._length()))
            for first, count in stretches if self.forward else reversed(stretches):
                for name, tensor in self.given.items():
                    own[name][:count].copy_(tensor[first : first + count])
                stretch.replay(count)
                for name, tensor in self.left.items():
                    tensor[first : first + count].copy_(own[name][:count])
            self.carried.copy_(own["carried"])

    def _steps(self) -> graphs.Steps:
        return self.net.forward if self.forward else self.net.backward

    def _length(self) -> int:
        return len(next(iter(self.given.values())))

    def _sums(self) -> tuple[int, ...]:
        """The shape of a product: with the weight, or of the gradient of the drive with it."""
        return self.net.batch, self.net.width if self.forward else 2 * self.net.width

    def _key(self) -> Hashable:
        """All that the recorded products and kernels depend on; work on two streams must not share buffers."""
        precision = torch.backends.cuda.matmul.fp32_precision
        return self.forward, self.net, tuple(self.left), _stream(self.carried.device), precision

    def _stretch(self) -> graphs.Stretch:
        return graphs.Stretch(self._buffers(self.carried.device), (*self.left, "carried", "sums"), self._steps())

    def _buffers(self, device: torch.device) -> dict[str, Tensor]:
        """Those of a graph: zeros, so that what is recorded computes with numbers."""
        parts, kind = {**self.given, **self.left}, self.carried.dtype
        every = {name: ((graphs.LONGEST, *part.shape[1:]), part.dtype) for name, part in parts.items()}
        others = {"weight": self.weight.shape, "carried": self.carried.shape, "sums": self._sums()}
        shapes = every | {name: (shape, kind) for name, shape in others.items()}
        return {name: torch.zeros(shape, dtype=dtype, device=device) for name, (shape, dtype) in shapes.items()}


def _on(device: torch.device) -> AbstractContextManager[object]:
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _stream(device: torch.device) -> tuple[int | None, int]:
    """Device and address of its current stream."""
    return device.index, torch.cuda.current_stream(device).cuda_stream


def _rows(tensor: Tensor) -> Tensor:
    """With the units of a sequence side by side."""
    return tensor if tensor.stride(-1) == 1 or tensor.numel() == 0 else tensor.contiguous()


def _at(tensor: Tensor, step: int = 0) -> int:
    """The address of the first value, or of that of a step."""
    return tensor.data_ptr() + step * tensor.stride(0) * tensor.element_size()
