"""How LSTM and GRU are computed: by torch's own operators, over chunks of a long sequence, or plainly as the oracle.

torch computes a recurrence in several ways, and which of them ran is counted in the name of the operation:

=========  ==========================================================================================================
oneDNN     LSTM on the CPU in float32, or bfloat16 where the processor has it, training included; float16 without
           gradients only. torch has no such path for GRU. The conditions are those of ``use_mkldnn`` in
           ``aten/src/ATen/native/RNN.cpp``.
cuDNN      Both on CUDA; MIOpen on ROCm.
native     Everything else: one small operator after the other, with an autograd graph of every step.
packed     A ``PackedSequence`` on the CPU, whose path torch chooses by its lengths.
=========  ==========================================================================================================

On the CPU a long sequence runs in chunks, all layers on one chunk before the next, and hands on the state: the same
recurrence in the same order. What a chunk keeps for its backward pass comes in blocks that are small enough for the
allocator to use again; larger ones it takes from the system and gives back at every step of the training, and every
page of them costs a fault. Results differ by the rounding of sums. Dropout between layers is drawn anew for every
chunk, so that a seed gives other draws than over the whole sequence at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from architectures import kernels

BLOCK = 2**24
"""Bytes that the gates of all steps of a chunk may take: half of the largest block that glibc's allocator keeps."""
FEWEST = 32
"""Steps that a chunk has at least: where a single step is large, its products take the time."""

States = tuple[Tensor, ...]
Unroll = Callable[[int, Tensor, States], tuple[Tensor, States]]
"""One layer, by its number, over (L, N, features) from states (N, H): the output (L, N, H) and the final states."""


class Forward(Protocol):
    """The ``forward`` of ``torch.nn.LSTM`` or ``torch.nn.GRU``."""

    def __call__(self, input: Any, hx: Any = None, /) -> tuple[Any, Any]:
        """Output and final state."""


def run(
    rnn: nn.RNNBase, operation: str, requested: str | None, forward: Forward, unroll: Unroll, input: Any, hx: Any
) -> tuple[Any, Any]:
    """Compute one call of `rnn` by the backend `requested`, or else the best, and count what ran.

    `forward` is that of torch's layer, `unroll` one layer of the oracle, which does not take a ``PackedSequence``.
    """
    packed = isinstance(input, PackedSequence)
    time = 1 if rnn.batch_first and not packed and input.dim() == 3 else 0
    # torch's operators are exported for one length only.
    free = not packed and torch.compiler.is_exporting() and isinstance(input.shape[time], torch.SymInt)
    backends = ("torch",) if packed else ("eager",) if free else ("torch", "eager")
    if kernels.choose(operation, requested, backends) == "eager":
        return _stacked(rnn, unroll, input, hx)
    pieces = 1 if packed else chunks(rnn, input)
    path = torch_path(rnn, input)
    with _autocast_of(path):
        result = forward(input, hx) if pieces == 1 else _in_chunks(forward, input, hx, time, pieces)
    if not kernels.exporting():
        kernels.ran(f"{operation} ({path}{', in chunks' if pieces > 1 else ''})", "torch")
    return result


def chunks(rnn: nn.RNNBase, input: Tensor) -> int:
    """Number of the chunks that `rnn` runs `input` in: one, but for long sequences on the CPU."""
    if input.device.type != "cpu" or kernels.exporting() or input.numel() == 0:
        return 1
    length = input.shape[1 if rnn.batch_first and input.dim() == 3 else 0]
    gates = 4 if rnn.mode == "LSTM" else 3
    step = input.numel() // (length * rnn.input_size) * gates * rnn.hidden_size * input.element_size()
    return math.ceil(length / max(BLOCK // step, FEWEST))


def torch_path(rnn: nn.RNNBase, input: Tensor | PackedSequence) -> str:
    """Which of torch's paths computes `rnn` on `input`: oneDNN, cuDNN, MIOpen, packed or native."""
    device = input.data.device.type
    if device == "cuda" and torch.backends.cudnn.enabled and torch.backends.cudnn.is_available():
        return "MIOpen" if torch.version.hip else "cuDNN"
    if device == "cpu" and isinstance(input, PackedSequence):
        return "packed"
    usable = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled and input.data.numel() > 0
    if device == "cpu" and rnn.mode == "LSTM" and usable and _onednn_takes(input.data.dtype):
        return "oneDNN"  # under autocast too, which casts inside of that path
    return "native"


def _onednn_takes(dtype: torch.dtype) -> bool:
    """Whether oneDNN has an LSTM in `dtype` on this processor, for what is asked of it now."""
    if dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    if dtype == torch.float16:
        return not torch.is_grad_enabled() and bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())
    return dtype == torch.float32


def _autocast_of(path: str) -> AbstractContextManager[Any]:
    """Autocast as it is, unless it asks of oneDNN a type that it lacks here: torch fails then, and this stays exact."""
    if path != "oneDNN" or not torch.is_autocast_enabled("cpu") or _onednn_takes(torch.get_autocast_dtype("cpu")):
        return nullcontext()
    return torch.autocast("cpu", enabled=False)


def _in_chunks(forward: Forward, input: Tensor, hx: Any, time: int, number: int) -> tuple[Tensor, Any]:
    """`forward` over `input` cut along its dimension `time`; each chunk starts from the state the last one left."""
    outputs = []
    for piece in input.tensor_split(number, dim=time):
        output, hx = forward(piece, hx)
        outputs.append(output)
    return torch.cat(outputs, dim=time), hx


def _stacked(rnn: nn.RNNBase, unroll: Unroll, input: Tensor, hx: Any) -> tuple[Tensor, Any]:
    """All layers, one after the other, with torch's shapes of input and state and its dropout between layers."""
    batched, bare = input.dim() == 3, rnn.mode == "GRU"
    sequence = input if batched else input.unsqueeze(1)
    if batched and rnn.batch_first:
        sequence = sequence.transpose(0, 1)
    initial: States = (hx,) if bare else hx
    if hx is None:
        initial = (sequence.new_zeros(rnn.num_layers, sequence.shape[1], rnn.hidden_size),) * (1 if bare else 2)
    elif not batched:
        initial = tuple(part.unsqueeze(1) for part in initial)
    finals: list[States] = []
    for layer in range(rnn.num_layers):
        if layer:
            sequence = F.dropout(sequence, rnn.dropout, rnn.training)
        sequence, final = unroll(layer, sequence, tuple(part[layer] for part in initial))
        finals.append(final)
    states = tuple(torch.stack(parts) for parts in zip(*finals, strict=True))
    if batched and rnn.batch_first:
        sequence = sequence.transpose(0, 1)
    if not batched:
        sequence, states = sequence.squeeze(1), tuple(part.squeeze(1) for part in states)
    return sequence, states[0] if bare else states
