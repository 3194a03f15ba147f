"""Gated recurrent unit (GRU): torch's own, with a choice of the initial bias of the gate that keeps.

With input x and output h, one step of a layer is, with a gate r, z = sigmoid(W x + b + R h + d) of its own each,

    n = tanh(W_n x + b_n + r * (R_n h + d_n))
    h' = n + z * (h - n)

as in torch and cuDNN; in the paper r multiplies h before the product with R_n.
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
from architectures.stack import over_time, together

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def gru_eager(drive: Tensor, weight: Tensor, bias: Tensor | None, h: Tensor) -> tuple[Tensor, Tensor]:
    """The recurrence of a GRU in plain PyTorch: the oracle that every other backend must agree with.

    `drive` (L, N, 3H) is W x + b of every step, `weight` is R (3H, H) and `bias` d (3H), all in torch's order of blocks
    (r, z, n), and `h` is the initial state (N, H). Returns h of every step (L, N, H) and the final one.
    """

    def step(h: Tensor, x: Tensor, weight: Tensor, *bias: Tensor) -> tuple[Tensor, Tensor]:
        (x_r, x_z, x_n), (h_r, h_z, h_n) = x.chunk(3, dim=1), F.linear(h, weight, *bias).chunk(3, dim=1)
        n = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
        h = n + torch.sigmoid(x_z + h_z) * (h - n)
        return h, h

    outputs, h = over_time(step, h, (drive,), (weight,) if bias is None else (weight, bias))
    return together(outputs), h


class GRU(nn.GRU):
    """``torch.nn.GRU`` in one direction, with a choice of the initial bias of its update gate.

    `forget_bias` is 0, 1 or ``"chrono"``, which needs `chrono_length`: :mod:`architectures.gated` says what they mean.
    With 0 it is torch's layer, weights included. `dropout` is torch's: between layers, drawn anew for every step.
    `backend` is ``"torch"`` (:mod:`architectures.gated_paths`) or ``"eager"`` (:func:`gru_eager`).
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
        gated.start_gates(self, forget_bias, chrono_length)

    def forward(  # type: ignore[override]
        self, input: Tensor | PackedSequence, hx: Tensor | None = None
    ) -> tuple[Tensor | PackedSequence, Tensor]:
        """As ``torch.nn.GRU``: the output and the final state h (num_layers, N, H).

        Raises ``ValueError`` where the shapes do not fit.
        """
        gated.check_call(self, ("h",), input, hx)
        return gated_paths.run(self, "gru", self.backend, super().forward, self._unroll, input, hx)

    def _unroll(self, layer: int, input: Tensor, state: gated_paths.States) -> tuple[Tensor, gated_paths.States]:
        w, r, *biases = self.all_weights[layer]
        b, d = biases or (None, None)
        output, h = kernels.run("gru", "eager", {"eager": gru_eager}, F.linear(input, w, b), r, d, state[0])
        return output, (h,)

    def reset_parameters(self) -> None:
        """Draw the parameters anew, the bias of the update gate included."""
        super().reset_parameters()
        gated.start_gates(self, self.forget_bias, self.chrono_length)

    def extra_repr(self) -> str:
        """The arguments of the layer."""
        return super().extra_repr() + gated.extra_repr(self.forget_bias, self.chrono_length)


def _search_space() -> dict[str, BaseDistribution]:
    """The size belongs to the budget; "chrono" needs the length of the task, so a recipe must ask for it."""
    from optuna.distributions import CategoricalDistribution

    return {"forget_bias": CategoricalDistribution((0, 1))}


ARCHITECTURE = Architecture(
    name="gru",
    title="GRU",
    layer=GRU,
    paper=Paper(
        title="Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation",
        authors="Kyunghyun Cho, Bart van Merriënboer, Caglar Gulcehre, Dzmitry Bahdanau, Fethi Bougares, "
        "Holger Schwenk, Yoshua Bengio",
        year=2014,
        venue="Conference on Empirical Methods in Natural Language Processing (EMNLP)",
        url="https://arxiv.org/abs/1406.1078",
    ),
    equations=(
        r"\mathbf{r}_t = \sigma(\mathbf{W}_r \mathbf{x}_t + \mathbf{b}_r + \mathbf{R}_r \mathbf{h}_{t-1} + "
        r"\mathbf{d}_r)",
        r"\mathbf{z}_t = \sigma(\mathbf{W}_z \mathbf{x}_t + \mathbf{b}_z + \mathbf{R}_z \mathbf{h}_{t-1} + "
        r"\mathbf{d}_z)",
        r"\mathbf{n}_t = \tanh(\mathbf{W}_n \mathbf{x}_t + \mathbf{b}_n + \mathbf{r}_t \odot (\mathbf{R}_n "
        r"\mathbf{h}_{t-1} + \mathbf{d}_n))",
        r"\mathbf{h}_t = (1 - \mathbf{z}_t) \odot \mathbf{n}_t + \mathbf{z}_t \odot \mathbf{h}_{t-1}",
    ),
    defaults={"hidden_size": 128, "num_layers": 1, "forget_bias": 1},
    default_needs={"forget_bias": "bias"},
    search_space=_search_space,
    cost=PerStep(maps=3, forward=(4, 13), backward=(9, 22), recurrent=3),
)
