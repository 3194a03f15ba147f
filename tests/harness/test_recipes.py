"""The recipes that come with the project: each one resolves, and each published value says where it comes from."""

import tomllib

import pytest

from harness.errors import UserError
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
    }


@pytest.mark.parametrize(("arch", "task"), PUBLISHED)
def test_every_published_value_has_a_source_and_nothing_is_left_to_defaults(arch, task):
    table = tomllib.loads((FOLDER / task / f"{arch}.toml").read_text())["published"]
    given = {f"{t}.{key}" for t in ("layer", "training", "variant") for key in table.get(t, {})}
    assert set(table["sources"]) == given
    assert all(len(source) > 10 for source in table["sources"].values())
    recipe = named(REGISTRY, arch, task, "published").recipe
    assert set(recipe.layer) == set(table["layer"])
    assert recipe.variant.keys() == table.get("variant", {}).keys()
    assert table["deviations"]


PROTOCOL = {  # from the papers' code: layers, width, batch, epochs, rate, milestones, selection
    ("cornn", "adding"): (1, 128, 50, 600, 2e-2, None, "final"),
    ("cornn", "smnist"): (1, 256, 120, 120, 2.1e-3, [100], "final"),
    ("cornn", "psmnist"): (1, 256, 120, 120, 5.4e-3, [100], "best"),
    ("unicornn", "psmnist"): (3, 256, 32, 2600, 2.51e-3, [650], "best"),
}


@pytest.mark.parametrize(("arch", "task"), PUBLISHED)
def test_published_recipes_follow_the_protocol(arch, task):
    recipe = named(REGISTRY, arch, task, "published").recipe
    t = recipe.training
    found = (recipe.layer["num_layers"], recipe.layer["hidden_size"], t.batch_size, t.epochs, t.lr, t.milestones)
    assert (*found, t.selection) == PROTOCOL[arch, task]


def test_published_variants():
    assert named(REGISTRY, "cornn", "psmnist", "published").recipe.variant == {"permutation": "cornn"}
    assert named(REGISTRY, "unicornn", "psmnist", "published").recipe.variant == {"permutation": "unicornn"}
    other = named(REGISTRY, "cornn", "adding[length=2000]", "published").recipe
    assert other.variant == {"length": 2000}


def test_standard_budgets_are_equal_for_all_architectures_of_a_task():
    for task in {row[0] for row in ROWS}:
        budgets = {
            (t.epochs, t.batch_size, t.steps_per_epoch, t.schedule, t.selection)
            for t in (named(REGISTRY, arch, task).recipe.training for arch in REGISTRY.architectures)
        }
        assert len(budgets) == 1, task


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
        (None, None, "standard", "--arch and --task is missing"),
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
        ("epochs = 3", "'epochs' does not belong at the top: keys stand in [layer], [training] or [variant]"),
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
