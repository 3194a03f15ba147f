"""Search spaces: what is sampled for a pair, what it means for a recipe, and what a person may change."""

from __future__ import annotations

import json

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from harness.errors import UserError
from harness.recipes import listed, named
from harness.registry import Registry
from harness.tuning.space import Space, space_of

REGISTRY = Registry()
PAIRS = [(task, arch) for task, arch, name, _ in listed(REGISTRY) if name == "standard"]
PUBLISHED = [(task, arch) for task, arch, name, _ in listed(REGISTRY) if name == "published"]
LISTS = {("eigenworms", "unicornn"), ("imdb", "unicornn")}
"""Pairs whose standard recipe has a step for each layer."""


def space(arch="unicornn", task="psdigits", overrides=None, **options) -> Space:
    return space_of(REGISTRY, arch, task, named(REGISTRY, arch, task).recipe, overrides, **options)


@pytest.mark.parametrize(("task", "arch"), PAIRS)
def test_the_standard_recipe_of_every_pair_is_a_point_of_its_space(task, arch):
    found, standard = space(arch, task), named(REGISTRY, arch, task).recipe
    values, notes = found.values_of(standard)
    for key, distribution in found.distributions.items():
        assert distribution._contains(distribution.to_internal_repr(values[key])), key
    if (task, arch) in LISTS:
        assert len(notes) == 1
        assert "geometric mean" in notes[0]
    else:
        assert notes == []
        assert found.recipe(REGISTRY, values).hash == standard.hash


@pytest.mark.parametrize(("task", "arch"), PUBLISHED)
def test_the_published_recipe_of_a_pair_is_a_point_of_the_space_around_it(task, arch):
    published = named(REGISTRY, arch, task, "published").recipe
    found = space_of(REGISTRY, arch, task, published)
    values, notes = found.values_of(published)
    if isinstance(published.layer["dt"], list):
        assert ["geometric mean" in note for note in notes] == [True]
    else:
        assert (notes, found.recipe(REGISTRY, values).hash) == ([], published.hash)


def test_what_a_space_cannot_give_is_noted():
    published = named(REGISTRY, "unicornn", "psmnist", "published").recipe
    values, notes = space("unicornn", "psmnist").values_of(published)
    assert values["batch_doublings"] == -1
    assert "batch_size 32 is 25 here" in notes
    assert "layer.hidden_size 256 is 128 here" in notes
    assert "training.epochs 2600 is 8 here" in notes


def test_a_recipe_outside_the_ranges_is_moved_to_their_ends():
    far = named(REGISTRY, "unicornn", "psdigits", changes={"lr": 0.5, "num_layers": 5, "clip_norm": 3.0}).recipe
    values, notes = space().values_of(far)
    assert (values["lr"], values["num_layers"], values["clip_norm"]) == (0.1, 3, 1.0)
    assert notes == ["num_layers 5 is 3 here", "lr 0.5 is 0.1 here", "clip_norm 3 is 1 here"]


def test_the_space_of_an_architecture_and_of_the_training():
    found = space().distributions
    assert found["num_layers"] == IntDistribution(2, 3)
    assert found["step"] == FloatDistribution(1e-5, 0.99, log=True)
    assert found["lr"] == FloatDistribution(1e-4, 1e-1, log=True)
    assert found["batch_doublings"] == IntDistribution(-2, 2)
    assert found["clip_norm"] == CategoricalDistribution(("off", 0.1, 1.0, 10.0))


def test_what_the_values_mean():
    found = space()
    values = {"num_layers": 2, "step": 0.5, "alpha": 3.0, "dropout": 0.0, "lr": 0.01}
    changes = found.changes({**values, "batch_doublings": -1, "clip_norm": "off"})
    largest = REGISTRY.architecture("unicornn").stable_step.largest({"alpha": 3.0})
    assert changes.pop("layer.dt") == pytest.approx(largest / 2, rel=1e-11)
    assert changes == {
        "layer.num_layers": 2,
        "layer.alpha": 3.0,
        "layer.dropout": 0.0,
        "training.lr": 0.01,
        "training.batch_size": 32,
        "training.clip_norm": None,
    }
    recipe = found.recipe(REGISTRY, {**values, "batch_doublings": -1, "clip_norm": "off"})
    assert recipe.training.clip_norm is None
    assert recipe.layer["hidden_size"] == 64, "of the base"


