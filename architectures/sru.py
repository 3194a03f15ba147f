"""Simple recurrent unit (SRU): gates that see the past through one weight a unit, and a highway around the recurrence.

With input x, state c and output h, one step of a layer is

    f  = sigmoid(Wf x + vf * c + bf)                the forget gate
    r  = sigmoid(Wr x + vr * c + br)                the reset gate, which opens and closes the highway
    c' = f * c + (1 - f) * (W x)
    h  = r * act(c') + (1 - r) * s                  with s = a x, or s = Ws x where x and h differ in size

where vf and vr are vectors: the units of a layer do not see each other; only the linear maps between layers mix them.
act is the identity, or tanh or a ReLU, and a is a constant. Section 3 of the paper (:data:`ARCHITECTURE`) gives the
formulas and the initialisation; what it leaves open follows the code of the authors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor, nn

from architectures import checks, kernels
from architectures.cost import PerStep
from architectures.descriptor import Architecture, Paper
from architectures.kernels import cuda, elementwise
from architectures.kernels.elementwise import Memory
from architectures.projection import project
from architectures.stack import Cell, Stack, Unroll, by_lengths, mask_over_time, over_time, together

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Activation = Literal["identity", "tanh", "relu"]

_ACTIVATIONS = {"identity": lambda c: c, "tanh": torch.tanh, "relu": torch.relu}


def sru_eager(
    gates: Tensor,
    skip: Tensor,
    v: Tensor,
    bias: Tensor | None,
    c0: Tensor,
    activation: Activation,
    memory: Memory = "high",
) -> tuple[Tensor, Tensor]:
    """The recurrence of SRU in plain PyTorch: the oracle that every other backend must agree with.

    `gates` (L, N, 3H) holds, in blocks, the candidate W x, Wf x and Wr x of every step, `skip` (L, N, H) the input s of
    the highway, `v` (2, H) the vectors vf and vr, and `bias` (2, H) bf and br; `c0` is (N, H) and `activation` is
    identity, tanh or relu. Returns the output h of every step (L, N, H) and the final c (N, H). Autograd keeps every
    step, whatever `memory` says. Computes in the dtype of `c0`.
    """
    candidate, forget, reset = gates.to(c0.dtype).chunk(3, dim=-1)
    if bias is not None:
        forget, reset = forget + bias[0], reset + bias[1]
    skip = skip.to(c0.dtype)
    vf, vr = v.unsqueeze(1).expand(2, *c0.shape)  # once, so that the gradient is summed over the batch once

    def step(c: Tensor, x: Tensor, x_f: Tensor, vf: Tensor) -> tuple[Tensor, Tensor]:
        c = torch.lerp(x, c, torch.sigmoid(torch.addcmul(x_f, vf, c)))
        return c, c

    states, c = over_time(step, c0, (candidate, forget), (vf,))
    # The rest depends on no step but its own, and is done for all at once.
    r = torch.sigmoid(torch.addcmul(reset, vr, together(states, before=c0)))
    return torch.lerp(skip, _ACTIVATIONS[activation](together(states)), r), c


_BACKENDS = {"cuda": cuda.sru, "cpu": elementwise.sru, "eager": sru_eager}
_FAST = {**_BACKENDS, "cuda": cuda.fast(cuda.sru)}


class SRUCell(Cell[Tensor]):
    """One layer of SRU; called, it takes one step from (N, H_in) to the output h and the state c, each (N, H).

    Its parameters are ``weight`` (W, Wf, Wr and, where the sizes differ, Ws, on top of each other), ``v`` (vf, vr) and
    ``bias`` (bf, br), which start at `forget_bias` and `highway_bias`. With `rescale`, a is
    sqrt(1 + 2 exp(highway_bias)), which keeps the variance of the output near that of the input as layers are stacked;
    else it is 1. Where there is a Ws, a is in its initial values instead.

    `dropout` drops a unit of the recurrence, and not of the highway, at all steps of a sequence or at none; W starts
    multiplied by sqrt(1 - dropout). `input_dropout` does so with the input of the maps, and with all of ``weight``.
    """

    state_names: ClassVar[tuple[str, ...]] = ("c",)
    weight_name: ClassVar[str] = "weight"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: Activation = "identity",
        forget_bias: float = 0.0,
        highway_bias: float = 0.0,
        rescale: bool = True,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        bias: bool = True,
        memory: Memory = "high",
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        elementwise.check_memory(memory)
        self.memory: Memory = memory
        if activation not in _ACTIVATIONS:
            raise ValueError(f"activation must be 'identity', 'tanh' or 'relu', got {activation!r}")
        for name, start in (("forget_bias", forget_bias), ("highway_bias", highway_bias)):
            if checks.between(name, start, -100, 100) != 0 and not bias:
                raise ValueError(f"{name}={start!r} needs bias=True")
        self.activation: Activation = activation
        self.forget_bias = checks.between("forget_bias", forget_bias, -100, 100)
        self.highway_bias = checks.between("highway_bias", highway_bias, -100, 100)
        self.rescale = rescale
        self.dropout = checks.probability("dropout", dropout)
        self.input_dropout = checks.probability("input_dropout", input_dropout)
        self.scale = math.sqrt(1 + 2 * math.exp(self.highway_bias)) if rescale else 1.0
        input_size, hidden_size = self.input_size, self.hidden_size
        maps = 3 if input_size == hidden_size else 4
        self.weight = nn.Parameter(torch.empty(maps * hidden_size, input_size, device=device, dtype=dtype))
        self.v = nn.Parameter(torch.empty(2, hidden_size, device=device, dtype=dtype))
        empty = torch.empty(2 * hidden_size, device=device, dtype=dtype)
        self.bias: nn.Parameter | None = nn.Parameter(empty) if bias else None
        self.reset_parameters()

    def unroll(
        self, input: Tensor, state: Tensor, backend: str | None = None, batch_sizes: list[int] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Run over `input` (L, N, H_in) from `state` (N, H): see :meth:`Cell.unroll`."""
        read = input
        if self.training and self.input_dropout > 0:
            read = input * mask_over_time(input, self.input_dropout)
        weight, weight_skip = self.weight.tensor_split((3 * self.hidden_size,))
        v, biases = self.v, self.bias
        bias = None if biases is None else biases.view(2, self.hidden_size)
        gates = project(read, weight)
        skip = project(read, weight_skip) if len(weight_skip) else input * self.scale
        backends = _FAST if self.fast_math else _BACKENDS

        def run(state: Tensor, gates: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
            return kernels.run("sru", backend, backends, gates, skip, v, bias, state, self.activation, self.memory)

        output, state = by_lengths(run, batch_sizes, state, gates, skip)
        if self.training and self.dropout > 0:  # the same as r * mask * act(c') + (1 - r * mask) * s
            output = skip + mask_over_time(output, self.dropout) * (output - skip)
        return output, state

    def forward(self, input: Tensor, hx: Tensor | None = None, unroll: Unroll | None = None) -> tuple[Tensor, Tensor]:
        """One step: `input` is (N, H_in) or (H_in), `hx`, the state c, (N, H) or (H), zeros when left out.

        Returns the output h and the new state c, in the shape of `hx`. Raises ``ValueError`` for other shapes.
        """
        return self.step(input, hx) if unroll is None else super().forward(input, hx, unroll)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the parameters anew as the code of the authors does.

        ``weight`` is uniform with variance 1 / H_in, Wf and Wr with half of it, W and Ws scaled as the class says;
        ``v`` is uniform with variance 1/2.
        """
        size = self.hidden_size
        reach = math.sqrt(3 / self.input_size)
        nn.init.uniform_(self.weight, -reach, reach)
        self.weight.mul_(math.sqrt(1 - self.input_dropout))
        self.weight[:size].mul_(math.sqrt(1 - self.dropout))
        self.weight[size : 3 * size].mul_(math.sqrt(0.5))
        self.weight[3 * size :].mul_(self.scale)
        nn.init.uniform_(self.v, -math.sqrt(1.5), math.sqrt(1.5))
        if self.bias is not None:
            self.bias[:size].fill_(self.forget_bias)
            self.bias[size:].fill_(self.highway_bias)

    def extra_repr(self) -> str:
        """The arguments of the cell."""
        shown = (
            f"{self.input_size}, {self.hidden_size}, activation={self.activation!r}, forget_bias={self.forget_bias}, "
            f"highway_bias={self.highway_bias}, rescale={self.rescale}"
        )
        for name in ("dropout", "input_dropout"):
            shown += f", {name}={getattr(self, name)}" if getattr(self, name) else ""
        return shown


class SRU(Stack[Tensor]):
    """SRU with the contract of ``torch.nn.GRU``; the state is c (num_layers, N, H), which is not the output.

    `dropout` is for every layer but the last. See :class:`SRUCell` for the other arguments; `backend` forces an
    implementation of the recurrence (:mod:`architectures.kernels`).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        activation: Activation = "identity",
        forget_bias: float = 0.0,
        highway_bias: float = 0.0,
        rescale: bool = True,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
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
            SRUCell(
                size,
                hidden_size,
                activation=activation,
                forget_bias=forget_bias,
                highway_bias=highway_bias,
                rescale=rescale,
                dropout=dropout if number < num_layers else 0.0,
                input_dropout=input_dropout,
                bias=bias,
                memory=memory,
                device=device,
                dtype=dtype,
            )
            for number, size in enumerate(sizes, start=1)
        ]
        super().__init__(cells, batch_first, backend, fast_math)


