"""The recipes that come with the project: each one resolves, and each published value says where it comes from."""

import tomllib

import pytest

from harness.errors import UserError
from harness.recipe import TABLES
from harness.recipes import FOLDER, listed, named
from harness.registry import Registry

REGISTRY = Registry()
ROWS = list(listed(REGISTRY))
PUBLISHED = [(arch, task) for task, arch, name, _ in ROWS if name == "published"]


@pytest.mark.parametrize(("task", "arch", "name"), [row[:3] for row in ROWS])
def test_every_recipe_resolves(task, arch, name):
    found = named(REGISTRY, arch, task, name)
    assert found.name == name
    assert found.recipe.arch == arch


def test_every_pair_has_a_standard_recipe_of_its_own():
    assert {(task, arch) for task, arch, name, source in ROWS if name == "standard" and source == "defaults"} == set()


def test_the_pairs_that_the_papers_define_are_published():
    assert set(PUBLISHED) == {
        ("cornn", "adding"),
        ("cornn", "smnist"),
        ("cornn", "psmnist"),
        ("unicornn", "psmnist"),
        ("cornn", "ncifar"),
        ("cornn", "har2"),
        ("cornn", "imdb"),
        ("unicornn", "ncifar"),
        ("unicornn", "eigenworms"),
        ("unicornn", "bidmc-rr"),
        ("unicornn", "bidmc-hr"),
        ("unicornn", "imdb"),
    }


@pytest.mark.parametrize(("arch", "task"), PUBLISHED)
def test_every_published_value_has_a_source_and_nothing_is_left_to_defaults(arch, task):
    table = tomllib.loads((FOLDER / task / f"{arch}.toml").read_text())["published"]
    given = {f"{t}.{key}" for t in TABLES for key in table.get(t, {})}
    assert set(table["sources"]) == given
    assert all(len(source) > 10 for source in table["sources"].values())
    recipe = named(REGISTRY, arch, task, "published").recipe
    assert {key for key, value in recipe.layer.items() if value is not None} == set(table["layer"])
    assert recipe.variant.keys() == table.get("variant", {}).keys()
    assert recipe.encoder.keys() == table.get("encoder", {}).keys()
    assert table["deviations"]


PROTOCOL = {  # from the papers' code: layers, width, batch, epochs, rate, milestones, selection
    ("cornn", "adding"): (1, 128, 50, 600, 2e-2, None, "final"),
    ("cornn", "smnist"): (1, 256, 120, 120, 2.1e-3, [100], "final"),
    ("cornn", "psmnist"): (1, 256, 120, 120, 5.4e-3, [100], "best"),
    ("unicornn", "psmnist"): (3, 256, 32, 2600, 2.51e-3, [650], "best"),
    ("cornn", "ncifar"): (1, 128, 100, 120, 7.5e-3, [100], "best"),
    ("cornn", "har2"): (1, 64, 64, 250, 1.7e-2, None, "final"),
    ("cornn", "imdb"): (1, 128, 64, 100, 6e-4, None, "final"),
    ("unicornn", "ncifar"): (3, 128, 30, 500, 3.14e-3, [250], "best"),
    ("unicornn", "eigenworms"): (2, 32, 8, 250, 7.6e-3, None, "best"),
    ("unicornn", "bidmc-rr"): (3, 128, 32, 500, 3.98e-3, [250], "best"),
    ("unicornn", "bidmc-hr"): (3, 128, 32, 500, 2.88e-3, [250], "best"),
    ("unicornn", "imdb"): (2, 128, 32, 50, 1.64e-4, None, "best"),
}
STEPS = {  # dt, then gamma and epsilon, or alpha and dropout
    ("cornn", "adding"): (0.06, 66.0, 15.0),
    ("cornn", "smnist"): (0.042, 2.7, 4.7),
    ("cornn", "psmnist"): (0.076, 0.4, 8.0),
    ("cornn", "ncifar"): (0.034, 1.3, 12.7),
    ("cornn", "har2"): (0.1, 0.2, 6.4),
    ("cornn", "imdb"): (0.054, 4.9, 4.8),
    ("unicornn", "psmnist"): (0.19, 30.65, 0.1),
    ("unicornn", "ncifar"): (0.126, 13.0, 0.1),
    ("unicornn", "eigenworms"): ([2.81e-5, 0.0343], 0.0, 0.0),
    ("unicornn", "bidmc-rr"): (0.011, 9.0, 0.1),
    ("unicornn", "bidmc-hr"): (0.046, 10.0, 0.1),
    ("unicornn", "imdb"): ([0.0066, 0.205], 0.0, 0.61),
}
PARAMETERS = {  # biases included, embeddings left out
    ("cornn", "smnist"): 134_200,
    ("cornn", "psmnist"): 134_200,
    ("cornn", "har2"): 8_900,
    ("cornn", "ncifar"): 46_500,
    ("cornn", "imdb"): 45_800,
    ("unicornn", "psmnist"): 136_200,
    ("unicornn", "ncifar"): 47_500,
    ("unicornn", "eigenworms"): 1_573,
    ("unicornn", "imdb"): 30_100,
}