def test_a_step_follows_what_is_not_sampled():
    base = named(REGISTRY, "cornn", "psdigits", changes={"damping": "implicit"}).recipe
    implicit = space_of(REGISTRY, "cornn", "psdigits", base)
    point = {"step": 0.9, "gamma": 10.0, "epsilon": 10.0}
    assert implicit.changes(point)["layer.dt"] > 2 * space("cornn").changes(point)["layer.dt"]
    implicit.recipe(REGISTRY, point)


def test_a_batch_of_one_is_not_halved():
    base = named(REGISTRY, "lstm", "psdigits", changes={"batch_size": 1}).recipe
    assert space_of(REGISTRY, "lstm", "psdigits", base).changes({"batch_doublings": -2}) == {"training.batch_size": 1}


@pytest.mark.parametrize(
    ("overrides", "key", "distribution"),
    [
        ({"alpha": "0..20"}, "alpha", FloatDistribution(0, 20)),
        ({"layer.alpha": "0..20"}, "alpha", FloatDistribution(0, 20)),
        ({"step": "0.1..0.9"}, "step", FloatDistribution(0.1, 0.9)),
        ({"step": "0.5"}, "step", FloatDistribution(0.5, 0.5)),
        ({"dt": "1e-3..0.5 log"}, "dt", FloatDistribution(1e-3, 0.5, log=True)),
        ({"dt": "0.3"}, "dt", CategoricalDistribution((0.3,))),
        ({"batch_size": "[16,32]"}, "batch_size", CategoricalDistribution((16, 32))),
        ({"batch_doublings": "-1..1"}, "batch_doublings", IntDistribution(-1, 1)),
        ({"batch_doublings": "0"}, "batch_doublings", IntDistribution(0, 0)),
        ({"clip_norm": "off"}, "clip_norm", CategoricalDistribution(("off",))),
        ({"clip_norm": "0.1..10 log"}, "clip_norm", FloatDistribution(0.1, 10, log=True)),
        ({"weight_decay": "1e-6..1e-2 log"}, "weight_decay", FloatDistribution(1e-6, 1e-2, log=True)),
        ({"hidden_size": "16..64 log"}, "hidden_size", IntDistribution(16, 64, log=True)),
        ({"bias": "[true,false]"}, "bias", CategoricalDistribution((True, False))),
        ({"schedule": "[constant,cosine]"}, "schedule", CategoricalDistribution(("constant", "cosine"))),
    ],
)
def test_any_key_of_the_pair_may_be_given_a_range(overrides, key, distribution):
    found = space(overrides=overrides)
    assert found.distributions[key] == distribution
    assert len(set(found.targets)) == len(found.targets), "a key is sampled once"
    values, _ = found.values_of(found.base)
    found.recipe(REGISTRY, values)


def test_the_encoder_has_hyper_parameters_too():
    found = space("lstm", "imdb", {"word_dropout": "0..0.6"})
    assert found.changes({"word_dropout": 0.2}) == {"encoder.word_dropout": 0.2}