def _search_space() -> dict[str, BaseDistribution]:
    """Depths and highway biases that the paper and its code use; the bias of the forget gate is always 0 there."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "num_layers": IntDistribution(2, 10),
        "forget_bias": FloatDistribution(0.0, 6.0),
        "highway_bias": FloatDistribution(-3.0, 0.0),
        "dropout": FloatDistribution(0.0, 0.5),
    }


ARCHITECTURE = Architecture(
    name="sru",
    title="SRU",
    layer=SRU,
    paper=Paper(
        title="Simple Recurrent Units for Highly Parallelizable Recurrence",
        authors="Tao Lei, Yu Zhang, Sida I. Wang, Hui Dai, Yoav Artzi",
        year=2018,
        venue="Conference on Empirical Methods in Natural Language Processing (EMNLP)",
        url="https://arxiv.org/abs/1709.02755",
        code="https://github.com/asappresearch/sru",
    ),
    equations=(
        r"\mathbf{f}_t = \sigma(\mathbf{W}_f \mathbf{x}_t + \mathbf{v}_f \odot \mathbf{c}_{t-1} + \mathbf{b}_f)",
        r"\mathbf{r}_t = \sigma(\mathbf{W}_r \mathbf{x}_t + \mathbf{v}_r \odot \mathbf{c}_{t-1} + \mathbf{b}_r)",
        r"\mathbf{c}_t = \mathbf{f}_t \odot \mathbf{c}_{t-1} + (1 - \mathbf{f}_t) \odot (\mathbf{W} \mathbf{x}_t)",
        r"\mathbf{h}_t = \mathbf{r}_t \odot g(\mathbf{c}_t) + (1 - \mathbf{r}_t) \odot \mathbf{s}_t",
        r"\mathbf{s}_t = \alpha \mathbf{x}_t \text{, or } \mathbf{W}_s \mathbf{x}_t \text{ where sizes "
        r"differ;} \quad g \text{ the identity, } \tanh \text{ or a ReLU}",
    ),
    defaults={"hidden_size": 128, "num_layers": 2, "forget_bias": 0.0, "highway_bias": 0.0, "dropout": 0.1},
    search_space=_search_space,
    cost=PerStep(maps=3, forward=(5, 15), backward=(10, 35)),
)
