"""What LSTM and GRU share over torch's own: the choice of the forget bias, and errors of one sentence.

The *forget bias* is the initial bias of the gate whose opening keeps the old state: the forget gate of an LSTM, the
update gate of torch's GRU. torch gives every gate two bias vectors, of which only the sum matters; here the first
holds the value below and the second is zero, for the gates that are named and for every layer.

=============  ======================================================================================================
``0``          Nothing is changed: torch's own draw, uniform within ±1/sqrt(H) for both vectors.
``1``          The bias is exactly 1: a unit starts by keeping 73 % of its state at each step.
``"chrono"``   The bias of each unit is log(u) with u uniform in [1, T - 1], T being `chrono_length`, the longest
               dependency to expect: a unit starts by forgetting over about u steps. In an LSTM the input gate gets
               -log(u); in a GRU the update gate does both. Tallec and Ollivier, "Can recurrent neural networks warp
               time?", ICLR 2018, https://arxiv.org/abs/1804.11188.
=============  ======================================================================================================

Everything but these biases is drawn exactly as torch draws it.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from architectures import checks, kernels

ForgetBias = Literal[0, 1, "chrono"]

KEEP_GATE = 1
"""Which block of H rows of torch's biases is the gate that keeps: (i, f, g, o) in an LSTM, (r, z, n) in a GRU."""


def checked_sizes(input_size: int, hidden_size: int, num_layers: int) -> tuple[int, int, int]:
    """The sizes as ints of Python, whatever integer type they came in."""
    return (
        checks.count("input_size", input_size),
        checks.count("hidden_size", hidden_size),
        checks.count("num_layers", num_layers),
    )


def check_arguments(
    bias: bool,
    forget_bias: ForgetBias,
    chrono_length: int | None,
    backend: str | None,
) -> None:
    """Refuse constructor arguments that cannot be."""
    kernels.known("backend", backend)
    if forget_bias not in (0, 1, "chrono"):
        raise ValueError(f"forget_bias must be 0, 1 or 'chrono', got {forget_bias!r}")
    if forget_bias != 0 and not bias:
        raise ValueError(f"forget_bias={forget_bias!r} needs bias=True")
    if forget_bias == "chrono" and (chrono_length is None or chrono_length < 2):
        raise ValueError(
            "forget_bias='chrono' needs chrono_length, the longest dependency to expect in steps (2 or more), "
            f"got {chrono_length}"
        )


@torch.no_grad()
def start_gates(
    rnn: nn.RNNBase, forget_bias: ForgetBias, chrono_length: int | None, input_gate: int | None = None
) -> None:
    """Set the gate biases of every layer of `rnn` in place; `input_gate`, if any, gets the negated chrono value."""
    if forget_bias == 0:
        return
    for layer in range(rnn.num_layers):
        first = getattr(rnn, f"bias_ih_l{layer}").view(-1, rnn.hidden_size)
        second = getattr(rnn, f"bias_hh_l{layer}").view(-1, rnn.hidden_size)
        keep = torch.ones_like(first[KEEP_GATE])
        if forget_bias == "chrono":
            assert chrono_length is not None  # as check_arguments saw to
            keep.uniform_(1, chrono_length - 1).log_()
            if input_gate is not None:
                first[input_gate], second[input_gate] = -keep, 0
        first[KEEP_GATE], second[KEEP_GATE] = keep, 0


def check_call(rnn: nn.RNNBase, states: tuple[str, ...], input: Tensor | PackedSequence, hx: Any) -> None:
    """Refuse an input or an initial state of a wrong shape or dtype, before torch says so in other words."""
    if isinstance(input, PackedSequence):
        return  # torch's own affair
    name = type(rnn).__name__
    checks.sequence(name, input, rnn.input_size, rnn.batch_first)
    if hx is not None:
        batch = (input.shape[0 if rnn.batch_first else 1],) if input.dim() == 3 else ()
        checks.state(name, states, hx, (rnn.num_layers, *batch, rnn.hidden_size))
    given = () if hx is None else (hx,) if len(states) == 1 else hx
    checks.same_dtype(name, checks.weight_of(rnn, "weight_ih_l0"), input, *given)


def extra_repr(forget_bias: ForgetBias, chrono_length: int | None) -> str:
    """What the representation of torch's layer does not show."""
    if forget_bias == "chrono":
        return f", forget_bias='chrono', chrono_length={chrono_length}"
    return f", forget_bias={forget_bias}" if forget_bias else ""