def test_flags_win_over_the_file(tmp_path):
    file = tmp_path / "space.toml"
    file.write_text('[space]\nlr = "1e-3..1e-2"\nalpha = 3\nnum_layers = [2, 4]\n')
    found = space(overrides={"lr": "0.02"}, file=file).distributions
    assert found["lr"] == CategoricalDistribution((0.02,))
    assert found["alpha"] == CategoricalDistribution((3.0,))
    assert found["num_layers"] == CategoricalDistribution((2, 4))
    file.write_text("[space]\ndt = 0.1\n")
    found = space(overrides={"step": "0.5"}, file=file).distributions
    assert found["step"] == FloatDistribution(0.5, 0.5), "the flag's name for the same thing"
    assert "dt" not in found


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"alpah": "1..2"}, "there is no key 'alpah' for unicornn on psdigits (did you mean 'alpha'?)"),
        ({"batch_doubling": "1..2"}, "(did you mean 'batch_doublings'?)"),
        ({"length": "1..2"}, "there is no key 'length'"),
        ({"training.alpha": "1..2"}, "there is no key 'training.alpha'"),
        ({"num_layers": "1.5..2.5"}, "num_layers = 1.5 is refused: input should be a valid integer"),
        ({"lr": "fast"}, "lr = 'fast' is refused"),
        ({"lr": "off"}, "lr = 'off' is refused"),
        ({"lr": "-1..1"}, "lr = -1 is refused"),
        ({"alpha": "-1..2"}, "alpha must not be negative, got -1.0"),
        ({"dropout": "0.5..2"}, "dropout must be a probability between 0 and 1, got 2.0"),
        ({"step": "0.1..2"}, "step is a range above 0 and below 1"),
        ({"step": "0..0.5"}, "step is a range above 0 and below 1"),
        ({"step": "[0.1,0.2]"}, "step is a range above 0 and below 1"),
        ({"batch_doublings": "0.5..1"}, "batch_doublings is a range of whole numbers"),
        ({"schedule": "[cosine,step]"}, "schedule 'step' needs milestones"),
        ({"dt": "0.1", "step": "0.1"}, "layer.dt is searched by dt already; give one of the two"),
        ({"dt": "1e-3..2"}, "dt can be unstable, as it must stay below 0.5335 for alpha = 50"),
        ({"dt": "[0.1,0.6]"}, "dt can be unstable, as it must stay below 0.5335 for alpha = 50"),
        ({"dt": "0.6"}, "dt can be unstable"),
    ],
)
def test_a_wrong_range_is_one_sentence_that_names_it(overrides, told):
    with pytest.raises(UserError) as caught:
        space(overrides=overrides)
    key, spec = list(overrides.items())[-1]
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"--space {key}={spec}")


def test_a_step_of_its_own_may_be_as_large_as_the_rest_of_the_space_allows():
    assert space(overrides={"dt": "0.6", "alpha": "0..30"}).changes({"dt": 0.6, "alpha": 30.0})["layer.dt"] == 0.6


def test_a_wrong_key_of_a_file_names_the_file(tmp_path):
    file = tmp_path / "space.toml"
    file.write_text('[space]\nalpah = "0..2"\n')
    with pytest.raises(UserError, match="--space-file .*space.toml: alpah: there is no key 'alpah'"):
        space(file=file)


def test_a_space_goes_through_json():
    found = space("cornn", overrides={"weight_decay": "0..1e-2"})
    content = json.loads(json.dumps(found.to_dict()))
    back = Space.from_dict(content, REGISTRY)
    assert back == found
    values, _ = found.values_of(found.base)
    assert back.recipe(REGISTRY, values).hash == found.base.hash
    bare = Space.from_dict(content)
    assert found.difference(bare) is None
    with pytest.raises(ValueError, match="without a registry"):
        bare.changes(values)


def test_a_difference_is_told_key_by_key():
    before = space()
    after = space(overrides={"lr": "1e-3..1e-1 log", "dt": "0.1", "weight_decay": "0.1"})
    told = before.difference(after)
    assert told == ("step is gone; lr was 1e-4..0.1 log, is now 0.001..0.1 log; dt is new; weight_decay is new")
    assert before.difference(space()) is None
    other_batch = named(REGISTRY, "unicornn", "psdigits", changes={"batch_size": 32}).recipe
    told = before.difference(space_of(REGISTRY, "unicornn", "psdigits", other_batch))
    assert told == "batch_doublings was -2..2 doublings of 64, is now -2..2 doublings of 32"


def test_what_is_not_sampled_is_told_flat():
    found = space()
    rest = found.rest_of(found.base)
    assert rest["layer.hidden_size"] == 64
    assert rest["training.epochs"] == 30
    assert not set(rest) & set(found.targets)
    assert "layer.dt" in found.targets


def test_rows_tell_whose_each_key_is():
    rows = {row["key"]: row for row in space().rows()}
    assert rows["alpha"] == {"key": "alpha", "range": "0..50", "of": "architecture", "note": ""}
    assert rows["lr"]["of"] == "training"
    assert "largest stable one, which depends on alpha" in rows["step"]["note"]
    cornn = {row["key"]: row["note"] for row in space("cornn").rows()}
    assert cornn["step"].endswith("which depends on gamma, epsilon and damping")
    assert rows["batch_doublings"]["note"].startswith("batch_size = 64 doubled")