@pytest.mark.parametrize(("arch", "task"), PUBLISHED)
def test_published_recipes_follow_the_protocol(arch, task):
    recipe = named(REGISTRY, arch, task, "published").recipe
    t = recipe.training
    found = (recipe.layer["num_layers"], recipe.layer["hidden_size"], t.batch_size, t.epochs, t.lr, t.milestones)
    assert (*found, t.selection) == PROTOCOL[arch, task]


@pytest.mark.parametrize(("arch", "task"), PUBLISHED)
def test_published_steps_are_those_of_the_papers(arch, task):
    layer = named(REGISTRY, arch, task, "published").recipe.layer
    keys = ("dt", "gamma", "epsilon") if arch == "cornn" else ("dt", "alpha", "dropout")
    assert tuple(layer[key] for key in keys) == STEPS[arch, task]


@pytest.mark.parametrize(("arch", "task"), PARAMETERS)
def test_published_models_have_as_many_parameters_as_the_papers_code(arch, task):
    recipe = named(REGISTRY, arch, task, "published").recipe
    task_class = REGISTRY.task(task)
    backbone = REGISTRY.architecture(arch).layer(task_class.input_size, **recipe.layer)
    count = sum(p.numel() for p in backbone.parameters()) + (recipe.layer["hidden_size"] + 1) * task_class.output_size
    told = PARAMETERS[arch, task]
    assert count == told or round(count, -2) == told


def test_published_variants():
    assert named(REGISTRY, "cornn", "ncifar", "published").recipe.variant == {"noise": "fixed", "validation": 3000}
    assert named(REGISTRY, "unicornn", "ncifar", "published").recipe.variant == {"noise": "fixed", "validation": 2000}
    assert named(REGISTRY, "unicornn", "imdb", "published").recipe.encoder == {"word_dropout": 0.65}
    assert named(REGISTRY, "cornn", "imdb", "published").recipe.variant == {"embedding": "glove", "readout": "padded"}
    assert named(REGISTRY, "cornn", "psmnist", "published").recipe.variant == {"permutation": "cornn"}
    assert named(REGISTRY, "unicornn", "psmnist", "published").recipe.variant == {"permutation": "unicornn"}
    other = named(REGISTRY, "cornn", "adding[length=2000]", "published").recipe
    assert other.variant == {"length": 2000}


def test_standard_budgets_are_equal_for_all_architectures_of_a_task():
    for task in {row[0] for row in ROWS}:
        budgets = {
            (t.epochs, t.batch_size, t.steps_per_epoch, t.schedule, t.selection, t.bucket)
            for t in (named(REGISTRY, arch, task).recipe.training for arch in REGISTRY.architectures)
        }
        assert len(budgets) == 1, task


