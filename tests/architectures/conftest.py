"""The architectures under test, each small, in float64, without dropout and batch normalisation unless a test asks."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from architectures import BUILTIN, Architecture, kernels

Load = Callable[[str], Architecture]
Build = Callable[..., Any]
States = Callable[[Any], tuple[Tensor, ...]]


@pytest.fixture(autouse=True)
def _counted_anew() -> None:
    """What ran in one test is not counted in the next."""
    kernels.reset()


@pytest.fixture
def load() -> Load:
    """The descriptor of a built-in architecture by its name."""

    def by_name(name: str) -> Architecture:
        module, attribute = BUILTIN[name].split(":")
        return getattr(import_module(module), attribute)

    return by_name


@pytest.fixture(params=BUILTIN)
def architecture(request: pytest.FixtureRequest, load: Load) -> Architecture:
    return load(request.param)


@pytest.fixture
def build(architecture: Architecture) -> Build:
    """``build(**keywords)``: two layers of 5 units over 3 inputs with the default hyper-parameters, always the same."""

    def make(input_size: int = 3, hidden_size: int = 5, num_layers: int = 2, **keywords: Any) -> nn.Module:
        hyper = dict(architecture.defaults) | {"hidden_size": hidden_size, "num_layers": num_layers}
        if "dropout" in hyper:
            hyper["dropout"] = 0.0
        if "batch_norm" in hyper:
            hyper["batch_norm"] = "none"
        torch.manual_seed(7)
        return architecture.layer(input_size, **(hyper | {"dtype": torch.float64} | keywords))

    return make


@pytest.fixture
def states() -> States:
    """The tensors of a state: bare or a pair."""
    return lambda state: (state,) if isinstance(state, Tensor) else tuple(state)
