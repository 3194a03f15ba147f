"""The operators ``harness::sweep`` and ``harness::sweep_backward`` on CUDA: memory, addresses and launches."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from architectures import kernels
from architectures.kernels import elementwise
from architectures.kernels.cuda import launch as launching
from architectures.kernels.cuda.geometry import WARP, by_newton, by_segments
from architectures.kernels.cuda.launch import launch
from architectures.kernels.cuda.variants import OSCILLATOR, Variant, variant
from architectures.kernels.cuda.verdicts import refused

TOGETHER = 32  # rows that one thread adds up, as in sweep.cu
MOST = 2**31 - 1  # chains and steps: the kernels count them in 32 bits


def forward(
    step: str,
    input: Tensor,
    skip: Tensor | None,
    weight: Tensor,
    initial: Tensor,
    constant: float,
    keep: int,
    stored: torch.dtype | None,
    fast: bool,
    *,
    route: str | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """:func:`architectures.kernels.elementwise._forward` on CUDA; `input` and `stored` may be bfloat16.

    `route`, one of :data:`architectures.kernels.cuda.verdicts.ROUTES`, is what a check takes whatever the sizes are;
    it is not counted.
    """
    left = output, kept, states, final = elementwise._left(step, input, initial, keep, stored)
    kind = variant(step, constant, initial.dtype, input.dtype, output.dtype, fast)
    _check(input, initial)
    call = _Arguments()
    call.streams(input, skip)
    call.tensors(weight.contiguous(), initial.contiguous(), output, kept, states, final)
    call.numbers(kind, constant, input, initial)
    chains, device = initial[0].numel(), initial.device
    newton = route == "newton" or (
        route is None
        and kind.step == OSCILLATOR
        and by_newton(chains, len(input), multiprocessors(device))
        and not refused(kind, device.index, "newton")
    )
    if newton:
        _run(kind, "forward_newton", chains * WARP, call, initial.device)
    else:
        _run(kind, "forward", chains, call, initial.device)
    if route is None:
        kernels.ran(step, "cuda")
    return left


def backward(
    step: str,
    input: Tensor,
    skip: Tensor | None,
    weight: Tensor,
    initial: Tensor,
    kept: Tensor | None,
    states: Tensor,
    final: Tensor,
    constant: float,
    grad_output: Tensor | None,
    grad_final: Tensor | None,
    stored: torch.dtype | None,
    fast: bool,
    *,
    route: str | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """:func:`architectures.kernels.elementwise._backward` on CUDA; see :func:`forward` for `route`."""
    given = elementwise._given(input, skip, weight, initial)
    _check(input, initial)
    stored = stored or initial.dtype
    kind = variant(step, constant, initial.dtype, input.dtype, stored, fast)
    if grad_output is None:  # one row of zeros, read at every step
        row = torch.zeros(initial.shape[-1], dtype=stored, device=initial.device)
        grad_output = row.expand(len(input), initial.shape[1], -1)
    grad_final = torch.zeros_like(final) if grad_final is None else grad_final.contiguous()
    weight, initial = weight.contiguous(), initial.contiguous()
    forward = _Forward(kind, constant, input, skip, weight, initial, states, final)
    segments = route == "segments" or (
        route is None
        and kept is not None
        and by_segments(initial[0].numel(), len(states), multiprocessors(initial.device))
        and not refused(kind, initial.device.index, "segments")
    )
    if segments and kept is not None:
        _by_segments(forward, kept, grad_output, grad_final, given)
    else:
        _in_one_sweep(forward, kept, grad_output, grad_final, given)
    return given


def multiprocessors(device: torch.device) -> int:
    """How many multiprocessors a device has."""
    return launching.multiprocessors(device.index)


class _Forward(NamedTuple):
    """What a sweep forward was given and left."""

    kind: Variant
    constant: float
    input: Tensor
    skip: Tensor | None
    weight: Tensor
    initial: Tensor
    states: Tensor
    final: Tensor


Gradients = tuple[Tensor, Tensor, Tensor, Tensor]


def _in_one_sweep(of: _Forward, kept: Tensor | None, d_output: Tensor, d_final: Tensor, given: Gradients) -> None:
    """A thread takes a chain through all of time; where nothing was kept of the steps, it works that out again."""
    d_input, d_skip, d_weight, d_initial = given
    every = of.initial.shape[1:]
    sums = _new(of, len(of.weight), *every)
    scratch = _new(of, elementwise.SEGMENT if kept is None else 0, *every)
    call = _Arguments()
    call.streams(of.input, of.skip)
    call.tensors(of.weight, of.initial, kept, scratch, of.states, of.final)
    call.stream(d_output)
    call.tensors(d_final, d_input, d_skip, sums, d_initial)
    call.numbers(of.kind, of.constant, of.input, of.initial)
    _run(of.kind, "backward_low" if kept is None else "backward", of.initial[0].numel(), call, of.initial.device)
    _add_up(of.kind, sums, d_weight)


def _by_segments(of: _Forward, kept: Tensor, d_output: Tensor, d_final: Tensor, given: Gradients) -> None:
    """A thread takes a segment of a chain (``scan.cu``); what they hand on to each other is an affine function."""
    d_input, d_skip, d_weight, d_initial = given
    (count, *every), segments, device = of.initial.shape, len(of.states), of.initial.device
    maps, ends = _new(of, segments, count + 1, count, *every), _new(of, segments, count, *every)
    sums, pieces = _new(of, len(of.weight), segments * every[0], every[1]), segments * of.initial[0].numel()
    for name, results in (("segment_maps", (maps,)), ("segment_backward", (ends, d_input, d_skip, sums))):
        if name == "segment_backward":
            between = _Arguments()
            between.tensors(maps, d_final, ends, d_initial)
            between.sizes(len(of.input), *every)
            _run(of.kind, "segment_ends", of.initial[0].numel(), between, device)
        call = _Arguments()
        call.streams(of.input, of.skip)
        call.tensors(of.weight, of.initial, kept, of.states, of.final)
        call.stream(d_output)
        call.tensors(*results)
        call.numbers(of.kind, of.constant, of.input, of.initial)
        _run(of.kind, name, pieces, call, device)
    _add_up(of.kind, sums, d_weight)


def _new(of: _Forward, *shape: int) -> Tensor:
    return elementwise._empty(*shape, dtype=of.initial.dtype, device=of.initial.device)


def _add_up(kind: Variant, sums: Tensor, into: Tensor) -> None:
    """The sum over the batch of (number of weights, N, H), always in the same order."""
    count, rows, width = sums.shape
    if rows == 0:
        into.zero_()
    while rows > 0:
        groups = -(-rows // TOGETHER)
        result = into if groups == 1 else elementwise._empty(count, groups, width, dtype=into.dtype, device=into.device)
        call = _Arguments()
        call.tensors(sums, result)
        call.sizes(count, rows, width)
        _run(kind, "add_rows", count * groups * width, call, into.device)
        sums, rows = result, groups if groups > 1 else 0


def _check(input: Tensor, initial: Tensor) -> None:
    if len(input) == 0:
        raise ValueError("on CUDA a sweep takes a sequence of at least one step, got one of none")
    if max(len(input), initial[0].numel()) > MOST:
        raise ValueError(f"on CUDA a sequence has at most {MOST:,} steps, and a batch at most as many units in all")


def _run(kind: Variant, name: str, threads: int, call: _Arguments, device: torch.device) -> None:
    if threads == 0:
        return  # a launch of no blocks is an error
    if device.type != "cuda":
        launch(kind, name, threads, call.scalars)
        return
    with torch.cuda.device(device):
        launch(kind, name, threads, call.scalars)


class _Arguments:
    """The arguments of a kernel in its order, as numpy's scalars, and the tensors they point into."""

    def __init__(self) -> None:
        self.scalars: list[Any] = []
        self.alive: list[Tensor] = []

    def tensors(self, *tensors: Tensor | None) -> None:
        """Add addresses of contiguous tensors, null for None and for those without elements."""
        for tensor in tensors:
            self.scalars.append(np.int64(tensor.data_ptr() if tensor is not None and tensor.numel() else 0))
            self.alive += [] if tensor is None else [tensor]

    def stream(self, tensor: Tensor) -> None:
        """Add a tensor (L, N, k H): its address and the strides of a step and of a sequence."""
        tensor = tensor if tensor.stride(-1) == 1 else tensor.contiguous()
        self.tensors(tensor)
        self.scalars += [np.int64(stride) for stride in tensor.stride()[:2]]

    def streams(self, input: Tensor, skip: Tensor | None) -> None:
        """Add what a step reads; SRU's `skip` is a stream of its own."""
        self.stream(input)
        if skip is None:
            self.scalars += [np.int64(0)] * 3
        else:
            self.stream(skip)

    def numbers(self, kind: Variant, constant: float, input: Tensor, initial: Tensor) -> None:
        """Add the constant in two parts, what its type can hold and the rest, and the sizes L, N and H."""
        number = np.float32 if kind.computed == torch.float32 else np.float64
        self.scalars += [number(constant), number(constant - float(number(constant)))]
        self.sizes(len(input), *initial.shape[1:])

    def sizes(self, *sizes: int) -> None:
        """Add whole numbers."""
        self.scalars += [np.int64(size) for size in sizes]
