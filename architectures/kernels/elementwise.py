"""UnICORNN, IndRNN and SRU, compiled for the CPU: one sweep over time for all of them, with a step of each.

The operations take and return what their readable forms in :mod:`architectures.unicornn`, :mod:`architectures.indrnn`
and :mod:`architectures.sru` do, and are operators of torch (``torch.ops.harness.sweep``), so that ``torch.compile``
takes them into its graphs as they are. Gradients are exact: the backward sweep reads the states that the forward one
kept. With ``memory="low"`` only those of every 64th step are kept, and the others are worked out again: the same
numbers, for the time of another forward sweep. Results are the same, bit for bit, for every number of threads. Where
gradients are to be differentiated again (``create_graph=True``) they are made by plain PyTorch, which is used under the
transforms of ``torch.func`` and in forward mode as well.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from architectures import kernels
from architectures.kernels.operators import (
    again,
    computed_in,
    differentiated_again,
    fits,
    function,
    no_second_derivatives,
    pays,
    plain,
    wants_gradients,
)
from architectures.kernels.operators import empty as _empty

Memory = Literal["high", "low"]
"""What a forward pass keeps for the backward one: the state of every step, or of every 64th."""

SEGMENT = 64  # steps between two stored states, as in source/sweep.h
ACTIVATIONS = {"identity": 0.0, "tanh": 1.0, "relu": 2.0}
_ACTIVATION: dict[float, Any] = {number: name for name, number in ACTIVATIONS.items()}
NOTHING, STATES, EVERYTHING = 0, 1, 2  # what is kept: no gradients wanted, memory="low", memory="high"


def check_memory(memory: str) -> None:
    """Refuse a word that :data:`Memory` doesn't know."""
    if memory not in get_args(Memory):
        raise ValueError(f"memory must be 'high' or 'low', got {memory!r}")


