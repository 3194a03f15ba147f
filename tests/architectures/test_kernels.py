"""Which backend runs, and how it is counted."""

from __future__ import annotations

import pytest
import torch

from architectures import kernels

AVAILABLE = ("cpu", "eager")  # best first


def test_best_available_without_a_wish():
    assert kernels.choose("op", None, AVAILABLE) == "cpu"


def test_environment_chooses(monkeypatch):
    monkeypatch.setenv("HARNESS_BACKEND", "eager")
    assert kernels.choose("op", None, AVAILABLE) == "eager"


def test_environment_falls_through_where_an_operation_lacks_the_backend(monkeypatch):
    monkeypatch.setenv("HARNESS_BACKEND", "cuda")
    assert kernels.choose("op", None, AVAILABLE) == "cpu"


def test_empty_environment_is_no_wish(monkeypatch):
    monkeypatch.setenv("HARNESS_BACKEND", "")
    assert kernels.choose("op", None, AVAILABLE) == "cpu"


def test_environment_must_name_a_backend(monkeypatch):
    monkeypatch.setenv("HARNESS_BACKEND", "egaer")
    with pytest.raises(ValueError, match="HARNESS_BACKEND must be eager, cpu, cuda, parallel or torch, got 'egaer'"):
        kernels.choose("op", None, AVAILABLE)


def test_keyword_beats_the_environment(monkeypatch):
    monkeypatch.setenv("HARNESS_BACKEND", "cpu")
    assert kernels.choose("op", "eager", AVAILABLE) == "eager"


@pytest.mark.parametrize(("available", "choices"), [(AVAILABLE, "cpu or eager"), (("eager",), "eager")])
def test_keyword_must_name_an_available_backend(available, choices):
    with pytest.raises(ValueError, match=f"^op has no backend 'cuda' here: use {choices}$"):
        kernels.choose("op", "cuda", available)


def test_run_counts_what_ran():
    implementations = {"cpu": lambda x: x + 1, "eager": lambda x: x + 2}
    assert kernels.run("op", None, implementations, 1) == 2
    assert kernels.run("op", "eager", implementations, x=1) == 3
    assert kernels.run("op", "eager", implementations, 1) == 3
    assert kernels.counts() == {("op", "cpu"): 1, ("op", "eager"): 2}
    kernels.reset()
    assert kernels.counts() == {}


def test_a_failure_is_not_counted():
    with pytest.raises(ZeroDivisionError):
        kernels.run("op", None, {"cpu": lambda: 1 / 0})
    assert kernels.counts() == {}


def test_counts_are_a_copy():
    kernels.ran("op", "cpu")
    kernels.counts().clear()
    assert kernels.counts() == {("op", "cpu"): 1}


def test_layers_count_their_recurrences(architecture, build):
    build()(torch.zeros(3, 1, 3, dtype=torch.float64))
    [((operation, backend), calls)] = kernels.counts().items()
    if architecture.name in ("lstm", "gru"):  # torch runs all layers of a stack in one call
        assert (operation, backend, calls) == (f"{architecture.name} (native)", "torch", 1)
    else:
        assert (operation, calls) == (architecture.name, 2)
    kernels.reset()
    build(backend="eager")(torch.zeros(3, 1, 3, dtype=torch.float64))
    assert kernels.counts() == {(architecture.name, "eager"): 2}


def test_layers_honour_their_keyword(architecture, build):
    lacking = "parallel" if architecture.name in ("lstm", "gru") else "torch"
    with pytest.raises(ValueError, match=f"^{architecture.name} has no backend '{lacking}' here"):
        build(backend=lacking)(torch.zeros(3, 1, 3, dtype=torch.float64))
    assert kernels.counts() == {}
