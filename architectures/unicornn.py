"""Undamped independent controlled oscillatory network (UnICORNN): independent oscillators, each with its own step.

With input u, positions y (the output) and velocities z, one step of a layer is

    z' = z - s * (tanh(w * y + V u + b) + alpha * y)
    y' = y + s * z'                                      with s = dt * sigmoid(c)

where w and c are vectors: the units of a layer do not see each other; only the linear maps V between layers mix them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from architectures import checks, heads, kernels
from architectures.cost import PerStep
from architectures.descriptor import Architecture, Paper, StableStep
from architectures.kernels import cuda, elementwise, parallel
from architectures.kernels.elementwise import Memory
from architectures.projection import InputMap
from architectures.stack import Cell, Stack, State, by_lengths, mask_over_time, over_time, together

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_C_BOUND = 0.1  # c starts uniformly within ± this, so that s starts near dt / 2
_W_BOUND = 1.0  # w starts uniformly between 0 and this


def unicornn_eager(
    drive: Tensor, w: Tensor, s: Tensor, bias: Tensor | None, state: State, alpha: float, memory: Memory = "high"
) -> tuple[Tensor, State]:
    """The recurrence of UnICORNN in plain PyTorch: the oracle that every other backend must agree with.

    `drive` (L, N, H) is V u of every step, `w`, `s` and `bias` are (H), and `state` is (y, z), each (N, H). Returns the
    positions of every step (L, N, H) and the final (y, z). Autograd keeps every step, whatever `memory` says.
    """
    drive = drive if bias is None else drive + bias
    # Expanded once, so that autograd sums their gradients over the batch once and not at every step.
    w, s = w.expand_as(state[0]), s.expand_as(state[0])

    def step(state: State, x: Tensor, w: Tensor, s: Tensor) -> tuple[State, Tensor]:
        y, z = state
        force = torch.add(torch.tanh(torch.addcmul(x, w, y)), y, alpha=alpha)
        z = torch.addcmul(z, s, force, value=-1)
        y = torch.addcmul(y, s, z)
        return (y, z), y

    positions, state = over_time(step, state, (drive,), (w, s))
    return together(positions), state


_BACKENDS = {
    "cuda": cuda.unicornn,
    "cpu": elementwise.unicornn,
    "eager": unicornn_eager,
    "parallel": parallel.unicornn,  # runs wherever eager does, so only where it is asked for
}
_FAST = {**_BACKENDS, "cuda": cuda.fast(cuda.unicornn)}


class UnICORNNCell(Cell[State]):
    """One layer of UnICORNN; called, it takes one step from (N, H_in) to the states (y, z), each (N, H).

    Its parameters are the linear map ``i2h`` (V, b) and the vectors ``w`` and ``c``. `dt` is the largest step that c
    can choose, `alpha` the stiffness common to all oscillators; both are fixed numbers. `memory` is told in
    :mod:`architectures.kernels.elementwise`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        dt: float,
        alpha: float,
        bias: bool = True,
        memory: Memory = "high",
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.dt = checks.positive("dt", dt)
        self.alpha = checks.not_negative("alpha", alpha)
        elementwise.check_memory(memory)
        self.memory: Memory = memory
        self.i2h = InputMap(self.input_size, self.hidden_size, bias, device, dtype)
        self.w = nn.Parameter(torch.empty(self.hidden_size, device=device, dtype=dtype))
        self.c = nn.Parameter(torch.empty(self.hidden_size, device=device, dtype=dtype))
        self.reset_parameters()

    def unroll(
        self, input: Tensor, state: State, backend: str | None = None, batch_sizes: list[int] | None = None
    ) -> tuple[Tensor, State]:
        """Run over `input` (L, N, H_in) from `state`, two tensors (N, H): see :meth:`Cell.unroll`."""
        drive, bias = self.i2h(input, parts=True)
        w, s = self.w, self.dt * torch.sigmoid(self.c)
        backends = _FAST if self.fast_math else _BACKENDS

        def run(state: State, drive: Tensor) -> tuple[Tensor, State]:
            return kernels.run("unicornn", backend, backends, drive, w, s, bias, state, self.alpha, self.memory)

        return by_lengths(run, batch_sizes, state, drive)

    def last(self, output: Tensor, state: State) -> Tensor:
        """The last output, which is the final position."""
        return state[0]

    def reset_parameters(self) -> None:
        """Draw the parameters anew as the code of the authors does.

        V is Kaiming-uniform for a leaky ReLU of slope 8, b = 0, w uniform in (0, 1), c uniform in (-0.1, 0.1).
        """
        nn.init.kaiming_uniform_(self.i2h.weight, a=8)
        if self.i2h.bias is not None:
            nn.init.zeros_(self.i2h.bias)
        nn.init.uniform_(self.w, 0, _W_BOUND)
        nn.init.uniform_(self.c, -_C_BOUND, _C_BOUND)

    def extra_repr(self) -> str:
        """The arguments of the cell."""
        return f"{self.input_size}, {self.hidden_size}, dt={self.dt}, alpha={self.alpha}"


