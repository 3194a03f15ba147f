"""Data are looked through once they are loaded: no input and no target may be NaN or infinite."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.errors import UserError

AXES = ("sample", "time step", "channel")
"""What the dimensions of compact inputs count."""


def require_finite(splits: Any, where: str) -> None:
    """A :class:`UserError` that names split, sample, time step and channel of the first value that is not finite.

    Looks at inputs, targets and every other tensor of the three splits; values beyond float32 are infinite in training.

    Args:
        splits: ``tasks.Splits``.
        where: begins the sentence, ``"task mine"``.
    """
    for part in ("train", "valid", "test"):
        data = getattr(splits, part)
        for name, tensor in data.tensors().items():
            found = _first(tensor)
            if found is not None and name == "stream":
                found = _first(_read(data, tensor))
            if found is None:
                continue
            place, value = found
            if name in data.shared:
                place = _in_sequence(data, name, place)
            named = AXES if name == "inputs" or name in data.shared else ("sample", "value")
            told = ", ".join(f"{axis} {index}" for axis, index in zip(named, place, strict=False))
            raise UserError(
                f"{where}: {name} of the {part} split hold {value} at {told or 'their only value'} (counted from 0): "
                "mend or leave out this sample in the data or in load"
            )


def _first(tensor: Tensor) -> tuple[tuple[int, ...], float] | None:
    """Where the first value is that is not finite, and that value as float32."""
    if not tensor.is_floating_point() or not tensor.numel() or tensor.device.type == "meta":
        return None
    if tensor.dtype == torch.float64:
        tensor = tensor.to(torch.float32)
    if tensor.isfinite().all():
        return None
    flat = (~tensor.isfinite()).flatten().int().argmax()
    place = tuple(int(index) for index in torch.unravel_index(flat, tensor.shape))
    return place, float(tensor[place])


def _read(data: Any, stream: Tensor) -> Tensor:
    """The stream of windows with zeros in the steps that no sequence reads."""
    lengths = data.lengths if data.lengths is not None else torch.full_like(data.inputs, data.steps)
    change = torch.zeros(len(stream) + 1, dtype=torch.int64, device=stream.device)
    change.index_add_(0, data.inputs, torch.ones_like(data.inputs))
    change.index_add_(0, data.inputs + lengths, -torch.ones_like(data.inputs))
    unread = change.cumsum(0)[:-1] == 0
    return stream.masked_fill(unread.view(-1, *[1] * (stream.dim() - 1)), 0)


def _in_sequence(data: Any, name: str, place: tuple[int, ...]) -> tuple[int, ...]:
    """The sample and its time step that a place in the stream of windows belongs to."""
    if name != "stream" or not len(data):
        return place
    step = place[0]
    lengths = data.lengths if data.lengths is not None else torch.full_like(data.inputs, data.steps)
    inside = ((data.inputs <= step) & (step < data.inputs + lengths)).nonzero()
    if not len(inside):
        return place
    sample = int(inside[0])
    return sample, step - int(data.inputs[sample]), *place[1:]
