import tomllib
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.recipe import Training, compose, key_value, label, split_variant
from harness.registry import Registry


def make(registry, task="sign", layer=None, training=None, variant=None, **changes):
    content = {"layer": layer or {}, "training": training or {}, "variant": variant or {}}
    return compose(registry, "mean", task, content, changes)


def test_equal_content_has_an_equal_hash_however_it_was_written(registry):
    one = make(registry, layer={"hidden_size": 8}, training={"lr": 1.0})
    assert one.hash == make(registry, training={"lr": 1}, hidden_size=8).hash
    assert one.hash == make(registry, "sign[length=5]", layer={"hidden_size": 8, "scale": 1}, lr=1.0).hash
    assert len(one.hash) == 16


@pytest.mark.parametrize(
    "changes", [{"lr": 0.2}, {"hidden_size": 9}, {"length": 6}, {"patience": 3}, {"train_limit": 9}]
)
def test_every_difference_is_another_hash(registry, changes):
    assert make(registry).hash != make(registry, **changes).hash


def test_the_hash_is_frozen():
    recipe = compose(Registry(), "gru", "adding", {"layer": {"hidden_size": 8}, "training": {"lr": 0.5}})
    assert recipe.hash == "557ba470b67969dd", "runs stored before would no longer be found if this changed"


def test_edited_code_of_a_plugin_is_another_recipe(registry, plugin, tmp_path):
    edited = tmp_path / "edited.py"
    edited.write_text(Path(plugin).read_text().replace("torch.tanh", "torch.sigmoid"))
    assert make(Registry((str(edited),))).hash != make(registry).hash
    copied = tmp_path / "copied.py"
    copied.write_text(Path(plugin).read_text())
    assert make(Registry((str(copied),))).hash == make(registry).hash
    assert compose(Registry(), "gru", "adding", {}).code is None


def test_changes_win_over_the_variant_of_the_name_which_wins_over_the_recipe(registry):
    assert make(registry, variant={"length": 7}).variant["length"] == 7
    assert make(registry, "sign[length=8]", variant={"length": 7}).variant["length"] == 8
    assert make(registry, "sign[length=8]", variant={"length": 7}, length=9).variant["length"] == 9


def test_a_new_schedule_takes_the_place_of_the_old_one_with_its_milestones(registry):
    stepped = {"schedule": "step", "milestones": [2]}
    assert make(registry, training=stepped).training.decay == 0.1
    assert make(registry, training=stepped, schedule="cosine").training.milestones is None
    with pytest.raises(UserError, match="milestones and decay belong to schedule 'step', not 'cosine'"):
        make(registry, training=stepped, schedule="cosine", milestones=[3])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hiden_size": 1}, "there is no key 'hiden_size' for mean on sign (did you mean 'hidden_size'?)"),
        ({"layer.lr": 1}, "there is no key 'layer.lr'"),
        ({"lr": -1.0}, "recipe, training: lr = -1.0 is refused: input should be greater than 0"),
        ({"lr": float("nan")}, "lr = nan is refused"),
        ({"scale": float("nan")}, "scale = nan is refused"),
        ({"batch_size": 10**12}, "batch_size = 1000000000000 is refused"),
        ({"epochs": 0}, "epochs = 0 is refused"),
        ({"epochs": "many"}, "epochs = 'many' is refused"),
        ({"optimizer": "sgd"}, "input should be 'adam' or 'adamw'"),
        ({"schedule": "step"}, "schedule 'step' needs milestones"),
        ({"length": "long"}, "recipe, sign: length = 'long' is refused"),
        ({"scale": "big"}, "recipe, mean: scale = 'big' is refused"),
    ],
)
def test_a_wrong_key_type_or_range_is_one_sentence(registry, changes, told):
    with pytest.raises(UserError) as caught:
        make(registry, **changes)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_an_architecture_leaves_open_is_told_with_the_ways_to_set_it(tmp_path):
    file = tmp_path / "cell.py"
    file.write_text(
        "from torch import nn\nfrom architectures import Architecture\n"
        "class Cell(nn.Module):\n    def __init__(self, input_size: int, hidden_size: int) -> None: ...\n"
        "ARCHITECTURE = Architecture(name='open', title='Open', layer=Cell)\n"
    )
    with pytest.raises(UserError) as caught:
        compose(Registry((str(file),)), "open", "adding", {})
    told = "'hidden_size' must be set: add --set hidden_size=VALUE, or name it among the defaults of the architecture"
    assert str(caught.value).endswith(told)


