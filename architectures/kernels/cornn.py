"""coRNN, compiled for the CPU: all steps of a few sequences on one thread, with matrix products of its own.

:func:`cornn` takes and returns what :func:`architectures.cornn.cornn_eager` does. It is an operator of torch
(``torch.ops.harness.cornn``), so that ``torch.compile`` takes it into its graphs as it is. For the gradients it keeps
two numbers of each step and unit, y (which is the output) and the tanh; the gradient of the weight is one product over
all steps and sequences. Results are the same, bit for bit, for every number of threads. Half-precision tensors of an
autocast region are computed in float32. There are no second derivatives; in forward mode plain PyTorch is used.
"""

from __future__ import annotations

import ctypes
from functools import partial
from typing import Any

import torch
from torch import Tensor

from architectures import kernels
from architectures.kernels.operators import (
    SHORT,
    computed_in,
    fits,
    function,
    no_second_derivatives,
    plain,
    wants_gradients,
)
from architectures.kernels.operators import empty as _empty

__all__ = ["cornn"]


def cornn(
    drive: Tensor,
    weight: Tensor,
    state: tuple[Tensor, Tensor],
    dt: float,
    gamma: float,
    epsilon: float,
    damping: str,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """:func:`architectures.cornn.cornn_eager`, compiled; `drive` may be any view, the others are small."""
    tensors = (drive, weight, *state)
    dtype = computed_in(drive)
    keep = wants_gradients(*tensors)
    drive, weight, y, z = (tensor.to(dtype) for tensor in tensors)
    call: Any = torch.ops.harness.cornn
    if plain(drive, weight, y, z):
        call = _CoRNN.apply if keep else _run
    output, y, z, _ = call(drive, weight, y, z, dt, gamma, epsilon, damping == "implicit", keep, None, False)
    return output, (y, z)


def pays(drive: Tensor, weight: Tensor, state: tuple[Tensor, Tensor], *_: Any) -> bool:
    """:func:`operators.pays`, where the weight is packed first, at the price of some more steps of one sequence."""
    length, batch, width = drive.shape
    short = max(SHORT, width // 16) if batch == 1 else SHORT
    return length > short or wants_gradients(drive, weight, state)


cornn.fits, cornn.pays, cornn.counts = fits, pays, True  # type: ignore[attr-defined]

# On CUDA both operators replay graphs of their own, which torch.compile must not capture into one of its.
_UNCAPTURED = (torch.Tag.cudagraph_unsafe,)


def _run(
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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Output (L, N, H), final y and z (N, H), and the tanh of every step (L, N, H), empty unless `keep`.

    `drive` is (L, N, H), `weight` (H, 2H) with the columns of z and then of y, `y0` and `z0` are (N, H). `stored` is
    the type of the output where it isn't that of the states, and `fast` asks for an approximate tanh: CUDA's kernels
    have both, this neither.
    """
    left = output, y, z, force = _left(drive, y0, keep, stored)
    _call("forward", weight, (y0, z0), drive, (output, force, y, z), _factors(dt, gamma, epsilon, implicit))
    kernels.ran("cornn", "cpu")
    return left


_forward = torch.library.custom_op("harness::cornn", _run, mutates_args=(), device_types="cpu", tags=_UNCAPTURED)


def _run_backward(
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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of `drive`, `weight` (empty unless `of_weight`), `y0` and `z0`; `read` is the type of `drive`."""
    given = d_drive, d_weight, d_y, d_z = _given(output, y0, of_weight, read)
    ends = [torch.zeros_like(y0) if end is None else end.contiguous() for end in (grad_y, grad_z)]
    others = (output, force, *ends, d_drive, d_y, d_z, d_weight)
    _call("backward", weight, (y0, z0), grad_output, others, _factors(dt, gamma, epsilon, implicit))
    return given


_backward = torch.library.custom_op(
    "harness::cornn_backward", _run_backward, mutates_args=(), device_types="cpu", tags=_UNCAPTURED
)


@_forward.register_fake
def _(
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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _left(drive, y0, keep, stored)


@_backward.register_fake
def _(
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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _given(output, y0, of_weight, read)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    drive, weight, y0, z0, *ctx.factors, _, _, fast = inputs
    result, _, _, force = output
    ctx.others = drive.dtype, fast
    ctx.save_for_backward(weight, y0, z0, result, force)
    ctx.set_materialize_grads(False)


def _gradients(
    ctx: Any, grad_output: Tensor | None, grad_y: Tensor | None, grad_z: Tensor | None, _: Any
) -> tuple[Any, ...]:
    return _backward_of(ctx, ctx.saved_tensors, (grad_output, grad_y, grad_z), torch.ops.harness.cornn_backward)


def _backward_of(
    ctx: Any, saved: tuple[Any, ...], gradients: tuple[Tensor | None, ...], operator: Any
) -> tuple[Any, ...]:
    """The gradients of all arguments. `saved` is read once by who calls: checkpoints give it up only once."""
    weight, y0, z0, output, force = saved
    of_weight = ctx.needs_input_grad[1]
    d_drive, d_weight, d_y, d_z = operator(
        weight, y0, z0, *ctx.factors, output, force, *gradients, of_weight, *ctx.others
    )
    return d_drive, d_weight if of_weight else None, d_y, d_z, *(None,) * 7


_forward.register_autograd(_gradients, setup_context=_remember)
_backward.register_autograd(
    no_second_derivatives("the compiled coRNN has"), setup_context=lambda ctx, inputs, output: None
)


class _CoRNN(torch.autograd.Function):
    """The operator without the layers of torch around it, which take longer than a step of a small layer."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:
        left = _run(*inputs)
        _remember(ctx, inputs, left)
        ctx.mark_non_differentiable(left[3])
        return left

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        saved = ctx.saved_tensors
        # Only the operator refuses second derivatives, which gradients are enabled for.
        alone = not torch.is_grad_enabled() and plain(*gradients[:3], *saved)
        operator: Any = _run_backward if alone else torch.ops.harness.cornn_backward
        return _backward_of(ctx, saved, gradients[:3], operator)


def _left(drive: Tensor, y0: Tensor, keep: bool, stored: torch.dtype | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Room for what the forward pass leaves: the output, the final states, the tanh of every step."""
    new = partial(_empty, device=y0.device)
    output, force = new(drive.shape, dtype=stored or y0.dtype), new(drive.shape if keep else (0,), dtype=y0.dtype)
    return output, new(y0.shape, dtype=y0.dtype), new(y0.shape, dtype=y0.dtype), force


def _given(
    output: Tensor, y0: Tensor, of_weight: bool, read: torch.dtype | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Room for the gradients of the drive, the weight and the initial states."""
    width, new = y0.shape[1], partial(_empty, device=y0.device)
    shapes = (width, 2 * width) if of_weight else (0,), y0.shape, y0.shape
    weight, y, z = (new(shape, dtype=y0.dtype) for shape in shapes)
    return new(output.shape, dtype=read or y0.dtype), weight, y, z


def _call(
    direction: str,
    weight: Tensor,
    initial: tuple[Tensor, Tensor],
    stream: Tensor | None,
    others: tuple[Tensor, ...],
    factors: tuple[float, ...],
) -> None:
    """Call a C function of ``source/cornn.cpp``, which says what it takes; the first of `others` is the output.

    The values of `stream` (L, N, H) may have any distance from step to step and from sequence to sequence.
    """
    weight = weight if weight.stride(-1) == 1 else weight.contiguous()
    if stream is not None and stream.stride(-1) != 1:
        stream = stream.contiguous()
    initial = initial[0].contiguous(), initial[1].contiguous()
    sizes = (ctypes.c_int64 * 4)(len(others[0]), *initial[0].shape, torch.get_num_threads())
    needed = function("cornn_scratch", weight.dtype)
    needed.restype = ctypes.c_int64
    tensors = (weight, *initial, stream, *others, _empty(needed(sizes), dtype=torch.uint8))
    pointers = [tensor.data_ptr() if tensor is not None and tensor.numel() else None for tensor in tensors]
    strides = (weight.stride(0), *((0, 0) if stream is None else stream.stride()[:2]))
    function(f"cornn_{direction}", weight.dtype)(
        sizes,
        (ctypes.c_void_p * len(pointers))(*pointers),
        (ctypes.c_int64 * len(strides))(*strides),
        (ctypes.c_double * len(factors))(*factors),
    )


def _factors(dt: float, gamma: float, epsilon: float, implicit: bool) -> tuple[float, float, float, float]:
    """dt, keep, spring and push of z' = keep z - spring y + push tanh(...), y' = y + dt z'."""
    if implicit:
        friction = 1 + dt * epsilon
        return dt, 1 / friction, dt * gamma / friction, dt / friction
    return dt, 1 - dt * epsilon, dt * gamma, dt
