"""The eager recurrences cost a time linear in the number of steps, backward too."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from architectures import SRU, CoRNN, IndRNN, UnICORNN


def gradient_elements(output: Tensor) -> int:
    """Number of elements in all gradients that pass along the edges of the graph behind `output`."""
    total = 0

    def count(gradients: tuple[Tensor | None, ...], _: tuple[Tensor | None, ...]) -> None:
        nonlocal total
        total += sum(gradient.numel() for gradient in gradients if gradient is not None)

    assert output.grad_fn is not None
    nodes, seen = [output.grad_fn], {output.grad_fn}
    while nodes:
        node = nodes.pop()
        node.register_hook(count)
        following = {child for child, _ in node.next_functions if child is not None} - seen
        seen |= following
        nodes.extend(following)
    output.sum().backward()
    return total


def growth(forward) -> tuple[int, int]:
    """How much the work grows from 20 steps to 40 and from 40 to 60: equal when it is linear."""
    short, middle, long = (
        gradient_elements(forward(torch.rand(length, 2, 3, requires_grad=True))) for length in (20, 40, 60)
    )
    return middle - short, long - middle


@pytest.mark.parametrize(
    "layer",
    [
        CoRNN(3, 5, 2, dt=0.1, backend="eager"),
        CoRNN(3, 5, dt=0.1, damping="implicit", backend="eager"),
        UnICORNN(3, 5, 2, dt=0.1, alpha=1.0, backend="eager"),
        IndRNN(3, 5, 2, backend="eager"),
        IndRNN(3, 5, activation="tanh", backend="eager"),
        SRU(3, 5, 2, backend="eager"),
    ],
    ids=["cornn", "cornn implicit", "unicornn", "indrnn", "indrnn tanh", "sru"],
)
def test_work_of_the_backward_pass_is_linear_in_length(layer):
    first, second = growth(lambda input: layer(input)[0])
    assert first == second > 0


def test_the_measure_sees_quadratic_work():
    first, second = growth(lambda input: torch.stack([input[t].tanh() for t in range(len(input))]))
    assert second > 1.5 * first
