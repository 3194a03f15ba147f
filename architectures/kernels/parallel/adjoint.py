"""UnICORNN backward, parallel in time: one linear scan.

The output holds the position after every step, so that every tanh can be computed at once: what is left of the
backward recurrence is linear in the adjoints of y and z. A second scan, over what the first one left of the equations,
takes its rounding away (iterative refinement, Wilkinson, Rounding Errors in Algebraic Processes, 1963); as in
``newton``, what is left is worked out in float64, where a GPU would use pairs of floats.
"""

from __future__ import annotations

import torch
from torch import Tensor

from architectures.kernels.parallel.newton import SEGMENT
from architectures.kernels.parallel.oscillator import Oscillators
from architectures.kernels.parallel.scan import Maps, scan

AT_ONCE = 1 << 21  # values of a tensor: longer sequences are scanned in stretches, so that memory stays small


def backward(
    drive: Tensor,
    weight: Tensor,
    initial: Tensor,
    alpha: float,
    output: Tensor,
    velocities: Tensor,
    grad_output: Tensor,
    grad_final: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `drive` (L, N, H), `weight` (3, H) and `initial` (2, N, H), which are as in ``newton.forward``.

    `output` and `velocities` are what it returned, `grad_output` (L, N, H) and `grad_final` (2, N, H) the gradients of
    the loss for the positions and for the final states.
    """
    length, (_, batch, width) = len(drive), initial.shape
    cells = Oscillators.of(weight, batch, alpha)
    stretch = max(1, AT_ONCE // max(1, SEGMENT * batch * width)) * SEGMENT
    adjoint_y, adjoint_z = grad_final.flatten(1)
    grad_drive = torch.empty_like(output)
    sums = torch.zeros(3, batch * width, dtype=torch.float64, device=drive.device)
    for start in reversed(range(0, length, stretch)):
        steps = slice(start, min(length, start + stretch))
        first = initial[0] if start == 0 else output[start - 1]
        before = torch.cat([first.unsqueeze(0), output[start : steps.stop - 1]]).flatten(1)
        z = velocities[start // SEGMENT : -(-steps.stop // SEGMENT)].flatten(1)
        delta, part, (adjoint_y, adjoint_z) = _stretch(
            cells, drive[steps].flatten(1), before, z, grad_output[steps].flatten(1), (adjoint_y, adjoint_z)
        )
        grad_drive[steps] = delta.unflatten(1, (batch, width))
        sums += part
    grad_weight = sums.unflatten(1, (batch, width)).sum(1).to(weight)
    return grad_drive, grad_weight, torch.stack([adjoint_y, adjoint_z]).unflatten(1, (batch, width))


def _stretch(
    cells: Oscillators, drive: Tensor, before: Tensor, z: Tensor, outside: Tensor, after: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Gradients of `drive` (T, C), the sums (3, C) of those of w, s and bias, and the adjoints before the first step.

    `before` (T, C) are the positions before each step, `z` the velocities before every 64th, `outside` the gradients
    that the output brings, and `after` the adjoints of y and z after the last step.
    """
    f = cells.tanh(drive, before)
    force, slope = cells.pulled(f, before), 1 - f * f
    s = cells.s.expand_as(f)
    ys, zs = _adjoints(cells, slope, outside, after)
    whole_y = torch.cat([ys[1:], after[0].unsqueeze(0)]) + outside
    delta = -s * zs * slope
    by_s = whole_y * _velocities(z, s * force) - zs * force
    sums = torch.stack([part.sum(0, dtype=torch.float64) for part in (delta * before, by_s, delta)])
    return delta, sums, (ys[0], zs[0])


def _adjoints(
    cells: Oscillators, slope: Tensor, outside: Tensor, after: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """The adjoints of y and z before each step: z = z' + s (y' + g), y = (y' + g) - s (alpha + w slope) z."""
    s, slope, outside = cells.s.expand_as(slope), cells.w * slope.flip(0), outside.flip(0)
    pull = -s * (cells.alpha + slope)
    none = torch.zeros_like(s)
    maps = Maps(s * pull, pull, s, none, outside + s * pull * outside, s * outside)
    ys, zs = scan(maps, *after)
    y_after, z_after = (torch.cat([last.unsqueeze(0), all[:-1]]) for last, all in zip(after, (ys, zs), strict=True))
    wide, whole = s.double(), y_after.double() + outside
    missing_z = ((z_after.double() - zs) + wide * whole).to(s)
    missing_y = ((whole - ys) - wide * cells.pulled(slope.double() * zs, zs.double())).to(s)
    maps = maps._replace(p=missing_y + pull * missing_z, q=missing_z)
    dy, dz = scan(maps, none[0], none[0])
    return (ys + dy).flip(0), (zs + dz).flip(0)


def _velocities(starts: Tensor, changes: Tensor) -> Tensor:
    """The velocities after each step, from those before every 64th: sums of at most 64 changes."""
    length = len(changes)
    padded = torch.nn.functional.pad(changes, (0, 0, 0, -length % SEGMENT)).unflatten(0, (-1, SEGMENT))
    return (starts.unsqueeze(1) - padded.cumsum(1)).flatten(0, 1)[:length]