def test_an_architecture_without_a_space_has_that_of_the_training(registry):
    found = space_of(registry, "mean", "sign", named(registry, "mean", "sign").recipe)
    assert list(found.distributions) == ["lr", "batch_doublings", "clip_norm"]
    values, notes = found.values_of(found.base)
    assert (notes, found.recipe(registry, values)) == ([], found.base)
    wider = space_of(registry, "mean", "sign", found.base, {"scale": "0.1..10 log"})
    assert wider.distributions["scale"] == FloatDistribution(0.1, 10.0, log=True)
    with pytest.raises(UserError, match="--space scale=-1..1: architecture mean: scale must be positive, got -1.0"):
        space_of(registry, "mean", "sign", found.base, {"scale": "-1..1"})


TROUBLE = '''"""Search spaces that are wrong or share names."""

import torch
from optuna.distributions import FloatDistribution

from architectures import Architecture


class Plain(torch.nn.GRU):
    """A GRU with two keywords of its own."""

    def __init__(self, input_size: int, hidden_size: int = 4, *, lr: float = 0.5, mode: str = "off"):
        super().__init__(input_size, hidden_size)


ODD = Architecture(name="odd", title="Odd", layer=Plain,
                   search_space=lambda: {"lrr": FloatDistribution(0, 1)})
SAME = Architecture(name="same", title="Same", layer=Plain,
                    search_space=lambda: {"lr": FloatDistribution(0, 1)})
BROKEN = Architecture(name="broken", title="Broken", layer=Plain, search_space=lambda: 1 / 0)
'''


@pytest.fixture
def trouble(tmp_path):
    file = tmp_path / "trouble.py"
    file.write_text(TROUBLE)
    return Registry((str(file),))


@pytest.mark.parametrize(
    ("arch", "told"),
    [
        ("odd", "architecture odd, search space: the layer has no hyper-parameter 'lrr' (did you mean 'lr'?)"),
        ("broken", "architecture broken, search space: ZeroDivisionError"),
    ],
)
def test_a_search_space_that_is_wrong_is_one_sentence(trouble, arch, told):
    with pytest.raises(UserError) as caught:
        space_of(trouble, arch, "psdigits", named(trouble, arch, "psdigits").recipe)
    assert told in str(caught.value)


def test_a_hyper_parameter_keeps_its_name_where_the_training_has_it_too(trouble):
    base = named(trouble, "same", "psdigits").recipe
    found = space_of(trouble, "same", "psdigits", base)
    assert found.changes({"lr": 0.3, "training.lr": 0.01}) == {"layer.lr": 0.3, "training.lr": 0.01}
    wider = space_of(trouble, "same", "psdigits", base, {"training.lr": "0.1..0.2"})
    assert wider.distributions["training.lr"] == FloatDistribution(0.1, 0.2)
    assert wider.distributions["lr"] == FloatDistribution(0, 1)


def test_a_word_that_a_key_takes_is_no_missing_value(trouble):
    base = named(trouble, "same", "psdigits").recipe
    found = space_of(trouble, "same", "psdigits", base, {"mode": "[off,fast]"})
    assert found.changes({"mode": "off"}) == {"layer.mode": "off"}


def test_optuna_samples_the_space():
    study, found = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0)), space("indrnn")
    for _ in range(5):
        trial = study.ask(dict(found.distributions))
        found.recipe(REGISTRY, trial.params)
        study.tell(trial, 0.0)


@pytest.mark.parametrize("arch", ["lstm", "gru"])
def test_a_key_that_says_nothing_is_not_searched(arch):
    """Without biases there is no forget bias."""
    assert "forget_bias" in space(arch).distributions
    base = named(REGISTRY, arch, "psdigits", changes={"bias": "off"}).recipe
    found = space_of(REGISTRY, arch, "psdigits", base)
    assert "forget_bias" not in found.distributions
    values, _ = found.values_of(base)
    assert found.recipe(REGISTRY, values).layer["forget_bias"] == 0
    with pytest.raises(UserError, match=r"--space forget_bias=\[0, 1\]: .*bias"):
        space_of(REGISTRY, arch, "psdigits", base, {"forget_bias": "[0, 1]"})
