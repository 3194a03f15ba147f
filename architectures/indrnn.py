"""Independently recurrent neural network (IndRNN): each unit sees its own past only, through one weight.

With input x and state h, which is also the output, one step of a layer is

    h' = act(W x + u * h + b)

where u is a vector: the units of a layer do not see each other; only the linear maps W between layers mix them. act is
a ReLU, or tanh. Section 3 of the paper (:data:`ARCHITECTURE`) gives the formula and the bound of u; what the paper
leaves open follows the code of the authors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor, nn

from architectures import checks, heads, kernels
from architectures.cost import PerStep
from architectures.descriptor import Architecture, Paper
from architectures.kernels import cuda, elementwise
from architectures.kernels.elementwise import Memory
from architectures.projection import InputMap
from architectures.stack import (
    Cell,
    Stack,
    by_lengths,
    mask_over_time,
    over_time,
    rows_of,
    scattered,
    together,
)

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Activation = Literal["relu", "tanh"]
BatchNorm = Literal["none", "before", "after"]

_ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


def indrnn_eager(
    drive: Tensor, u: Tensor, bias: Tensor | None, h0: Tensor, activation: Activation, memory: Memory = "high"
) -> tuple[Tensor, Tensor]:
    """The recurrence of IndRNN in plain PyTorch: the oracle that every other backend must agree with.

    `drive` (L, N, H) is W x of every step, `u` and `bias` are (H), `h0` is (N, H) and `activation` is relu or tanh.
    Returns the state after every step (L, N, H), which is the output, and the final one (N, H). Autograd keeps every
    step, whatever `memory` says.
    """
    drive = drive if bias is None else drive + bias
    act = _ACTIVATIONS[activation]
    u = u.expand_as(h0)  # once, so that autograd sums its gradient over the batch once and not at every step

    def step(h: Tensor, x: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        h = act(torch.addcmul(x, u, h))
        return h, h

    states, h = over_time(step, h0, (drive,), (u,))
    return together(states), h


_BACKENDS = {"cuda": cuda.indrnn, "cpu": elementwise.indrnn, "eager": indrnn_eager}
_FAST = {**_BACKENDS, "cuda": cuda.fast(cuda.indrnn)}


class IndRNNCell(Cell[Tensor]):
    """One layer of IndRNN; called, it takes one step from (N, H_in) to the state h (N, H).

    Its parameters are the linear map ``i2h`` (W, b) and the vector ``u``.

    `bound` is the largest absolute value of u. The paper has M ** (1 / T), with which the gradient of a ReLU unit grows
    at most M times over T steps (M = 5 for the 784 steps of MNIST in the authors' code); 1 is its limit for long
    sequences, a large number is none, for short ones. As in that code, weights that the optimiser moved beyond it are
    set back onto it before they are used next; parameters handed in from outside (``torch.func.functional_call``) are
    used as they are. `long_memory` starts u near the bound, for a layer of which only the last step is read.

    `batch_norm` normalises each unit over all steps of all sequences of a batch, padding included (but a
    ``PackedSequence`` has none), in evaluation by running statistics: what enters the recurrence ("before"), or what
    leaves it ("after": the authors' choice, but where a sequence continues another one; the state itself is not
    normalised).
    """

    state_names: ClassVar[tuple[str, ...]] = ("h",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: Activation = "relu",
        bound: float = 1.0,
        long_memory: bool = False,
        batch_norm: BatchNorm = "none",
        bias: bool = True,
        memory: Memory = "high",
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        elementwise.check_memory(memory)
        self.memory: Memory = memory
        if activation not in _ACTIVATIONS:
            raise ValueError(f"activation must be 'relu' or 'tanh', got {activation!r}")
        self.bound = checks.positive("bound", bound)
        if batch_norm not in ("none", "before", "after"):
            raise ValueError(f"batch_norm must be 'none', 'before' or 'after', got {batch_norm!r}")
        self.activation: Activation = activation
        self.long_memory = long_memory
        self.batch_norm: BatchNorm = batch_norm
        self.i2h = InputMap(self.input_size, self.hidden_size, bias, device, dtype)
        self.u = nn.Parameter(torch.empty(self.hidden_size, device=device, dtype=dtype))
        self.norm = nn.BatchNorm1d(self.hidden_size, device=device, dtype=dtype) if batch_norm != "none" else None
        self.reset_parameters()

    def unroll(
        self, input: Tensor, state: Tensor, backend: str | None = None, batch_sizes: list[int] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Run over `input` (L, N, H_in) from `state` (N, H): see :meth:`Cell.unroll`."""
        u = self._bounded()
        drive, bias = self.i2h(input, parts=True)
        if self.batch_norm == "before":
            drive, bias = self._normalised(drive if bias is None else drive + bias, batch_sizes), None
        backends = _FAST if self.fast_math else _BACKENDS

        def run(state: Tensor, drive: Tensor) -> tuple[Tensor, Tensor]:
            return kernels.run("indrnn", backend, backends, drive, u, bias, state, self.activation, self.memory)

        output, state = by_lengths(run, batch_sizes, state, drive)
        return self._normalised(output, batch_sizes) if self.batch_norm == "after" else output, state

    def last(self, output: Tensor, state: Tensor) -> Tensor:
        """The last output, which is the final state unless it is normalised."""
        return output[-1] if self.batch_norm == "after" else state

    def reset_parameters(self) -> None:
        """Draw the parameters anew as the code of the authors does.

        W is Kaiming-uniform for a leaky ReLU of slope 8, b = 0, u uniform between 0 and 1, or `bound` if that is less;
        with `long_memory` between 1 / `bound` and `bound`. The normalisation starts with factor 1 and without a shift.
        """
        nn.init.kaiming_uniform_(self.i2h.weight, a=8)
        if self.i2h.bias is not None:
            nn.init.zeros_(self.i2h.bias)
        if self.long_memory:
            nn.init.uniform_(self.u, min(self.bound, 1 / self.bound), self.bound)
        else:
            nn.init.uniform_(self.u, 0, min(self.bound, 1))
        if self.norm is not None:
            self.norm.reset_parameters()

    def extra_repr(self) -> str:
        """The arguments of the cell."""
        shown = f"{self.input_size}, {self.hidden_size}, activation={self.activation!r}, bound={self.bound}"
        if self.long_memory:
            shown += ", long_memory=True"
        return shown + f", batch_norm={self.batch_norm!r}"

    def _normalised(self, sequence: Tensor, batch_sizes: list[int] | None) -> Tensor:
        """`sequence` (L, N, H) normalised over all of its steps, or over those that `batch_sizes` says there are."""
        assert self.norm is not None  # as batch_norm says
        if batch_sizes is None:
            return self.norm(sequence.flatten(0, 1)).view_as(sequence)
        rows = rows_of(batch_sizes, sequence.device)
        return scattered(self.norm(sequence.flatten(0, 1)[rows]), rows, sequence.shape[:2])

    def _bounded(self) -> Tensor:
        """The vector u, set back onto the bound where it is beyond."""
        u: Tensor = self.u
        if "u" not in self._parameters:  # made by a hook, or a replica's: not ours to change
            return u - u.detach() + u.detach().clamp(-self.bound, self.bound)  # the projection's value and gradient
        if not isinstance(u, nn.Parameter):
            return u
        if kernels.exporting() or torch._C._are_functorch_transforms_active():  # they allow no change in place
            return u.clamp(-self.bound, self.bound)
        # .data, because a graph made before by another call of this layer must still be able to go backward: its u was
        # within the bound and therefore does not change here, unless an optimiser has changed it since anyway.
        u.data.clamp_(-self.bound, self.bound)
        return u


class IndRNN(Stack[Tensor]):
    """IndRNN with the contract of ``torch.nn.GRU``; the state is h (num_layers, N, H).

    `long_memory` is for the last layer alone. `dropout` follows every layer, the last one too, and drops a unit of a
    sequence at all of its steps or at none; the final state is what the recurrence left, before `batch_norm` and
    dropout. See :class:`IndRNNCell` for the other arguments; `backend` forces an implementation of the recurrence
    (:mod:`architectures.kernels`).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        activation: Activation = "relu",
        bound: float = 1.0,
        long_memory: bool = False,
        batch_norm: BatchNorm = "none",
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
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        cells = [
            IndRNNCell(
                size,
                hidden_size,
                activation=activation,
                bound=bound,
                long_memory=long_memory and number == num_layers,
                batch_norm=batch_norm,
                bias=bias,
                memory=memory,
                device=device,
                dtype=dtype,
            )
            for number, size in enumerate(sizes, start=1)
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
    """What the authors vary: depth (2 layers to 12), normalisation, dropout and the start of the last layer."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    return {
        "num_layers": IntDistribution(2, 12),
        "batch_norm": CategoricalDistribution(("none", "before", "after")),
        "long_memory": CategoricalDistribution((False, True)),
        "dropout": FloatDistribution(0.0, 0.5),
    }


ARCHITECTURE = Architecture(
    name="indrnn",
    title="IndRNN",
    layer=IndRNN,
    paper=Paper(
        title="Independently Recurrent Neural Network (IndRNN): Building A Longer and Deeper RNN",
        authors="Shuai Li, Wanqing Li, Chris Cook, Ce Zhu, Yanbo Gao",
        year=2018,
        venue="Conference on Computer Vision and Pattern Recognition (CVPR)",
        url="https://arxiv.org/abs/1803.04831",
        code="https://github.com/Sunnydreamrain/IndRNN_pytorch",
    ),
    equations=(
        r"\mathbf{h}_t = \sigma(\mathbf{W} \mathbf{x}_t + \mathbf{u} \odot \mathbf{h}_{t-1} + \mathbf{b})",
        r"\sigma(x) = \max(0, x) \text{ or } \tanh(x), \quad |u_i| \le u_{\max}",
    ),
    defaults={
        "hidden_size": 128,
        "num_layers": 3,
        "bound": 1.0,
        "long_memory": True,
        "batch_norm": "after",
        "dropout": 0.1,
    },
    search_space=_search_space,
    initialise_head=heads.kaiming_normal,
    cost=PerStep(maps=1, forward=(2, 3), backward=(3, 6)),
)
