"""The linear map of the input is that of torch, whichever way its gradient is taken."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from architectures import projection
from architectures.projection import project

SHAPES = [
    (784, 50, 6),
    (17, 200, 2),
    (13, 1000, 3),
    (257, 4, 5),
    (64, 64, 1),
    (30, 5, 40),
    (1, 1, 3),
    (0, 300, 3),
    (300, 0, 3),
]


@pytest.mark.parametrize("biased", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_output_and_gradients_are_those_of_linear(shape, biased):
    torch.manual_seed(0)
    input = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, shape[2], dtype=torch.float64, requires_grad=True)
    bias = torch.randn(7, dtype=torch.float64, requires_grad=True) if biased else None
    given = [tensor for tensor in (input, weight, bias) if tensor is not None]
    outside = torch.randn(*shape[:2], 7, dtype=torch.float64)
    ours, theirs = (form(input, weight, bias) for form in (project, F.linear))
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    gradients = (torch.autograd.grad(output, given, outside) for output in (ours, theirs))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_narrow_inputs_are_taken_in_stretches(monkeypatch):
    calls = []
    monkeypatch.setattr(torch, "bmm", lambda *given, real=torch.bmm: calls.append(given[0].shape) or real(*given))
    project(torch.randn(17_984, 8, 6), torch.randn(32, 6))
    assert calls == [(281, 512, 6)]  # 17,984 is 281 times 64
    project(torch.randn(784, 50, projection.WIDEST + 1), torch.randn(32, projection.WIDEST + 1))
    project(torch.randn(787, 2, 6), torch.randn(32, 6))  # 787 is prime
    assert len(calls) == 1


def test_views_come_through():
    input = torch.randn(64, 50, 6).transpose(0, 1)
    weight = torch.randn(3, 6)
    torch.testing.assert_close(project(input, weight), F.linear(input, weight))