def unicornn(
    drive: Tensor,
    w: Tensor,
    s: Tensor,
    bias: Tensor | None,
    state: tuple[Tensor, Tensor],
    alpha: float,
    memory: Memory = "high",
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """:func:`architectures.unicornn.unicornn_eager`, compiled."""
    bias = torch.zeros_like(w) if bias is None else bias
    output, final = _sweep("unicornn", drive, None, (w, s, bias), state, alpha, memory)
    return output, (final[0], final[1])


def indrnn(
    drive: Tensor, u: Tensor, bias: Tensor | None, h0: Tensor, activation: str, memory: Memory = "high"
) -> tuple[Tensor, Tensor]:
    """:func:`architectures.indrnn.indrnn_eager`, compiled."""
    bias = torch.zeros_like(u) if bias is None else bias
    output, final = _sweep("indrnn", drive, None, (u, bias), (h0,), ACTIVATIONS[activation], memory)
    return output, final[0]


def sru(
    gates: Tensor,
    skip: Tensor,
    v: Tensor,
    bias: Tensor | None,
    c0: Tensor,
    activation: str,
    memory: Memory = "high",
) -> tuple[Tensor, Tensor]:
    """:func:`architectures.sru.sru_eager`, compiled."""
    bias = torch.zeros_like(v) if bias is None else bias
    output, final = _sweep("sru", gates, skip, (*v, *bias), (c0,), ACTIVATIONS[activation], memory)
    return output, final[0]


_OPERATIONS: tuple[Any, ...] = (unicornn, indrnn, sru)
for _operation in _OPERATIONS:
    _operation.fits, _operation.pays, _operation.counts = fits, pays, True


def _sweep(
    step: str,
    input: Tensor,
    skip: Tensor | None,
    weights: tuple[Tensor, ...],
    states: tuple[Tensor, ...],
    constant: float,
    memory: Memory,
) -> tuple[Tensor, Tensor]:
    """Output (L, N, H) and final states (number of states, N, H)."""
    tensors = (input, *(() if skip is None else (skip,)), *weights, *states)
    dtype = computed_in(input)
    keep = NOTHING
    if wants_gradients(*tensors):
        keep = STATES if memory == "low" else EVERYTHING
    weight, initial = torch.stack(weights).to(dtype), torch.stack(states).to(dtype)
    skip = None if skip is None else skip.to(dtype)
    given = step, input.to(dtype), skip, weight, initial, constant, keep, None, False
    call: Any = torch.ops.harness.sweep
    if plain(input, skip, weight, initial):
        call = _Sweep.apply if keep != NOTHING else _run
    output, _, _, final = call(*given)
    return output, final


def _run(
    step: str,
    input: Tensor,
    skip: Tensor | None,
    weight: Tensor,
    initial: Tensor,
    constant: float,
    keep: int,
    stored: torch.dtype | None,
    fast: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Output (L, N, H), what was kept of every step beside it, the states of every 64th step, and the final states.

    `weight` is (number of weights, H) and `initial` (number of states, N, H). `stored` is the type of the first two
    results where it isn't that of the states, and `fast` asks for approximations: CUDA's kernels have both, these
    neither.
    """
    left = _left(step, input, initial, keep, stored)
    call = _Call(initial)
    call.streams(input, skip)
    call.tensors(weight.contiguous(), initial.contiguous(), *left)
    call(f"{step}_forward", constant, len(input))
    kernels.ran(step, "cpu")
    return left


_forward = torch.library.custom_op("harness::sweep", _run, mutates_args=(), device_types="cpu")


@_forward.register_fake
def _(
    step: str,
    input: Tensor,
    skip: Tensor | None,
    weight: Tensor,
    initial: Tensor,
    constant: float,
    keep: int,
    stored: torch.dtype | None,
    fast: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _left(step, input, initial, keep, stored)


def _run_backward(
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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of `input`, `skip`, `weight` and `initial`; `kept` is None where only `states` were kept."""
    d_input, d_skip, d_weight, d_initial = given = _given(input, skip, weight, initial)
    sums = _empty(len(weight), *initial.shape[1:], dtype=torch.float64)
    call = _Call(initial)
    call.streams(input, skip)
    call.tensors(weight.contiguous(), initial.contiguous(), kept, states, final)
    call.streams(grad_output) if grad_output is not None else call.nothing()
    call.tensors(torch.zeros_like(final) if grad_final is None else grad_final.contiguous())
    call.streams(d_input, None if skip is None else d_skip)
    call.tensors(d_weight, sums, d_initial)
    call(f"{step}_backward", constant, len(input))
    return given


_backward = torch.library.custom_op("harness::sweep_backward", _run_backward, mutates_args=(), device_types="cpu")


@_backward.register_fake
def _(
    step: str,
    input: Tensor,
    skip: Tensor | None,
    weight: Tensor,
    initial: Tensor,
    *_: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _given(input, skip, weight, initial)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    step, input, skip, weight, initial, constant, keep, stored, fast = inputs
    result, kept, states, final = output
    ctx.step, ctx.constant, ctx.others = step, constant, (stored, fast)
    every = None if keep != EVERYTHING else kept if step == "sru" else result
    ctx.save_for_backward(input, skip, weight, initial, every, states, final)
    ctx.set_materialize_grads(False)


def _gradients(ctx: Any, grad_output: Tensor | None, _: Any, __: Any, grad_final: Tensor | None) -> tuple[Any, ...]:
    return _backward_of(ctx, ctx.saved_tensors, grad_output, grad_final, torch.ops.harness.sweep_backward)


def _backward_of(
    ctx: Any, saved: tuple[Any, ...], grad_output: Tensor | None, grad_final: Tensor | None, operator: Any
) -> tuple[Any, ...]:
    """The gradients of all arguments. `saved` is read once by who calls: checkpoints give it up only once."""
    *tensors, states, final = saved
    if differentiated_again():
        d_input, d_skip, d_weight, d_initial = again(_oracle(ctx), saved[:4], (grad_output, grad_final))
        return None, d_input, d_skip, d_weight, d_initial, *(None,) * 4
    given = (ctx.constant, grad_output, grad_final, *ctx.others)
    d_input, d_skip, d_weight, d_initial = operator(ctx.step, *tensors, states, final, *given)
    return None, d_input, None if tensors[1] is None else d_skip, d_weight, d_initial, *(None,) * 4


def backward(ctx: Any, gradients: tuple[Any, ...], sweep: Any) -> tuple[Any, ...]:
    """The gradients of all arguments by `sweep`, or by the operator where torch has layers to put around it."""
    saved = ctx.saved_tensors
    operator = sweep if plain(*gradients, *saved) else torch.ops.harness.sweep_backward
    return _backward_of(ctx, saved, gradients[0], gradients[3], operator)


def _oracle(ctx: Any) -> Callable[..., tuple[Tensor, Tensor]]:
    """The readable form of a step: input, skip, weight and initial states to output and final states."""
    from architectures import indrnn, sru, unicornn  # which import this module

    step, constant, (stored, _) = ctx.step, ctx.constant, ctx.others

    def compute(input: Tensor, skip: Tensor | None, weight: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
        final: Any
        if step == "unicornn":
            w, s, bias = weight
            output, final = unicornn.unicornn_eager(input, w, s, bias, (initial[0], initial[1]), constant)
        elif step == "indrnn":
            output, final = indrnn.indrnn_eager(input, weight[0], weight[1], initial[0], _ACTIVATION[constant])
        else:
            assert skip is not None  # SRU has one
            output, final = sru.sru_eager(input, skip, weight[:2], weight[2:], initial[0], _ACTIVATION[constant])
        kernels.ran(step, "eager")
        return output.to(stored or initial.dtype), torch.stack(final if isinstance(final, tuple) else (final,))

    return compute


_forward.register_autograd(_gradients, setup_context=_remember)
_backward.register_autograd(
    no_second_derivatives("the compiled recurrences have"), setup_context=lambda ctx, inputs, output: None
)


class _Sweep(torch.autograd.Function):
    """The operator without the layers of torch around it, which take a millisecond of a call and its gradients."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:
        left = _run(*inputs)
        _remember(ctx, inputs, left)
        ctx.mark_non_differentiable(*left[1:3])
        return left

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        return backward(ctx, gradients, _run_backward)


def _left(
    step: str, input: Tensor, initial: Tensor, keep: int, stored: torch.dtype | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Room for what a forward sweep leaves."""
    length, (count, batch, width) = input.shape[0], initial.shape
    new = partial(_empty, dtype=initial.dtype, device=initial.device)
    of_steps = partial(_empty, dtype=stored or initial.dtype, device=initial.device)
    every = (length, batch, width)
    return (
        of_steps(every),
        of_steps(every if step == "sru" and keep == EVERYTHING else (0,)),  # of the others the output is what is kept
        new((-(-length // SEGMENT), count, batch, width) if keep != NOTHING else (0,)),
        new((count, batch, width)),
    )


def _given(
    input: Tensor, skip: Tensor | None, weight: Tensor, initial: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Room for the gradients."""
    new = partial(_empty, dtype=initial.dtype, device=initial.device)
    streams = partial(_empty, dtype=input.dtype, device=initial.device)
    return streams(input.shape), streams((0,) if skip is None else skip.shape), new(weight.shape), new(initial.shape)


class _Call:
    """The arguments of a C function, gathered in its order: addresses, and the strides of the streams."""

    def __init__(self, initial: Tensor) -> None:
        _, self.batch, self.width = initial.shape
        self.dtype = initial.dtype
        self.pointers: list[int | None] = []
        self.strides: list[int] = []
        self.alive: list[Tensor] = []

    def tensors(self, *tensors: Tensor | None) -> None:
        """Add contiguous tensors, or null for None and for those without elements."""
        for tensor in tensors:
            self.pointers.append(tensor.data_ptr() if tensor is not None and tensor.numel() else None)
            self.alive += [] if tensor is None else [tensor]

    def streams(self, *tensors: Tensor | None) -> None:
        """Add tensors (L, N, k H) as k streams (L, N, H) each; other than the last dimension, they may be any view."""
        for tensor in tensors:
            if tensor is None:
                continue
            tensor = tensor if tensor.stride(-1) == 1 else tensor.contiguous()
            for block in range(tensor.shape[-1] // self.width):
                self.pointers.append(tensor.data_ptr() + block * self.width * tensor.element_size())
                self.strides += tensor.stride()[:2]
            self.alive.append(tensor)

    def nothing(self) -> None:
        """Add a stream that isn't there."""
        self.pointers.append(None)
        self.strides += (0, 0)

    def __call__(self, name: str, constant: float, length: int) -> None:
        call = function(name, self.dtype)
        sizes = (ctypes.c_int64 * 4)(length, self.batch, self.width, torch.get_num_threads())
        pointers = (ctypes.c_void_p * len(self.pointers))(*self.pointers)
        strides = (ctypes.c_int64 * len(self.strides))(*self.strides)
        call(sizes, pointers, strides, ctypes.c_double(constant))
