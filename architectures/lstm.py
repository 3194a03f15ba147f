"""Long short-term memory (LSTM): torch's own, with a choice of the initial forget bias.

With input x, output h and cell c, one step of a layer is, with a gate i, f, o = sigmoid(W x + b + R h) of its own each,

    c' = f * c + i * tanh(W_g x + b_g + R_g h)
    h' = o * tanh(c')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from architectures import checks, gated, gated_paths, kernels
from architectures.cost import PerStep
from architectures.descriptor import Architecture, Paper
from architectures.gated import ForgetBias
from architectures.stack import State, over_time, together

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_INPUT_GATE = 0


def lstm_eager(drive: Tensor, weight: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The recurrence of an LSTM in plain PyTorch: the oracle that every other backend must agree with.

    `drive` (L, N, 4H) is W x of every step with both biases, `weight` is R (4H, H), both in torch's order of blocks
    (i, f, g, o), and `state` is (h, c), each (N, H). Returns h of every step (L, N, H) and the final (h, c).
    """
    weight = weight.t()

    def step(state: State, x: Tensor, weight: Tensor) -> tuple[State, Tensor]:
        h, c = state
        i, f, g, o = torch.addmm(x, h, weight).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return (h, c), h

    outputs, state = over_time(step, state, (drive,), (weight,))
    return together(outputs), state


class LSTM(nn.LSTM):
    """``torch.nn.LSTM`` in one direction and without projection, with a choice of the initial forget bias.

    `forget_bias` is 0, 1 or ``"chrono"``, which needs `chrono_length`: :mod:`architectures.gated` says what they mean.
    With 0 it is torch's layer, weights included. `dropout` is torch's: between layers, drawn anew for every step.
    `backend` is ``"torch"`` (:mod:`architectures.gated_paths`) or ``"eager"`` (:func:`lstm_eager`).
    """

    # The constructor of torch's layer draws the parameters before this class knows which forget bias is wanted.
    forget_bias: ForgetBias = 0
    chrono_length: int | None = None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        dropout: float = 0.0,
        bias: bool = True,
        forget_bias: ForgetBias = 0,
        chrono_length: int | None = None,
        batch_first: bool = False,
        backend: str | None = None,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        sizes = gated.checked_sizes(input_size, hidden_size, num_layers)
        dropout = checks.probability("dropout", dropout)
        gated.check_arguments(bias, forget_bias, chrono_length, backend)
        super().__init__(*sizes, bias=bias, batch_first=batch_first, dropout=dropout, device=device, dtype=dtype)
        self.backend = backend
        self.forget_bias = forget_bias
        self.chrono_length = chrono_length
        gated.start_gates(self, forget_bias, chrono_length, _INPUT_GATE)

    def forward(  # type: ignore[override]
        self, input: Tensor | PackedSequence, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor | PackedSequence, tuple[Tensor, Tensor]]:
        """As ``torch.nn.LSTM``: the output and the final state (h, c), each (num_layers, N, H).

        Raises ``ValueError`` where the shapes do not fit.
        """
        gated.check_call(self, ("h", "c"), input, hx)
        return gated_paths.run(self, "lstm", self.backend, super().forward, self._unroll, input, hx)

    def _unroll(self, layer: int, input: Tensor, state: gated_paths.States) -> tuple[Tensor, gated_paths.States]:
        w, r, *biases = self.all_weights[layer]
        drive = F.linear(input, w, biases[0] + biases[1] if biases else None)
        return kernels.run("lstm", "eager", {"eager": lstm_eager}, drive, r, (state[0], state[1]))

    def reset_parameters(self) -> None:
        """Draw the parameters anew, the forget bias included."""
        super().reset_parameters()
        gated.start_gates(self, self.forget_bias, self.chrono_length, _INPUT_GATE)

    def extra_repr(self) -> str:
        """The arguments of the layer."""
        return super().extra_repr() + gated.extra_repr(self.forget_bias, self.chrono_length)


def _search_space() -> dict[str, BaseDistribution]:
    """The size belongs to the budget; "chrono" needs the length of the task, so a recipe must ask for it."""
    from optuna.distributions import CategoricalDistribution

    return {"forget_bias": CategoricalDistribution((0, 1))}


ARCHITECTURE = Architecture(
    name="lstm",
    title="LSTM",
    layer=LSTM,
    paper=Paper(
        title="Long Short-Term Memory",
        authors="Sepp Hochreiter, Jürgen Schmidhuber",
        year=1997,
        venue="Neural Computation 9(8)",
        url="https://doi.org/10.1162/neco.1997.9.8.1735",
    ),
    equations=(
        r"\mathbf{i}_t = \sigma(\mathbf{W}_i \mathbf{x}_t + \mathbf{b}_i + \mathbf{R}_i \mathbf{h}_{t-1})",
        r"\mathbf{f}_t = \sigma(\mathbf{W}_f \mathbf{x}_t + \mathbf{b}_f + \mathbf{R}_f \mathbf{h}_{t-1})",
        r"\mathbf{o}_t = \sigma(\mathbf{W}_o \mathbf{x}_t + \mathbf{b}_o + \mathbf{R}_o \mathbf{h}_{t-1})",
        r"\mathbf{c}_t = \mathbf{f}_t \odot \mathbf{c}_{t-1} + \mathbf{i}_t \odot \tanh(\mathbf{W}_g "
        r"\mathbf{x}_t + \mathbf{b}_g + \mathbf{R}_g \mathbf{h}_{t-1})",
        r"\mathbf{h}_t = \mathbf{o}_t \odot \tanh(\mathbf{c}_t)",
    ),
    defaults={"hidden_size": 128, "num_layers": 1, "forget_bias": 1},
    default_needs={"forget_bias": "bias"},
    search_space=_search_space,
    cost=PerStep(maps=4, forward=(5, 14), backward=(11, 27), recurrent=4),
)
