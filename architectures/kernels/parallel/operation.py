"""The operators of torch around UnICORNN's forms that are parallel in time, forward and backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from architectures import kernels
from architectures.kernels.operators import autocast, computed_in, no_second_derivatives, transformed
from architectures.kernels.parallel import adjoint, newton

STEP_BY_STEP = "unicornn (chunks that did not converge)"
"""The operation under which chunks that were computed step by step are counted, by the backend ``eager``."""


def fits(drive: Tensor, *_: Any, **__: Any) -> bool:
    """Whether the dtype is float32 or float64, or autocast makes it so; not under the transforms of ``torch.func``
    and in forward mode."""
    if transformed():
        return False
    return drive.dtype in newton.TOLERANCE or autocast(drive)


def unicornn(
    drive: Tensor,
    w: Tensor,
    s: Tensor,
    bias: Tensor | None,
    state: tuple[Tensor, Tensor],
    alpha: float,
    memory: str = "high",
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """:func:`architectures.unicornn.unicornn_eager`, parallel in time, on any device of torch.

    What is kept for the backward pass is the output and the velocity of every 64th step, whatever `memory` says. Under
    autocast it computes in float32, or float64 where `drive` has it.
    """
    dtype = computed_in(drive)
    weight = torch.stack([w, s, torch.zeros_like(w) if bias is None else bias]).to(dtype)
    output, _, final = torch.ops.harness.parallel_unicornn(drive.to(dtype), weight, torch.stack(state).to(dtype), alpha)
    return output, (final[0], final[1])


unicornn.fits, unicornn.counts = fits, True  # type: ignore[attr-defined]


@torch.library.custom_op("harness::parallel_unicornn", mutates_args=())
def _forward(drive: Tensor, weight: Tensor, initial: Tensor, alpha: float) -> tuple[Tensor, Tensor, Tensor]:
    output, velocities, final, report = newton.forward(drive, weight, initial, alpha)
    kernels.ran("unicornn", "parallel")
    for _ in range(sum(map(bool, report.failed))):
        kernels.ran(STEP_BY_STEP, "eager")
    return output, velocities, final


@_forward.register_fake
def _(drive: Tensor, weight: Tensor, initial: Tensor, alpha: float) -> tuple[Tensor, Tensor, Tensor]:
    shape = initial.shape[1:]
    kept = drive.new_empty(-(-len(drive) // newton.SEGMENT), *shape)
    return drive.new_empty(drive.shape), kept, initial.new_empty(initial.shape)


@torch.library.custom_op("harness::parallel_unicornn_backward", mutates_args=())
def _backward(
    drive: Tensor,
    weight: Tensor,
    initial: Tensor,
    alpha: float,
    output: Tensor,
    velocities: Tensor,
    grad_output: Tensor,
    grad_final: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    return adjoint.backward(drive, weight, initial, alpha, output, velocities, grad_output, grad_final)


@_backward.register_fake
def _(
    drive: Tensor, weight: Tensor, initial: Tensor, alpha: float, output: Tensor, *_: Any
) -> tuple[Tensor, Tensor, Tensor]:
    return output.new_empty(output.shape), weight.new_empty(weight.shape), initial.new_empty(initial.shape)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.alpha = inputs
    ctx.save_for_backward(*tensors, *output[:2])


def _gradients(ctx: Any, grad_output: Tensor, _: Tensor, grad_final: Tensor) -> tuple[Any, ...]:
    drive, weight, initial, output, velocities = ctx.saved_tensors
    found = torch.ops.harness.parallel_unicornn_backward(
        drive, weight, initial, ctx.alpha, output, velocities, grad_output, grad_final
    )
    return *found, None


_forward.register_autograd(_gradients, setup_context=_remember)
_backward.register_autograd(
    no_second_derivatives("the form that is parallel in time has"), setup_context=lambda ctx, inputs, output: None
)