@pytest.mark.parametrize("task", sorted({row[0] for row in ROWS}))
def test_standard_models_of_a_task_have_about_as_many_parameters(task):
    task_class = REGISTRY.task(task)
    counts = {}
    for arch in REGISTRY.architectures:
        layer = named(REGISTRY, arch, task).recipe.layer
        backbone = REGISTRY.architecture(arch).layer(task_class.input_size, **layer, device="meta")
        head = (layer["hidden_size"] + 1) * task_class.output_size
        counts[arch] = sum(parameter.numel() for parameter in backbone.parameters()) + head
    assert max(counts.values()) < 1.08 * min(counts.values()), counts


def test_a_changed_recipe_does_not_go_by_the_plain_name():
    assert named(REGISTRY, "lstm", "sdigits", changes={"lr": 0.1, "epochs": 3}).name == "standard, epochs=3, lr=0.1"


def test_another_variant_than_the_published_one_does_not_go_by_its_name():
    assert named(REGISTRY, "cornn", "adding[length=500]", "published").name == "published"
    assert named(REGISTRY, "cornn", "adding[length=100]", "published").name == "published, length=100"
    assert named(REGISTRY, "lstm", "adding[length=500]").name == "standard", "a standard recipe is for all variants"


def test_a_changed_key_has_one_name_however_it_was_spelt():
    assert named(REGISTRY, "lstm", "sdigits", changes={"training.lr": 0.1}).name == "standard, lr=0.1"


def test_the_variant_of_a_file_stays_unless_the_command_says_another(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('arch = "lstm"\ntask = "adding[length=50]"\n')
    assert named(REGISTRY, None, None, str(file)).recipe.variant == {"length": 50}
    assert named(REGISTRY, None, "adding", str(file)).recipe.variant == {"length": 50}
    assert named(REGISTRY, None, "adding[length=60]", str(file)).recipe.variant == {"length": 60}


@pytest.mark.parametrize(
    ("arch", "task", "name", "told"),
    [
        ("lstm", "psmnist", "published", "no recipe is called 'published' for lstm on psmnist (known: standard;"),
        ("lstn", "psmnist", "published", "did you mean 'lstm'?"),
        (None, "psmnist", "standard", "--arch is missing"),
        (None, None, "standard", "--arch and --task are missing"),
        ("lstm", "psmnist[permutation=x]", "standard", "permutation = 'x' is refused"),
        ("lstm", "psmnist", "nowhere.toml", "--recipe nowhere.toml: cannot be read (No such file or directory)"),
    ],
)
def test_a_wrong_name_is_one_sentence(arch, task, name, told):
    with pytest.raises(UserError) as caught:
        named(REGISTRY, arch, task, name)
    assert told in str(caught.value)


def test_a_file_is_a_recipe_and_options_may_fill_it_in(tmp_path):
    wanted = named(REGISTRY, "unicornn", "psmnist", "published").recipe
    file = tmp_path / "mine.toml"
    file.write_text(wanted.to_toml())
    found = named(REGISTRY, None, None, str(file))
    assert found.recipe.hash == wanted.hash
    assert found.name == "mine"
    open_file = tmp_path / "open.toml"
    open_file.write_text("[training]\nepochs = 7\n")
    assert named(REGISTRY, "lstm", "adding[length=9]", str(open_file)).recipe.training.epochs == 7


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("epochs = ", "not TOML: Invalid value (at end of document)"),
        ("epochs = 3", "'epochs' does not belong at the top: keys stand in [layer], [training], [variant], [encoder]"),
        ("[trainig]\nepochs = 3", "there is no table 'trainig'"),
        ("[training]\nepoch = 3", "there is no key 'epoch' (did you mean 'epochs'?)"),
        ("[training]\nepochs = 0", "epochs = 0 is refused"),
        ("arch = 'gru'", "is for arch 'gru', but --arch says 'lstm'"),
        ("arch = 3", "arch must be text"),
    ],
)
def test_a_wrong_file_is_one_sentence_that_names_it(tmp_path, content, told):
    file = tmp_path / "wrong.toml"
    file.write_text(content)
    with pytest.raises(UserError) as caught:
        named(REGISTRY, "lstm", "sdigits", str(file))
    assert told in str(caught.value)
    assert str(file) in str(caught.value)
