"""Divisions by the number of parameters: the count is that of the model that would be trained."""

from __future__ import annotations

import pytest
import torch

from harness.errors import UserError
from harness.matching import count_of, match_parameters, outline, parameters
from harness.model import build
from harness.recipes import named
from harness.registry import Registry

REGISTRY = Registry()
TASKS = ("psdigits", "adding", "imdb", "eigenworms", "ncifar")


@pytest.mark.parametrize(
    ("text", "count"), [("50000", 50_000), ("50k", 50_000), ("1.5M", 1_500_000), ("2.5K", 2_500), (" 7 ", 7)]
)
def test_counts(text, count):
    assert count_of(text) == count


@pytest.mark.parametrize("text", ["", "0", "0.2", "-5", "many", "5x", "1e5", "k"])
def test_what_is_no_count_is_refused(text):
    with pytest.raises(UserError, match="write a number of parameters such as 50000, 50k or 1.5M"):
        count_of(text)


def trained_scalars(recipe) -> int:
    """Counted on the real model: every parameter of layer and read-out that has a gradient."""
    task = REGISTRY.task(recipe.task)(**recipe.variant)
    layer = REGISTRY.architecture(recipe.arch).layer(task.input_size, **recipe.layer)
    head = torch.nn.Linear(recipe.layer["hidden_size"], task.output_size)
    return sum(p.numel() for module in (layer, head) for p in module.parameters() if p.requires_grad)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("arch", sorted(REGISTRY.architectures))
@pytest.mark.parametrize("target", [3_000, 20_000, 50_000])
def test_every_architecture_has_the_count_within_two_percent_or_is_refused_with_the_nearest(arch, task, target):
    standard = named(REGISTRY, arch, task)
    try:
        found = match_parameters(REGISTRY, standard, target)
    except UserError as error:
        refusal = str(error)
    else:
        assert abs(trained_scalars(found.recipe) - target) <= 0.02 * target
        assert {**found.recipe.layer, "hidden_size": 0} == {**standard.recipe.layer, "hidden_size": 0}
        assert found.recipe.training == standard.recipe.training
        return
    sizes = nearest(standard.recipe, target)
    assert all(abs(count - target) > 0.02 * target for count in sizes.values())
    assert all(f"{count:,} at hidden_size={size}" in refusal for size, count in sizes.items())


def nearest(recipe, target):
    """The two sizes around a count, by trying all of them."""
    size = 1
    while (
        count := trained_scalars(recipe.model_copy(update={"layer": {**recipe.layer, "hidden_size": size}}))
    ) <= target:
        size, before = size + 1, (size, count)
    return dict([before, (size, count)])


@pytest.mark.parametrize("arch", sorted(REGISTRY.architectures))
def test_fifty_thousand_can_be_had_by_all(arch):
    for task in TASKS:
        match_parameters(REGISTRY, named(REGISTRY, arch, task), 50_000)


def test_an_outline_has_the_shapes_of_the_model_and_no_numbers():
    recipe = named(REGISTRY, "unicornn", "psdigits").recipe
    found = outline(REGISTRY, recipe)
    task = REGISTRY.task("psdigits")()
    model = build(recipe, REGISTRY.architecture("unicornn"), task, 0, torch.device("cpu"))
    shapes = {name: parameter.shape for name, parameter in found.named_parameters()}
    assert shapes == {name: parameter.shape for name, parameter in model.named_parameters()}
    assert {parameter.device.type for parameter in found.parameters()} == {"meta"}


def test_embeddings_do_not_count():
    assert parameters(REGISTRY, named(REGISTRY, "lstm", "imdb").recipe) < 100_000, "the words alone are 2.5 million"


def test_the_name_tells_the_size_unless_it_is_that_of_the_recipe():
    standard = named(REGISTRY, "unicornn", "psdigits", changes={"epochs": 3})
    found = match_parameters(REGISTRY, standard, 50_000)
    assert found.name == "standard, epochs=3, hidden_size=153 (50k parameters)"
    same = match_parameters(REGISTRY, standard, parameters(REGISTRY, standard.recipe))
    assert same is standard


def test_a_published_recipe_keeps_its_sources_but_that_of_the_size():
    published = named(REGISTRY, "unicornn", "psmnist", "published")
    found = match_parameters(REGISTRY, published, 50_000)
    assert found.source == published.source
    assert set(published.sources) - set(found.sources) == {"layer.hidden_size"}


def test_a_constraint_on_another_key_is_told_as_it_is(registry):
    with pytest.raises(UserError, match="there is no key 'hiden_size'"):
        match_parameters(registry, named(registry, "mean", "sign", changes={"hiden_size": 3}), 100)


PARTICULAR = '''"""Layers that take some sizes only."""

import torch

from architectures import Architecture


class Groups(torch.nn.GRU):
    """A GRU whose size must be a multiple of eight, with weights that are calculated."""

    def __init__(self, input_size: int, hidden_size: int):
        if hidden_size % 8:
            raise ValueError(f"hidden_size must be a multiple of 8, got {hidden_size}")
        super().__init__(input_size, hidden_size)
        self.scale = float(self.weight_ih_l0.abs().sum().item())  # not to be had without numbers


class Fixed(torch.nn.GRU):
    """One size only."""

    def __init__(self, input_size: int, hidden_size: int = 24):
        if hidden_size != 24:
            raise ValueError("hidden_size must be 24")
        super().__init__(input_size, hidden_size)


class Sizeless(torch.nn.GRU):
    """No size at all."""

    output_size = 5

    def __init__(self, input_size: int):
        super().__init__(input_size, 5)


ONE = Architecture(name="groups", title="Groups", layer=Groups, defaults={"hidden_size": 16})
TWO = Architecture(name="fixed", title="Fixed", layer=Fixed)
THREE = Architecture(name="sizeless", title="Sizeless", layer=Sizeless)
'''


@pytest.fixture
def particular(tmp_path):
    file = tmp_path / "particular.py"
    file.write_text(PARTICULAR)
    return Registry((str(file),))


def test_sizes_that_a_layer_refuses_are_passed_over(particular):
    standard = named(particular, "groups", "psdigits")
    for size in (8, 24, 136, 512):
        count = 3 * (size + size * size + 2 * size) + 10 * (size + 1)
        assert match_parameters(particular, standard, count).recipe.layer["hidden_size"] == size
    with pytest.raises(UserError, match=r"nearest: 7,834 at hidden_size=48 and 10,482 at hidden_size=56"):
        match_parameters(particular, standard, 9_000)


@pytest.mark.parametrize(
    ("arch", "told"),
    [
        ("fixed", "no hidden size of fixed on psdigits comes within 2% of 9,000 parameters (nearest: 2,194 at"),
        ("sizeless", "sizeless has no hyper-parameter hidden_size to solve for"),
    ],
)
def test_a_layer_that_cannot_be_matched_is_told_in_one_sentence(particular, arch, told):
    with pytest.raises(UserError) as caught:
        match_parameters(particular, named(particular, arch, "psdigits"), 9_000)
    assert told in str(caught.value)


def test_too_few_parameters_tell_the_smallest_model():
    with pytest.raises(UserError, match=r"nearest: 36 at hidden_size=1\)"):
        match_parameters(REGISTRY, named(REGISTRY, "lstm", "psdigits"), 10)
