"""Divisions by the number of parameters: the count is that of the model that would be trained."""

from __future__ import annotations

import pytest
import torch

from harness.cli import run_command
from harness.errors import UserError
from harness.home import Home
from harness.machine import Machine
from harness.matching import count_of, match_parameters, outline, parameters
from harness.matching.counting import Sizes
from harness.model import build
from harness.recipe import content_hash
from harness.recipes import named
from harness.registry import Registry
from harness.suites.file import load
from harness.suites.grid import work_out
from harness.tolerance import share_of
from harness.tuning.plan import Plan
from harness.tuning.search import Search
from harness.tuning.space import space_of
from harness.tuning.worker import recipe_of

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


class Heads(torch.nn.GRU):
    """A GRU whose size must be a multiple of the number of heads, a power of two, or a little odd."""

    def __init__(self, input_size: int, hidden_size: int, heads: int = 2, power: bool = False, odd: int = 0):
        if power and hidden_size & (hidden_size - 1):
            raise ValueError(f"hidden_size must be a power of two, got {hidden_size}")
        if not power and hidden_size % heads and hidden_size != odd:
            raise ValueError(f"hidden_size must be a multiple of {heads}, got {hidden_size}")
        super().__init__(input_size, hidden_size)


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


HEADS = Architecture(name="heads", title="Heads", layer=Heads, defaults={"hidden_size": 192})
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
    with pytest.raises(UserError, match=r"nearest: 7,834 at hidden_size=48 .* and 10,482 at hidden_size=56 "):
        match_parameters(particular, standard, 9_000)


def count_of_heads(size: int) -> int:
    return 3 * (size + size * size + 2 * size) + 10 * (size + 1)


@pytest.mark.parametrize("heads", [2, 8, 96])
def test_the_nearest_multiple_is_found_and_told_with_how_far_off_it_is(particular, heads):
    standard = named(particular, "heads", "psdigits", changes={"heads": heads})
    for times in (1, 2, 7):
        size, told = heads * times, []
        target = round(1.1 * count_of_heads(size))
        found = match_parameters(particular, standard, target, 0.2, told.append)
        best = min((size, size + heads), key=lambda one: abs(count_of_heads(one) - target))
        assert found.recipe.layer["hidden_size"] == best
        (sentence,) = told
        assert f"hidden_size={best} has {count_of_heads(best):,} parameters" in sentence
        assert ("fewer" if count_of_heads(best) < target else "more") in sentence


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({"heads": 192}, (384, 576)),
        ({"heads": 96}, (480, 576)),
        ({"power": True, "hidden_size": 16}, (256, 512)),
        ({"power": True, "hidden_size": 256}, (128, 256)),
        ({"heads": 192, "odd": 500}, (384, 500)),
        ({"heads": 64, "hidden_size": 100, "odd": 100}, (448, 512)),
    ],
)
def test_where_none_is_within_the_tolerance_the_nearest_below_and_above_are_told(particular, changes, sizes):
    low, high = sizes
    target = (count_of_heads(low) + count_of_heads(high)) // 2
    with pytest.raises(UserError) as caught:
        match_parameters(particular, named(particular, "heads", "psdigits", changes=changes), target, 0.01)
    told = str(caught.value)
    assert "comes within 1 % of" in told
    assert [f"{count_of_heads(size):,} at hidden_size={size} (" in told for size in sizes] == [True, True], told
    assert "--match-tolerance" in told


def test_the_next_size_is_found_however_far_apart_they_are(particular):
    sizes = Sizes(particular, named(particular, "heads", "psdigits", changes={"heads": 96}).recipe)
    assert [sizes.from_on(size) for size in (1, 96, 97, 193)] == [96, 96, 192, 288]


def test_a_size_that_is_further_off_than_usual_says_so_in_its_name(particular):
    standard = named(particular, "groups", "psdigits")
    found = match_parameters(particular, standard, 9_000, 0.15)
    assert found.name == "standard, hidden_size=48 (9k parameters, 13 % fewer)"
    near = match_parameters(particular, standard, 7_800, 0.15)
    assert near.name == "standard, hidden_size=48 (7.8k parameters)"


def test_the_tolerance_ends_at_the_share(particular):
    standard, count = named(particular, "groups", "psdigits"), count_of_heads(48)
    assert match_parameters(particular, standard, count, 0.0).recipe.layer["hidden_size"] == 48
    match_parameters(particular, standard, 8_000, (8_000 - count) / 8_000)
    with pytest.raises(UserError):
        match_parameters(particular, standard, 8_000, (8_000 - count - 1) / 8_000)


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.05", 0.05), (" 12.5 % ", 0.125), (".1", 0.1), ("0", 0)])
def test_shares(text, share):
    assert share_of(text) == share


