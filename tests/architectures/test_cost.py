"""The work that an architecture declares, against numbers counted by hand."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from architectures import BUILTIN
from architectures.cost import Cost, PerStep, Work


def described(name: str) -> Any:
    module, _, attribute = BUILTIN[name].partition(":")
    return getattr(import_module(module), attribute)


def test_one_layer_is_counted_as_the_page_says() -> None:
    cost = PerStep(maps=3, forward=(2, 5), backward=(4, 7), recurrent=2)(10, 4, 6, 8, 1)
    rows, units = 10 * 4, 10 * 4 * 8
    assert cost.forward.numbers == rows * 6 + 3 * units + 2 * units  # the input, the maps' results, the recurrence
    products, bias, state = 2 * rows * 6 * 3 * 8, 3 * units, 2 * 2 * units * 8
    assert cost.forward.operations == products + bias + state + 5 * units
    assert cost.backward.numbers == rows * 6 + 3 * units + 4 * units
    assert cost.backward.operations == products + bias + 2 * state + 7 * units


def test_layers_above_the_first_read_the_output_below_and_give_its_gradient() -> None:
    work = PerStep(maps=1, forward=(2, 9), backward=(4, 23))
    first, both = work(10, 4, 1, 8, 1), work(10, 4, 1, 8, 2)
    above = work(10, 4, 8, 8, 1)
    gradient = Work(10 * 4 * 8 + 10 * 4 * 8, 2 * 10 * 4 * 8 * 8)  # written, and what it is the product of
    assert both.forward == first.forward + above.forward
    assert both.backward == first.backward + above.backward + gradient
    assert both == first + Cost(above.forward, above.backward + gradient)


@pytest.mark.parametrize("name", BUILTIN)
def test_every_built_in_tells_its_work_in_proportion_to_the_length(name: str) -> None:
    tell = described(name).cost
    one, ten = tell(100, 32, 1, 128, 2), tell(1000, 32, 1, 128, 2)
    for short, long in ((one.forward, ten.forward), (one.backward, ten.backward)):
        assert 0 < 10 * short.numbers == long.numbers
        assert 0 < 10 * short.operations == long.operations


def test_the_products_of_cornn_are_those_of_the_published_size() -> None:
    """784 x 120 x 256: 25 GFLOP forward and twice that backward."""
    cost = described("cornn").cost(784, 120, 1, 256, 1)
    assert cost.forward.operations == pytest.approx(24.9e9, rel=0.01)
    assert (cost.forward + cost.backward).operations == pytest.approx(74e9, rel=0.02)
