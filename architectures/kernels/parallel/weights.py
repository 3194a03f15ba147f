"""A UnICORNN from a file of weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from architectures.unicornn import UnICORNN


def load(file: Path, dt: list[float], alpha: float) -> UnICORNN:
    """The UnICORNN whose state dict is somewhere in what ``torch.save`` wrote to `file`, in float32 on the CPU.

    `dt` is one number or one for each layer; it and `alpha` are no weights, so they have to be told. Raises
    ``ValueError`` where there is none or `dt` does not fit it, ``OSError`` where the file can't be read.
    """
    try:
        saved = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # whatever a file of another kind makes the reader stumble over
        raise ValueError(f"{file} holds no weights that torch can read: {type(error).__name__}") from error
    found = {}
    for name, value in _tensors(saved, ""):
        match = re.search(r"(?:^|\.)(cells\.\d+\.(?:w|c|i2h\.weight|i2h\.bias))$", name)
        if match:
            found[match[1]] = value.float()
    number = sum(name.endswith(".w") for name in found)
    if not number or "cells.0.i2h.weight" not in found:
        raise ValueError(f"{file} holds no weights of a UnICORNN")
    if len(dt) not in (1, number):
        raise ValueError(f"--dt must be one number or one for each of the {number} layers in {file}, got {len(dt)}")
    width, features = found["cells.0.i2h.weight"].shape
    layer = UnICORNN(features, width, number, dt=dt * (number // len(dt)), alpha=alpha)
    try:
        layer.load_state_dict(found)
    except RuntimeError as error:
        raise ValueError(f"the weights of the UnICORNN in {file} are not all there, or not of one size") from error
    return layer


def _tensors(saved: Any, prefix: str) -> list[tuple[str, Tensor]]:
    """Every tensor of nested dictionaries, with the names of all levels."""
    if isinstance(saved, Tensor):
        return [(prefix, saved)]
    if not isinstance(saved, dict):
        return []
    return [found for key, value in saved.items() for found in _tensors(value, f"{prefix}.{key}")]
