"""Coupled oscillatory recurrent network (coRNN): damped, driven oscillators, all of them coupled.

With input u, positions y (the output) and velocities z, one step of length dt is

    z' = z + dt * (tanh(W y + Wz z + V u + b) - gamma * y - epsilon * zd)
    y' = y + dt * z'

where the damped velocity zd is z (``explicit``, as in the code of the authors) or z' (``implicit``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from architectures import checks, kernels
from architectures.cost import PerStep
from architectures.descriptor import Architecture, Paper, StableStep
from architectures.kernels import cornn as compiled
from architectures.kernels import cuda
from architectures.projection import InputMap, project
from architectures.stack import Cell, Stack, State, by_lengths, over_time, together

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Damping = Literal["explicit", "implicit"]
Maps = Literal[1, 2, 3]


def cornn_eager(
    drive: Tensor, weight: Tensor, state: State, dt: float, gamma: float, epsilon: float, damping: Damping
) -> tuple[Tensor, State]:
    """The recurrence of coRNN in plain PyTorch: the oracle that every other backend must agree with.

    `drive` (L, N, H) is V u + b of every step, `weight` (H, 2H) holds the columns [Wz, W] that multiply [z, y], and
    `state` is (y, z), each (N, H). Returns the positions of every step (L, N, H) and the final (y, z).
    """
    # Both dampings are z' = keep * z - spring * y + push * tanh(...), with constants that the loop need not recompute.
    keep, spring, push = 1 - dt * epsilon, dt * gamma, dt
    if damping == "implicit":
        keep, spring, push = (factor / (1 + dt * epsilon) for factor in (1, dt * gamma, dt))
    weight = weight.t()

    def step(state: State, x: Tensor, weight: Tensor) -> tuple[State, Tensor]:
        y, z = state
        force = torch.tanh(torch.addmm(x, torch.cat((z, y), dim=1), weight))
        z = torch.add(torch.sub(keep * z, y, alpha=spring), force, alpha=push)
        y = torch.add(y, z, alpha=dt)
        return (y, z), y

    positions, state = over_time(step, state, (drive,), (weight,))
    return together(positions), state


_BACKENDS = {"cuda": cuda.cornn, "cpu": compiled.cornn, "eager": cornn_eager}
_FAST = {**_BACKENDS, "cuda": cuda.fast(cuda.cornn)}


class _Maps(InputMap):
    """The one linear map of coRNN, of u, z and y."""

    def __init__(self, input_size: int, hidden_size: int, *rest: Any) -> None:
        super().__init__(input_size + 2 * hidden_size, hidden_size, *rest)

    def forward(self, input: Tensor, *, parts: bool = False) -> Any:
        """The linear map of `input`; with `parts`, that of u (L, N, H_in) with the bias, and the columns of [z, y]."""
        if not parts:
            return super().forward(input)
        weight_u, weight_zy = self.weight.split((input.shape[-1], 2 * self.out_features), dim=1)
        return project(input, weight_u, self.bias), weight_zy


class CoRNNCell(Cell[State]):
    """One layer of coRNN; called, it takes one step from (N, H_in) to the states (y, z), each (N, H).

    The one linear map ``i2h`` has the columns of u, z, y in this order and starts as ``nn.Linear`` starts: state dicts
    of the cell published by the authors load unchanged. `dt` is the step, `gamma` the stiffness of the springs,
    `epsilon` the damping; all three are fixed numbers. `maps` says as how many linear maps, each with its own fan-in,
    the matrix is initialised: one of [u, z, y] (where it is None, as for the adding problem, MNIST and HAR-2 in the
    authors' code), two of u and [z, y] (as for IMDB), or three (as for noise-padded CIFAR-10).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        dt: float,
        gamma: float = 1.0,
        epsilon: float = 1.0,
        damping: Damping = "explicit",
        bias: bool = True,
        maps: Maps | None = None,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.dt = checks.positive("dt", dt)
        self.gamma = checks.not_negative("gamma", gamma)
        self.epsilon = checks.not_negative("epsilon", epsilon)
        if damping not in ("explicit", "implicit"):
            raise ValueError(f"damping must be 'explicit' or 'implicit', got {damping!r}")
        if maps not in (None, 1, 2, 3):
            raise ValueError(f"maps must be 1, 2 or 3, got {maps!r}")
        self.damping: Damping = damping
        self.maps: Maps = maps or 1
        self.i2h = _Maps(self.input_size, self.hidden_size, bias, device, dtype)
        if self.maps > 1:
            self.reset_parameters()

    def unroll(
        self, input: Tensor, state: State, backend: str | None = None, batch_sizes: list[int] | None = None
    ) -> tuple[Tensor, State]:
        """Run over `input` (L, N, H_in) from `state`, two tensors (N, H): see :meth:`Cell.unroll`."""
        drive, weight_zy = self.i2h(input, parts=True)
        backends = _FAST if self.fast_math else _BACKENDS
        dt, gamma, epsilon, damping = self.dt, self.gamma, self.epsilon, self.damping

        def run(state: State, drive: Tensor) -> tuple[Tensor, State]:
            return kernels.run("cornn", backend, backends, drive, weight_zy, state, dt, gamma, epsilon, damping)

        return by_lengths(run, batch_sizes, state, drive)

    def last(self, output: Tensor, state: State) -> Tensor:
        """The last output, which is the final position."""
        return state[0]

    def reset_parameters(self) -> None:
        """Draw the weights and biases anew, uniformly within ±1/sqrt(fan-in) of each of the `maps`."""
        self.i2h.reset_parameters()
        if self.maps == 1:
            return
        size = self.hidden_size
        sizes = [self.input_size, 2 * size] if self.maps == 2 else [self.input_size, size, size]
        for block, fan_in in zip(self.i2h.weight.detach().split(sizes, dim=1), sizes, strict=True):
            nn.init.uniform_(block, -(fan_in**-0.5), fan_in**-0.5)
        if self.i2h.bias is not None:  # the bias belongs to the map of the input
            nn.init.uniform_(self.i2h.bias.detach(), -(self.input_size**-0.5), self.input_size**-0.5)

    def extra_repr(self) -> str:
        """The arguments of the cell."""
        return (
            f"{self.input_size}, {self.hidden_size}, dt={self.dt}, gamma={self.gamma}, epsilon={self.epsilon}, "
            f"damping={self.damping!r}"
        )


class CoRNN(Stack[State]):
    """coRNN with the contract of ``torch.nn.LSTM``; the state is (y, z), each (num_layers, N, H).

    Above the first layer, each one reads the positions of the one below. See :class:`CoRNNCell` for the arguments;
    `backend` forces an implementation of the recurrence (:mod:`architectures.kernels`).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        dt: float,
        gamma: float = 1.0,
        epsilon: float = 1.0,
        damping: Damping = "explicit",
        bias: bool = True,
        maps: Maps | None = None,
        batch_first: bool = False,
        backend: str | None = None,
        fast_math: bool | None = None,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        num_layers = checks.count("num_layers", num_layers)
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        cells = [
            CoRNNCell(
                size,
                hidden_size,
                dt=dt,
                gamma=gamma,
                epsilon=epsilon,
                damping=damping,
                bias=bias,
                maps=maps,
                device=device,
                dtype=dtype,
            )
            for size in sizes
        ]
        super().__init__(cells, batch_first, backend, fast_math)


def _search_space() -> dict[str, BaseDistribution]:
    """Ranges that hold every setting of the paper's repository; the authors advise to tune dt first, then gamma.

    ``step`` is dt as a fraction of the largest stable one.
    """
    from optuna.distributions import FloatDistribution

    return {
        "step": FloatDistribution(1e-5, 0.99, log=True),
        "gamma": FloatDistribution(0.1, 100.0, log=True),
        "epsilon": FloatDistribution(1.0, 20.0),
    }


def _largest_step(hyper: Mapping[str, Any]) -> float:
    """The dt that solves the inequality of :func:`_unstable` with = in place of <."""
    gamma, epsilon = hyper.get("gamma", 1.0), hyper.get("epsilon", 1.0)
    if gamma < 0 or epsilon < 0:
        return math.inf  # the constructor refuses it
    root = math.sqrt(epsilon * epsilon + 4 * gamma)
    if hyper.get("damping", "explicit") == "implicit":
        return (epsilon + root) / gamma if gamma else math.inf
    return 4 / (epsilon + root) if epsilon + root else math.inf


def _unstable(hyper: Mapping[str, Any]) -> str | None:
    """Refuse a step at which the oscillators explode without any input.

    The force is a tanh and therefore bounded: the states stay bounded if the linear rest of the step, a 2 x 2 matrix
    for each unit, has both eigenvalues inside the unit circle. With gamma and epsilon above zero that is the
    inequality checked here; it follows from the trace and the determinant of the matrix.
    """
    dt, gamma, epsilon = hyper["dt"], hyper.get("gamma", 1.0), hyper.get("epsilon", 1.0)
    spring, friction = dt * dt * gamma, 2 * dt * epsilon
    if hyper.get("damping", "explicit") == "implicit":
        size, limit, formula = spring, 4 + friction, "dt^2 gamma < 4 + 2 dt epsilon"
    else:
        size, limit, formula = spring + friction, 4.0, "dt^2 gamma + 2 dt epsilon < 4"
    if size < limit:
        return None
    return (
        f"the step is unstable: {formula} does not hold for dt = {dt:g}, gamma = {gamma:g}, epsilon = {epsilon:g}; "
        "use a smaller dt"
    )


ARCHITECTURE = Architecture(
    name="cornn",
    title="coRNN",
    layer=CoRNN,
    paper=Paper(
        title="Coupled Oscillatory Recurrent Neural Network (coRNN): An accurate and (gradient) stable architecture "
        "for learning long time dependencies",
        authors="T. Konstantin Rusch, Siddhartha Mishra",
        year=2021,
        venue="International Conference on Learning Representations (ICLR)",
        url="https://arxiv.org/abs/2010.00951",
        code="https://github.com/tk-rusch/coRNN",
    ),
    equations=(
        r"\mathbf{z}_n = \mathbf{z}_{n-1} + \Delta t \left( \tanh(\mathbf{W} \mathbf{y}_{n-1} + "
        r"\boldsymbol{\mathcal{W}} \mathbf{z}_{n-1} + \mathbf{V} \mathbf{u}_n + \mathbf{b}) - \gamma "
        r"\mathbf{y}_{n-1} - \epsilon \mathbf{z}_{\bar{n}} \right)",
        r"\mathbf{y}_n = \mathbf{y}_{n-1} + \Delta t \, \mathbf{z}_n",
        r"\bar{n} = n - 1 \text{ with explicit damping,} \quad \bar{n} = n \text{ with implicit damping}",
    ),
    defaults={"hidden_size": 128, "num_layers": 1, "dt": 0.1, "gamma": 0.4, "epsilon": 8.0},
    search_space=_search_space,
    stable_step=StableStep(_largest_step, depends=("gamma", "epsilon", "damping")),
    constraint=_unstable,
    cost=PerStep(maps=1, forward=(2, 8), backward=(5, 12), recurrent=2),
)