@pytest.mark.parametrize("text", ["", "5", "100%", "1", "-0.1", "five", "%", "nan", "1e-2"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(ValueError, match="write a share such as 5% or 0.05"):
        share_of(text)


@pytest.mark.parametrize("verb", [("run", "--dry-run"), ("tune", "--show-space", "--space", "lr=1e-3..1e-2")])
def test_the_option_of_the_verbs(particular, verb, capsys, tmp_path):
    pair = [*verb, "--plugin", particular.files[0], "--arch", "groups", "--task", "psdigits", "--home", str(tmp_path)]
    assert run_command([*pair, "--match-params", "9k", "--match-tolerance", "15%"]) == 0
    capsys.readouterr()
    if verb[0] == "run":
        assert run_command([*pair, "--match-params", "9k", "--match-tolerance", "5%"]) == 2
        assert "comes within 5 % of" in capsys.readouterr().err
    for wrong in (["--match-tolerance", "5%"], ["--match-params", "9k", "--match-tolerance", "5"]):
        assert run_command([*pair, *wrong]) == 2
        assert capsys.readouterr().err.startswith("error: --match-tolerance 5")


def test_a_search_has_its_tolerance_in_its_plan_and_older_ones_have_the_usual_one(particular, tmp_path):
    base = named(particular, "groups", "psdigits")
    machine = Machine(Home(tmp_path), tmp_path, True, "cpu")
    space = space_of(particular, "groups", "psdigits", base.recipe, {"lr": "1e-3..1e-2"})
    plan = Search(base, parameters="9k", tolerance=0.15).plan(particular, machine, space)
    assert Plan.from_dict(plan.to_dict()).tolerance == 0.15
    assert recipe_of(plan, particular, {"lr": 0.002}, "trial 0").layer["hidden_size"] == 48
    usual = Search(base, parameters="9k").plan(particular, machine, space)
    assert "tolerance" not in usual.to_dict()
    assert Plan.from_dict(usual.to_dict()).difference(plan) == "tolerance was 0.02, is now 0.15"
    with pytest.raises(UserError):
        recipe_of(usual, particular, {"lr": 0.002}, "trial 0")


def test_a_suite_says_its_tolerance(particular, tmp_path):
    words = f'architectures = ["groups"]\ntasks = ["psdigits"]\nplugins = ["{particular.files[0]}"]\n[match]\n'
    file = tmp_path / "mine.toml"

    def cell(match: str):
        file.write_text(words + match)
        suite = load(str(file))
        (found,) = work_out(suite, Home(tmp_path / "home"), suite.registry()).cells
        return found

    refused = cell('parameters = "9k"')
    assert "comes within 2 % of 9,000" in refused.skip
    assert "by [match] tolerance" in refused.skip
    for tolerance in ('"15%"', "0.15"):
        assert cell(f'parameters = "9k"\ntolerance = {tolerance}').recipe.recipe.layer["hidden_size"] == 48
    assert cell('parameters = "9k"').skip == refused.skip, "what was remembered is not within the usual tolerance"
    for wrong in ("tolerance = 0.1", 'parameters = "9k"\ntolerance = 5', 'step_time = "5ms"\ntolerance = "5%"'):
        with pytest.raises(UserError, match=r"suite mine.toml: \[match\] tolerance"):
            cell(wrong)


def test_a_search_of_a_suite_keeps_its_name_unless_it_says_a_tolerance(particular, tmp_path):
    words = (
        f'architectures = ["groups"]\ntasks = ["psdigits"]\nplugins = ["{particular.files[0]}"]\n[tune]\ntrials = 2\n'
    )
    file = tmp_path / "mine.toml"

    def study(match: str):
        file.write_text(f'{words}[match]\nparameters = "7.8k"\n{match}')
        suite = load(str(file))
        (found,) = work_out(suite, Home(tmp_path / "home"), suite.registry()).cells
        return found

    usual, wide = study(""), study('tolerance = "15%"')
    content = {"trials": None, "sampler": "tpe", "pruner": "median", "seed": 0, "space": {}, "parameters": "7.8k"}
    content |= {"recipe": usual.recipe.recipe.hash, "device": "auto"}
    assert usual.study == f"mine-groups-psdigits-{content_hash(content)[:6]}"
    assert wide.study != usual.study
    assert wide.search.tolerance == 0.15


@pytest.mark.parametrize(
    ("arch", "told"),
    [
        ("fixed", "no hidden size of fixed on psdigits comes within 2 % of 9,000 parameters (nearest: 2,194 at"),
        ("sizeless", "sizeless has no hyper-parameter hidden_size to solve for"),
    ],
)
def test_a_layer_that_cannot_be_matched_is_told_in_one_sentence(particular, arch, told):
    with pytest.raises(UserError) as caught:
        match_parameters(particular, named(particular, arch, "psdigits"), 9_000)
    assert told in str(caught.value)


def test_too_few_parameters_tell_the_smallest_model():
    with pytest.raises(UserError, match=r"nearest: 36 at hidden_size=1 "):
        match_parameters(REGISTRY, named(REGISTRY, "lstm", "psdigits"), 10)
