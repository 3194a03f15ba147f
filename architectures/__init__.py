"""Recurrent layers with the contract of ``torch.nn.LSTM``, each usable alone.

    from architectures import UnICORNN

    layer = UnICORNN(input_size=1, hidden_size=128, num_layers=3, dt=0.1, alpha=1.0)
    output, (y, z) = layer(torch.rand(784, 32, 1))      # output (784, 32, 128), y and z (3, 32, 128)

Importing this package imports no torch: every public name is loaded from its module when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from architectures.cornn import CoRNN, CoRNNCell
    from architectures.descriptor import Architecture, Paper, StableStep
    from architectures.gru import GRU
    from architectures.indrnn import IndRNN, IndRNNCell
    from architectures.lstm import LSTM
    from architectures.sru import SRU, SRUCell
    from architectures.unicornn import UnICORNN, UnICORNNCell

__all__ = [
    "BUILTIN",
    "GRU",
    "LSTM",
    "SRU",
    "Architecture",
    "CoRNN",
    "CoRNNCell",
    "IndRNN",
    "IndRNNCell",
    "Paper",
    "SRUCell",
    "StableStep",
    "UnICORNN",
    "UnICORNNCell",
]

BUILTIN: dict[str, str] = {
    "cornn": "architectures.cornn:ARCHITECTURE",
    "unicornn": "architectures.unicornn:ARCHITECTURE",
    "indrnn": "architectures.indrnn:ARCHITECTURE",
    "sru": "architectures.sru:ARCHITECTURE",
    "lstm": "architectures.lstm:ARCHITECTURE",
    "gru": "architectures.gru:ARCHITECTURE",
}
"""The architectures that come with this package: name -> ``"module:attribute"`` of its :class:`Architecture`."""

_HOME = {
    "Architecture": "architectures.descriptor",
    "Paper": "architectures.descriptor",
    "StableStep": "architectures.descriptor",
    "CoRNN": "architectures.cornn",
    "CoRNNCell": "architectures.cornn",
    "UnICORNN": "architectures.unicornn",
    "UnICORNNCell": "architectures.unicornn",
    "IndRNN": "architectures.indrnn",
    "IndRNNCell": "architectures.indrnn",
    "SRU": "architectures.sru",
    "SRUCell": "architectures.sru",
    "LSTM": "architectures.lstm",
    "GRU": "architectures.gru",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
