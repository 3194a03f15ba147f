"""No point of a space is refused: steps are stable by construction, over whole spaces and at their edges."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from harness.errors import UserError
from harness.matching import outline
from harness.recipes import named
from harness.registry import Registry
from harness.tuning.space import space_of

REGISTRY = Registry()


@cache
def space(arch, overrides=()):
    return space_of(REGISTRY, arch, "psdigits", named(REGISTRY, arch, "psdigits").recipe, dict(overrides))


def values_in(distribution):
    """Any value of a distribution, the edges among them."""
    if isinstance(distribution, CategoricalDistribution):
        return st.sampled_from(distribution.choices)
    edges = st.sampled_from([distribution.low, distribution.high])
    if isinstance(distribution, IntDistribution):
        return edges | st.integers(distribution.low, distribution.high)
    assert isinstance(distribution, FloatDistribution)
    return edges | st.floats(distribution.low, distribution.high)


def points(arch, overrides=()):
    found = space(arch, overrides)
    return st.fixed_dictionaries({key: values_in(one) for key, one in found.distributions.items()})


@pytest.mark.parametrize("arch", sorted(REGISTRY.architectures))
def test_no_point_of_a_space_is_refused_and_each_leads_back(arch):
    found, architecture = space(arch), REGISTRY.architecture(arch)

    @settings(max_examples=60)
    @given(points(arch))
    def holds(point):
        recipe = found.recipe(REGISTRY, point)
        assert architecture.constraint is None or architecture.constraint(recipe.layer) is None
        outline(REGISTRY, recipe)
        values, notes = found.values_of(recipe)
        for key, one in point.items():
            assert values[key] == (pytest.approx(one, rel=1e-9, abs=0) if isinstance(one, float) else one), key
        assert notes == []
        assert found.recipe(REGISTRY, values).hash == recipe.hash

    holds()


@pytest.mark.parametrize(
    ("arch", "overrides"),
    [
        ("unicornn", (("alpha", "0..100000"),)),
        ("unicornn", (("alpha", "1e-9..1e9 log"),)),
        ("cornn", (("gamma", "0..1e6"), ("epsilon", "0..1e4"))),
        ("cornn", (("damping", "[explicit,implicit]"), ("gamma", "0..100"), ("epsilon", "0..20"))),
    ],
)
def test_wider_ranges_are_stable_too(arch, overrides):
    @settings(max_examples=100)
    @given(points(arch, overrides))
    def holds(point):
        space(arch, overrides).recipe(REGISTRY, point)

    holds()


@settings(max_examples=40)
@given(st.data(), st.floats(1e-3, 3), st.floats(0, 60), st.floats(1e-3, 60))
def test_a_range_of_the_step_itself_is_taken_if_it_is_stable_everywhere_and_only_then(data, largest, least, width):
    alphas = (least, least + width)
    assume(alphas[0] < alphas[1])
    stepped = {"dt": f"1e-5..{largest!r}", "alpha": f"{alphas[0]!r}..{alphas[1]!r}"}
    constraint = REGISTRY.architecture("unicornn").constraint
    try:
        found = space_of(REGISTRY, "unicornn", "psdigits", space("unicornn").base, stepped)
    except UserError:
        assert any(constraint({"dt": largest, "alpha": alpha}) for alpha in alphas)
        return
    point = {"dt": data.draw(values_in(found.distributions["dt"])), "alpha": data.draw(st.floats(*alphas))}
    assert constraint(found.recipe(REGISTRY, point).layer) is None
