"""Where every trial must have one number of parameters, what cannot have it isn't searched."""

from __future__ import annotations

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from harness.errors import UserError
from harness.matching import match_parameters
from harness.recipes import Named, named
from harness.registry import Registry
from harness.tuning.matched import matchable
from harness.tuning.space import space_of

REGISTRY = Registry()


def space(arch, **overrides):
    base = named(REGISTRY, arch, "psdigits").recipe
    return space_of(REGISTRY, arch, "psdigits", base, overrides)


@pytest.mark.parametrize("arch", ["indrnn", "sru"])
def test_every_depth_that_is_left_can_be_had(arch):
    before = space(arch)
    after, notes = matchable(REGISTRY, before, 9000)
    depths = after.distributions["num_layers"]
    assert isinstance(depths, CategoricalDistribution)
    assert 1 < len(depths.choices) < before.distributions["num_layers"].high
    assert any(note.startswith("num_layers is searched in ") for note in notes)
    base, _ = after.values_of(after.base)
    for depth in depths.choices:
        match_parameters(REGISTRY, Named("", after.recipe(REGISTRY, {**base, "num_layers": depth})), 9000)


def test_a_number_that_every_depth_can_have_leaves_the_space_as_it_was():
    before = space("sru", num_layers="2..4")
    assert matchable(REGISTRY, before, 200_000) == (before, [])
    assert before.distributions["num_layers"] == IntDistribution(2, 4)


def test_a_number_that_no_depth_can_have_is_refused():
    with pytest.raises(UserError, match="--match-params 30: whatever num_layers may be, no hidden size of sru"):
        matchable(REGISTRY, space("sru", num_layers="2..4"), 30)