def test_a_bound_in_the_type_of_a_setting_is_heeded_before_any_data_are_loaded():
    with pytest.raises(UserError, match="encoder of imdb: word_dropout = 1.5 is refused: input should be less than 1"):
        compose(Registry(), "lstm", "imdb", {}, {"word_dropout": 1.5})


def test_one_key_given_twice_in_two_spellings_is_refused(registry):
    with pytest.raises(UserError, match="training.lr is given twice, as 0.1 and as 0.2"):
        make(registry, **{"lr": 0.1, "training.lr": 0.2})
    assert make(registry, **{"lr": 0.1, "training.lr": 0.1}).training.lr == 0.1
    with pytest.raises(UserError, match="length is given twice"):
        make(registry, "sign[length=3,length=4]")


def test_a_key_of_two_tables_must_say_which(registry, monkeypatch):
    monkeypatch.setattr("harness.recipe.Training.model_fields", {**Training.model_fields, "scale": None})
    with pytest.raises(UserError, match="'scale' is ambiguous: write layer.scale or training.scale"):
        make(registry, scale=2.0)
    assert make(registry, **{"layer.scale": 2.0}).layer["scale"] == 2.0


def test_the_toml_of_a_recipe_makes_the_same_recipe(registry):
    recipe = make(registry, schedule="step", milestones=[1, 2], clip_norm=0.5, length=6)
    content = tomllib.loads(recipe.to_toml())
    assert (content.pop("arch"), content.pop("task")) == ("mean", "sign")
    assert set(content.pop("code")) == {"architecture", "task"}
    assert compose(registry, "mean", "sign", content).hash == recipe.hash


def test_sources_stand_as_comments_beside_their_values(registry):
    sources = {"training.lr": "the paper's table 3", "layer.scale": "a guess", "variant.bad": "a truth"}
    text = make(registry, lr=0.25).to_toml(sources)
    assert "bad = false # a truth\n" in text
    assert "lr = 0.25 # the paper's table 3\n" in text
    assert "scale = 1.0 # a guess\n" in text


def test_label_names_what_differs_from_the_default_variant(registry):
    task = registry.task("sign")
    assert label(task, make(registry)) == "sign"
    assert label(task, make(registry, "sign[length=5]")) == "sign"
    assert label(task, make(registry, "sign[length=9]")) == "sign[length=9]"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("lr=1e-3", 1e-3),
        ("epochs=3", 3),
        ("dt=[0.1, 0.2]", [0.1, 0.2]),
        ("damping=implicit", "implicit"),
        ("bias=false", False),
        ("a='x=y'", "x=y"),
    ],
)
def test_values_are_read_as_toml_or_text(text, value):
    assert key_value(text)[1] == value


@pytest.mark.parametrize("text", ["lr", "lr=", "=3", ""])
def test_what_is_no_assignment_is_refused(text):
    with pytest.raises(UserError, match="key=value"):
        key_value(text)


def test_variants_are_split_off():
    assert split_variant("psmnist") == ("psmnist", {})
    assert split_variant("adding[length=500]") == ("adding", {"length": 500})
    assert split_variant("t[a=1, b=x]") == ("t", {"a": 1, "b": "x"})
    with pytest.raises(UserError, match="must end with ]"):
        split_variant("adding[length=500")
