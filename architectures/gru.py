"""Gated recurrent unit (GRU): torch's own, with a choice of the initial bias of the gate that keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from architectures import gated, kernels
from architectures.descriptor import Architecture, Paper
from architectures.gated import ForgetBias

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class GRU(nn.GRU):
    """``torch.nn.GRU`` in one direction, with a choice of the initial bias of its update gate.

    `forget_bias` is 0, 1 or ``"chrono"``, which needs `chrono_length`: :mod:`architectures.gated` says what they mean.
    With 0 it is torch's layer, weights included. `dropout` is torch's: between layers, drawn anew for every step.
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
        sizes = (input_size, hidden_size, num_layers)
        gated.check_arguments(sizes, dropout, bias, forget_bias, chrono_length, backend)
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
        return kernels.run("gru", self.backend, {"torch": super().forward}, input, hx)  # type: ignore[dict-item]

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
    defaults={"hidden_size": 128, "num_layers": 1, "forget_bias": 1},
    search_space=_search_space,
)