class UnICORNN(Stack[State]):
    """UnICORNN with the contract of ``torch.nn.LSTM``; the state is (y, z), each (num_layers, N, H).

    `dt` is one number or one for each layer. `dropout` follows every layer, the last one too, and drops a unit of a
    sequence at all of its steps or at none; the final state is what the recurrence left, before dropout. See
    :class:`UnICORNNCell` for the other arguments; `backend` forces an implementation of the recurrence
    (:mod:`architectures.kernels`), and `memory` says what it keeps for the backward pass
    (:mod:`architectures.kernels.elementwise`).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        dt: float | Sequence[float],
        alpha: float,
        dropout: float = 0.0,
        bias: bool = True,
        batch_first: bool = False,
        backend: str | None = None,
        fast_math: bool | None = None,
        memory: Memory = "high",
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        num_layers = checks.count("num_layers", num_layers)
        dropout = checks.probability("dropout", dropout)
        steps: list[Any] = [dt] * num_layers if isinstance(dt, Real) else list(dt)  # type: ignore[arg-type]
        if len(steps) != num_layers:
            raise ValueError(f"dt must be one number or one for each of the {num_layers} layers, got {len(steps)}")
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        cells = [
            UnICORNNCell(size, hidden_size, dt=step, alpha=alpha, bias=bias, memory=memory, device=device, dtype=dtype)
            for size, step in zip(sizes, steps, strict=True)
        ]
        super().__init__(cells, batch_first, backend, fast_math)
        self.dropout = dropout

    def after_layer(self, output: Tensor) -> Tensor:
        """Drop units of `output` (L, N, H), each for all steps of a sequence, when training."""
        if not self.training or self.dropout == 0:
            return output
        return output * mask_over_time(output, self.dropout)

    def extra_repr(self) -> str:
        """The arguments that the representations of the cells do not show."""
        return super().extra_repr() + (f", dropout={self.dropout}" if self.dropout else "")


def _search_space() -> dict[str, BaseDistribution]:
    """Ranges that hold every setting of the paper's repository; ``step`` is a fraction of the largest stable dt."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "num_layers": IntDistribution(2, 3),
        "step": FloatDistribution(1e-5, 0.99, log=True),
        "alpha": FloatDistribution(0.0, 50.0),
        "dropout": FloatDistribution(0.0, 0.7),
    }


def _largest_step(hyper: Mapping[str, Any]) -> float:
    """The dt at which some unit may explode from its first initial weights on: the largest w and c of all.

    Around rest, one step of a unit is a rotation exactly while s^2 (alpha + w) < 4.
    """
    alpha = hyper["alpha"]
    if alpha < 0:
        return math.inf  # the constructor refuses it
    return 2 * (1 + math.exp(-_C_BOUND)) / math.sqrt(alpha + _W_BOUND)


def _unstable(hyper: Mapping[str, Any]) -> str | None:
    """Refuse a step from the largest stable one on."""
    dt, alpha = hyper["dt"], hyper["alpha"]
    if dt == []:
        return None  # the constructor says how many it wants
    largest = max(dt) if isinstance(dt, Sequence) else dt
    if largest < _largest_step(hyper):
        return None
    return (
        f"the step is unstable: (dt sigmoid(c))^2 (alpha + w) < 4 does not hold for dt = {largest:g}, "
        f"alpha = {alpha:g} and the largest initial weights, c = {_C_BOUND:g} and w = {_W_BOUND:g}; use a smaller dt"
    )


ARCHITECTURE = Architecture(
    name="unicornn",
    title="UnICORNN",
    layer=UnICORNN,
    paper=Paper(
        title="UnICORNN: A recurrent model for learning very long time dependencies",
        authors="T. Konstantin Rusch, Siddhartha Mishra",
        year=2021,
        venue="International Conference on Machine Learning (ICML)",
        url="https://arxiv.org/abs/2103.05487",
        code="https://github.com/tk-rusch/unicornn",
    ),
    equations=(
        r"\mathbf{z}^{\ell}_n = \mathbf{z}^{\ell}_{n-1} - \Delta t \, \hat{\sigma}(\mathbf{c}^{\ell}) \odot "
        r"\left( \tanh(\mathbf{w}^{\ell} \odot \mathbf{y}^{\ell}_{n-1} + \mathbf{V}^{\ell} "
        r"\mathbf{y}^{\ell-1}_n + \mathbf{b}^{\ell}) + \alpha \mathbf{y}^{\ell}_{n-1} \right)",
        r"\mathbf{y}^{\ell}_n = \mathbf{y}^{\ell}_{n-1} + \Delta t \, \hat{\sigma}(\mathbf{c}^{\ell}) \odot "
        r"\mathbf{z}^{\ell}_n",
        r"\hat{\sigma}(x) = \frac{1}{1 + e^{-x}}, \quad \mathbf{y}^{0}_n = \mathbf{u}_n",
    ),
    defaults={"hidden_size": 128, "num_layers": 3, "dt": 0.3, "alpha": 10.0, "dropout": 0.1},
    search_space=_search_space,
    stable_step=StableStep(_largest_step, depends=("alpha",)),
    constraint=_unstable,
    initialise_head=heads.kaiming_normal,
    cost=PerStep(maps=1, forward=(2, 9), backward=(4, 23)),
)
