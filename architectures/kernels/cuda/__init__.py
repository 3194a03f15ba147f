"""The recurrences on CUDA: UnICORNN, IndRNN and SRU with one thread a chain, coRNN with a product and a kernel a step.

The operations take and return what their readable forms do, and are the same operators of torch as on the CPU
(``torch.ops.harness.sweep`` and ``torch.ops.harness.cornn``), made of the same steps. They compute in float32, or
float64 where input and weights are; input, output and their gradients may be bfloat16 in memory. With
``fast_math=True``, also a keyword of the layers, the hardware's approximations of tanh and the sigmoid are used, which
are off by up to 2^-11: only when asked for. See ``docs/cuda.md`` for what has been tested, and how.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from architectures.kernels import cornn as coupled
from architectures.kernels import elementwise
from architectures.kernels.cuda import selfcheck, steps, sweeps
from architectures.kernels.cuda.variants import variant
from architectures.kernels.elementwise import ACTIVATIONS, EVERYTHING, NOTHING, STATES, Memory
from architectures.kernels.operators import plain, transformed

__all__ = ["cornn", "fast", "indrnn", "sru", "unicornn"]


def cornn(
    drive: Tensor,
    weight: Tensor,
    state: tuple[Tensor, Tensor],
    dt: float,
    gamma: float,
    epsilon: float,
    damping: str,
    fast_math: bool = False,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """:func:`architectures.cornn.cornn_eager` on CUDA."""
    tensors = (drive, weight, *state)
    result, computed, read = types(*tensors)
    keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    weight, y, z = (tensor.to(computed) for tensor in tensors[1:])
    constants = (dt, gamma, epsilon, damping == "implicit")
    output, y, z, _ = torch.ops.harness.cornn(drive.to(read), weight, y, z, *constants, keep, result, fast_math)
    return output, (y.to(result), z.to(result))


def unicornn(
    drive: Tensor,
    w: Tensor,
    s: Tensor,
    bias: Tensor | None,
    state: tuple[Tensor, Tensor],
    alpha: float,
    memory: Memory = "high",
    fast_math: bool = False,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """:func:`architectures.unicornn.unicornn_eager` on CUDA."""
    bias = torch.zeros_like(w) if bias is None else bias
    output, final = _sweep("unicornn", drive, None, (w, s, bias), state, alpha, memory, fast_math)
    return output, (final[0], final[1])


def indrnn(
    drive: Tensor,
    u: Tensor,
    bias: Tensor | None,
    h0: Tensor,
    activation: str,
    memory: Memory = "high",
    fast_math: bool = False,
) -> tuple[Tensor, Tensor]:
    """:func:`architectures.indrnn.indrnn_eager` on CUDA."""
    bias = torch.zeros_like(u) if bias is None else bias
    output, final = _sweep("indrnn", drive, None, (u, bias), (h0,), ACTIVATIONS[activation], memory, fast_math)
    return output, final[0]


def sru(
    gates: Tensor,
    skip: Tensor,
    v: Tensor,
    bias: Tensor | None,
    c0: Tensor,
    activation: str,
    memory: Memory = "high",
    fast_math: bool = False,
) -> tuple[Tensor, Tensor]:
    """:func:`architectures.sru.sru_eager` on CUDA."""
    bias = torch.zeros_like(v) if bias is None else bias
    output, final = _sweep("sru", gates, skip, (*v, *bias), (c0,), ACTIVATIONS[activation], memory, fast_math)
    return output, final[0]


def _fits(step: str, constant: float, *tensors: Tensor | None, fast_math: bool = False) -> bool:
    """Whether there are kernels for such tensors that agree with plain PyTorch; not under those of ``torch.func``."""
    input = tensors[0]
    assert input is not None
    if not _on_gpu(input) or transformed():
        return False
    if input.dtype not in (torch.float32, torch.float64, torch.bfloat16) and not torch.is_autocast_enabled("cuda"):
        return False
    result, computed, read = types(*(tensor for tensor in tensors if tensor is not None))
    return _trusted(step, constant, computed, read, result, fast_math, input.device.index)


def _on_gpu(input: Tensor) -> bool:
    return input.device.type == "cuda"


@torch.compiler.assume_constant_result
def _trusted(
    step: str,
    constant: float,
    computed: torch.dtype,
    read: torch.dtype,
    result: torch.dtype,
    fast_math: bool,
    device: int,
) -> bool:
    return selfcheck.passed(variant(step, constant, computed, read, result, fast_math), device)


def _cornn_fits(
    drive: Tensor, weight: Tensor, state: tuple[Tensor, Tensor], *_: Any, fast_math: bool = False, **__: Any
) -> bool:
    return _fits("cornn", 0.0, drive, weight, *state, fast_math=fast_math)


def _unicornn_fits(
    drive: Tensor,
    w: Tensor,
    s: Tensor,
    bias: Tensor | None,
    state: tuple[Tensor, Tensor],
    *_: Any,
    fast_math: bool = False,
    **__: Any,
) -> bool:
    return _fits("unicornn", 0.0, drive, w, s, bias, *state, fast_math=fast_math)


def _indrnn_fits(
    drive: Tensor,
    u: Tensor,
    bias: Tensor | None,
    h0: Tensor,
    activation: str,
    *_: Any,
    fast_math: bool = False,
    **__: Any,
) -> bool:
    return _fits("indrnn", ACTIVATIONS[activation], drive, u, bias, h0, fast_math=fast_math)


def _sru_fits(
    gates: Tensor,
    skip: Tensor,
    v: Tensor,
    bias: Tensor | None,
    c0: Tensor,
    activation: str,
    *_: Any,
    fast_math: bool = False,
    **__: Any,
) -> bool:
    return _fits("sru", ACTIVATIONS[activation], gates, skip, v, bias, c0, fast_math=fast_math)


def fast(operation: Any) -> Any:
    """An operation with ``fast_math=True``, for a layer to choose."""
    chosen: Any = partial(operation, fast_math=True)
    chosen.fits, chosen.counts = partial(operation.fits, fast_math=True), True
    return chosen


_FITS: dict[Any, Any] = {cornn: _cornn_fits, unicornn: _unicornn_fits, indrnn: _indrnn_fits, sru: _sru_fits}
for _operation, _own in _FITS.items():
    _operation.fits, _operation.counts = _own, True


def _sweep(
    step: str,
    input: Tensor,
    skip: Tensor | None,
    weights: tuple[Tensor, ...],
    states: tuple[Tensor, ...],
    constant: float,
    memory: Memory,
    fast_math: bool,
) -> tuple[Tensor, Tensor]:
    """Output (L, N, H) and final states (number of states, N, H), in the type of the weights or the wider input."""
    tensors = (input, *(() if skip is None else (skip,)), *weights, *states)
    result, computed, read = types(*tensors)
    keep = NOTHING
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        keep = STATES if memory == "low" else EVERYTHING
    weight, initial = torch.stack(weights).to(computed), torch.stack(states).to(computed)
    skip = None if skip is None else skip.to(read)
    given = step, input.to(read), skip, weight, initial, constant, keep, result, fast_math
    call: Any = torch.ops.harness.sweep
    if plain(input, skip, weight, initial):
        call = _Sweep.apply if keep != NOTHING else sweeps.forward
    output, _, _, final = call(*given)
    return output, final.to(result)


class _Sweep(torch.autograd.Function):
    """The operator without the layers of torch around it, which take a tenth of a millisecond."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:
        left = sweeps.forward(*inputs)
        elementwise._remember(ctx, inputs, left)
        ctx.mark_non_differentiable(*left[1:3])
        return left

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        return elementwise.backward(ctx, gradients, sweeps.backward)


def types(*tensors: Tensor) -> tuple[torch.dtype, torch.dtype, torch.dtype]:
    """What the output is in memory, what is computed in, and what the streams (all but vectors and states) are read as.

    `tensors` are the input, SRU's highway, and then the weights and states. bfloat16 stays bfloat16 in memory, float16
    becomes float32, and the output has the type that plain PyTorch would give it.
    """
    streams = [tensor for tensor in tensors if tensor.dim() == 3]
    result = tensors[0].dtype
    for tensor in tensors[1:]:
        result = torch.promote_types(result, tensor.dtype)
    computed = torch.float64 if result == torch.float64 else torch.float32
    result = computed if result == torch.float16 else result
    half = result != torch.float64 and all(stream.dtype == torch.bfloat16 for stream in streams)
    return result, computed, torch.bfloat16 if half else computed


elementwise._forward.register_kernel("cuda", sweeps.forward)
elementwise._backward.register_kernel("cuda", sweeps.backward)
coupled._forward.register_kernel("cuda", steps.forward)
coupled._backward.register_kernel("cuda", steps.backward)
