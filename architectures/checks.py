"""Checks of what a person hands to a layer: each failure is a ``ValueError`` of one sentence."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def count(name: str, value: Any) -> int:
    """A size as Python's int, from any integer type (NumPy's too); refused unless it is above zero."""
    try:
        size = operator.index(value)
    except TypeError:
        size = 0
    if size < 1:
        raise ValueError(f"{name} must be a whole number above 0, got {value!r}")
    return size


def positive(name: str, value: Any) -> float:
    """A number as Python's own, from any real type (NumPy's too); refused unless it is above zero and finite."""
    return _number(name, value, "must be positive", lambda number: 0 < number < math.inf)


def not_negative(name: str, value: Any) -> float:
    """A number as Python's own; refused if it is negative, infinite or NaN."""
    return _number(name, value, "must not be negative", lambda number: 0 <= number < math.inf)


def between(name: str, value: Any, low: float, high: float) -> float:
    """A number as Python's own; refused outside [low, high]."""
    return _number(name, value, f"must be a number between {low} and {high}", lambda number: low <= number <= high)


def probability(name: str, value: Any) -> float:
    """A number as Python's own; refused outside [0, 1]."""
    return _number(name, value, "must be a probability between 0 and 1", lambda number: 0 <= number <= 1)


def _number(name: str, value: Any, rule: str, allowed: Callable[[float], bool]) -> float:
    """`value` as an int or a float of Python, which operators of torch and C functions take; `rule` ends the error."""
    try:
        number = value if isinstance(value, int) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, str) or not allowed(number):
        raise ValueError(f"{name} {rule}, got {value!r}")
    return number


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


def packed(layer: str, data: Tensor, input_size: int) -> None:
    """Refuse the data of a ``PackedSequence`` that are not (steps of all sequences, H_in)."""
    if data.dim() != 2:
        raise ValueError(f"{layer}: expected packed sequences of shape (L, H_in), got {data.dim()}D instead")
    _features(layer, data, input_size)


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
        if tuple(part.shape) != tuple(shape):
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


def weight_of(module: nn.Module, name: str) -> Tensor:
    """A weight of `module`, which tells its dtype and device; `name` is the path of one.

    The first parameter, as the attribute of a reparametrised weight may be stale until its hook runs. The replicas that
    ``nn.DataParallel`` makes have attributes only.
    """
    parameter = next(module.parameters(), None)
    return operator.attrgetter(name)(module) if parameter is None else parameter


def _features(layer: str, input: Tensor, input_size: int) -> None:
    if input.shape[-1] != input_size:
        raise ValueError(f"{layer}: expected input_size = {input_size} features in the input, got {input.shape[-1]}")
