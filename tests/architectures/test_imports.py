"""Names are served lazily, so that listing the architectures costs no second."""

from __future__ import annotations

import subprocess
import sys

import pytest

import architectures


def modules_after(statement: str) -> set[str]:
    """Top-level modules of a fresh interpreter after `statement`."""
    code = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["architectures", "architectures.descriptor", "architectures.kernels"])
def test_light_modules_import_nothing_heavy(module):
    loaded = modules_after(f"import {module}")
    assert "architectures" in loaded
    assert not {"torch", "numpy", "optuna", "pandas"} & loaded


def test_layers_import_torch_but_not_optuna():
    loaded = modules_after("from architectures import CoRNN, UnICORNN, IndRNN, SRU, LSTM, GRU")
    assert "torch" in loaded
    assert "optuna" not in loaded


def test_every_public_name_is_there():
    assert all(getattr(architectures, name) is not None for name in architectures.__all__)
    assert set(architectures.__all__) <= set(dir(architectures))


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="has no attribute 'RNN'"):
        _ = architectures.RNN  # type: ignore[attr-defined]
