"""Checks of what a person hands to a layer: each failure is a ``ValueError`` of one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def count(name: str, value: int) -> None:
    """Refuse a size that is not a whole number above zero."""
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number above 0, got {value!r}")


def positive(name: str, value: float) -> None:
    """Refuse a number that is not above zero and finite."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be positive, got {value!r}")


def not_negative(name: str, value: float) -> None:
    """Refuse a number that is negative, infinite or NaN."""
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must not be negative, got {value!r}")


def probability(name: str, value: float) -> None:
    """Refuse a number outside [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be a probability between 0 and 1, got {value!r}")


def sequence(layer: str, input: Tensor, input_size: int, batch_first: bool) -> None:
    """Refuse an input that is neither (L, H_in) nor (L, N, H_in), or (N, L, H_in) with `batch_first`, with L > 0.

    An empty batch is fine and gives an empty output; an empty sequence has no last step to read a prediction from.
    """
    batched = "(N, L, H_in)" if batch_first else "(L, N, H_in)"
    if not isinstance(input, Tensor):
        raise ValueError(f"{layer}: expected the input to be a tensor {batched}, got a {type(input).__name__}")
    if input.dim() not in (2, 3):
        raise ValueError(f"{layer}: expected the input to be (L, H_in) or {batched}, got {input.dim()}D instead")
    _features(layer, input, input_size)
    if input.shape[1 if batch_first and input.dim() == 3 else 0] == 0:
        raise ValueError(f"{layer}: expected at least one time step, got an input of shape {tuple(input.shape)}")


def step(layer: str, input: Tensor, input_size: int) -> None:
    """Refuse the input of a single step that is neither (H_in) nor (N, H_in)."""
    if input.dim() not in (1, 2):
        raise ValueError(f"{layer}: expected the input to be (H_in) or (N, H_in), got {input.dim()}D instead")
    _features(layer, input, input_size)


def state(layer: str, names: Sequence[str], hx: Any, shape: Sequence[int]) -> None:
    """Refuse an initial state that is not one tensor of `shape` for each of `names`; a single one comes bare."""
    parts = (hx,) if len(names) == 1 else hx
    if not isinstance(parts, (tuple, list)) or len(parts) != len(names):
        raise ValueError(f"{layer}: expected the initial state to be the pair ({', '.join(names)})")
    for name, part in zip(names, parts, strict=True):
        if not isinstance(part, Tensor):
            raise ValueError(f"{layer}: expected the initial state {name} to be a tensor, got {type(part).__name__}")
        if part.shape != torch.Size(shape):
            raise ValueError(
                f"{layer}: expected the initial state {name} to have shape {tuple(shape)}, got {tuple(part.shape)}"
            )


def same_dtype(layer: str, weight: Tensor, *tensors: Tensor) -> None:
    """Refuse tensors of another floating type than the weights, unless autocast reconciles them."""
    for tensor in tensors:
        if tensor.dtype != weight.dtype and not torch.is_autocast_enabled(weight.device.type):
            raise ValueError(
                f"{layer}: the input and the initial state must have the dtype of the weights, {weight.dtype}, "
                f"got {tensor.dtype}"
            )


def _features(layer: str, input: Tensor, input_size: int) -> None:
    if input.shape[-1] != input_size:
        raise ValueError(f"{layer}: expected input_size = {input_size} features in the input, got {input.shape[-1]}")
