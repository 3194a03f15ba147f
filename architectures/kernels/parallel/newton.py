"""UnICORNN forward, parallel in time: Newton's iteration over chunks of steps.

The states of all steps of a chunk are one unknown. From a guess, the equations of the steps are linearised; what then
has to be added to the guess obeys a linear recurrence of two numbers, which a scan solves (DEER: Lim et al.,
"Parallelizing non-linear sequential models over the sequence length", ICLR 2024, https://arxiv.org/abs/2309.12252). As
corrections are scanned, and not states, the last scan need only be right in its first digits: the states are as exact
as the residuals of the equations. Those, a few operations a step and none of them in the chain of the scan, are taken
in float64; the kernel for a GPU (``cuda/newton.cu``) needs no more than an unrounded product (fma).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from architectures.kernels.parallel.oscillator import Oscillators
from architectures.kernels.parallel.scan import Maps, scan

SHORTEST, LONGEST = 16, 256  # steps of a chunk; the longest is what a warp could hold, 8 steps a lane
PHASE = 7.0  # by how many radians the nonlinearity may turn an oscillator within a chunk
MOST = 12  # iterations before a chunk is computed step by step
SEGMENT = 64  # steps between two velocities that are kept for the backward pass
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
"""A correction that is smaller, relative to the largest state of its chain, is the last one. Newton's iteration
converges quadratically: what is then still missing is of the order of its square."""


@dataclass
class Report:
    """What a forward pass took."""

    chunk: int = 0
    """Steps of a chunk."""

    iterations: list[Tensor] = field(default_factory=list)
    """Of each chunk, how many every chain (C) took; the last one only finds that there is next to nothing to add."""

    failed: list[int] = field(default_factory=list)
    """Of each chunk, how many chains did not converge and were computed step by step."""


def chunk_length(w: Tensor, s: Tensor, alpha: float) -> int:
    """How many steps to take at once: the largest power of two within which the iteration can be expected to converge.

    The tanh changes the squared frequency of an oscillator from alpha + w, at rest, to alpha, where it is saturated.
    A guess that is wrong about it is wrong by the phase that this makes over a chunk, which must not be many radians:
    steps s (sqrt(alpha + |w|) - sqrt(alpha)) <= PHASE. `w` and `s` are (H).
    """
    size = w.abs()
    turn = s.abs() * size / ((alpha + size).sqrt() + alpha**0.5).clamp(min=1e-30)
    largest = float(turn.max()) if turn.numel() else 0.0
    length = LONGEST
    while length > SHORTEST and not length * largest <= PHASE:
        length //= 2
    return length


def forward(
    drive: Tensor, weight: Tensor, initial: Tensor, alpha: float, chunk: int | None = None
) -> tuple[Tensor, Tensor, Tensor, Report]:
    """Positions (L, N, H), the velocities before every 64th step (ceil(L / 64), N, H), the final states (2, N, H).

    `drive` is (L, N, H), `weight` (3, H) with the rows w, s and bias, `initial` (2, N, H) with y and z, and `chunk` the
    steps of a chunk, in place of :func:`chunk_length`. Chains whose iteration does not converge within a chunk are
    taken through it step by step.
    """
    length, (_, batch, width) = len(drive), initial.shape
    chunk = chunk or chunk_length(weight[0], weight[1], alpha)
    cells = Oscillators.of(weight, batch, alpha)
    y, z = initial.flatten(1)
    output = drive.new_empty(length, batch * width)
    velocities = drive.new_empty(-(-length // SEGMENT), batch * width)
    report = Report(chunk)
    for start in range(0, length, chunk):
        part = drive[start : start + chunk].flatten(1)
        ys, zs = _chunk(cells, part, y, z, report)
        output[start : start + chunk] = ys
        before = torch.cat([z.unsqueeze(0), zs[:-1]])[-start % SEGMENT :: SEGMENT]
        velocities[-(-start // SEGMENT) :][: len(before)] = before
        y, z = ys[-1], zs[-1]
    shape = (batch, width)
    return output.unflatten(1, shape), velocities.unflatten(1, shape), torch.stack([y, z]).unflatten(1, shape), report


def _chunk(cells: Oscillators, drive: Tensor, y: Tensor, z: Tensor, report: Report) -> tuple[Tensor, Tensor]:
    """The states after each step of `drive` (T, C), from those before the first, (C)."""
    ys, zs, iterations, converged = solve(cells, drive, y, z)
    rest = (~converged).nonzero().squeeze(1)
    report.iterations.append(iterations)
    report.failed.append(len(rest))
    if len(rest):
        ys[:, rest], zs[:, rest] = _step_by_step(cells.at(rest), drive[:, rest], y[rest], z[rest])
    return ys, zs


def solve(cells: Oscillators, drive: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Newton's iteration: the states (T, C) after each step, and of each chain its iterations and whether it converged.

    A chain that has converged is left as it is, so that it does not depend on the others.
    """
    tolerance = TOLERANCE[drive.dtype]
    ys, zs = torch.zeros_like(drive), torch.zeros_like(drive)  # at rest: what is known of an oscillation is its middle
    converged = torch.zeros_like(y, dtype=torch.bool)
    iterations = torch.zeros_like(y, dtype=torch.int64)
    none = torch.zeros_like(y)
    for _ in range(MOST):
        iterations += ~converged
        dy, dz = (d.masked_fill(converged, 0) for d in scan(corrections(cells, drive, y, z, ys, zs), none, none))
        ys, zs = ys + dy, zs + dz
        converged = _small(dy, ys, tolerance) & _small(dz, zs, tolerance)
        if bool(converged.all()):
            break
    return ys, zs, iterations, converged


def _small(correction: Tensor, state: Tensor, tolerance: float) -> Tensor:
    return correction.abs().amax(0) <= tolerance * state.abs().amax(0)  # false for NaN


def corrections(cells: Oscillators, drive: Tensor, y: Tensor, z: Tensor, ys: Tensor, zs: Tensor) -> Maps:
    """The linear recurrence of what has to be added to the guess `ys`, `zs` of the states after each step.

    With k = alpha + w (1 - tanh^2) it is dz' = dz - s k dy + residual of z, then dy' = dy + s dz' + residual of y.
    """
    before_y, before_z = (torch.cat([first.unsqueeze(0), all[:-1]]) for first, all in ((y, ys), (z, zs)))
    f = cells.tanh(drive, before_y)
    stiffness = cells.alpha + cells.w * (1 - f * f)
    s = cells.s.expand_as(f)
    wide = s.double()  # alpha, too, would shift the frequency of every oscillator if it were rounded to float32
    missing_z = ((before_z.double() - zs) - wide * cells.pulled(f.double(), before_y.double())).to(s)
    missing_y = ((before_y.double() - ys) + wide * zs).to(s)
    pull = -s * stiffness
    return Maps(s * pull, s, pull, torch.zeros_like(s), missing_y + s * missing_z, missing_z)


def _step_by_step(cells: Oscillators, drive: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    ys, zs = torch.empty_like(drive), torch.empty_like(drive)
    for t, x in enumerate(drive):
        z = z - cells.s * cells.pulled(cells.tanh(x, y), y)
        y = y + cells.s * z
        ys[t], zs[t] = y, z
    return ys, zs
