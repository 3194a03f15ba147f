"""Recipes in the home: written whole, found by their name, one for each variant of a task."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.home import Home
from harness.recipe import label
from harness.recipes import Named, listed, named, write, written


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def keep(registry, home):
    """``keep("lstm", "sdigits", lr=0.3)`` writes that recipe as ``tuned``."""

    def write_one(arch, task, name="tuned", source="study s, trial 17 of 50, valid 94.1 %", **changes):
        recipe = named(registry, arch, task, changes=changes).recipe
        write(home, Named(name, recipe, source), label(registry.task(recipe.task), recipe))
        return recipe

    return write_one


@pytest.mark.parametrize("task", ["sdigits", "imdb", "adding", "adding[length=500]", "sign[length=3,bad=true]"])
def test_a_written_recipe_is_found_again(registry, home, keep, task):
    recipe = keep("lstm", task, lr=0.3, clip_norm=None)
    found = named(registry, "lstm", task, "tuned", home=home)
    assert found.recipe.hash == recipe.hash
    assert (found.name, found.source) == ("tuned", "study s, trial 17 of 50, valid 94.1 %")


def test_all_values_are_written_out(registry, home, keep):
    recipe = keep("unicornn", "psdigits")
    table = written.tables(home, "psdigits", "unicornn")["tuned"]
    assert table["layer"] == {key: value for key, value in recipe.layer.items() if value is not None}
    assert table["training"]["epochs"] == 30


def test_each_variant_of_a_task_has_its_own(registry, home, keep):
    keep("lstm", "adding[length=500]", lr=0.3)
    keep("lstm", "adding[length=50]", lr=0.2)
    assert named(registry, "lstm", "adding[length=500]", "tuned", home=home).recipe.training.lr == 0.3
    assert named(registry, "lstm", "adding[length=50]", "tuned", home=home).recipe.training.lr == 0.2
    with pytest.raises(UserError) as caught:
        named(registry, "lstm", "adding", "tuned", home=home)
    assert "no recipe is called 'tuned' for lstm on adding (known: standard;" in str(caught.value)
    assert "it is there for adding[length=500] and adding[length=50]" in str(caught.value)


def test_changes_tell_in_the_name(registry, home, keep):
    keep("lstm", "sdigits")
    assert named(registry, "lstm", "sdigits", "tuned", {"epochs": 2}, home).name == "tuned, epochs=2"


def test_it_is_listed_with_its_source(registry, home, keep):
    keep("lstm", "adding[length=500]")
    rows = list(listed(registry, home))
    assert rows[-1] == ("adding[length=500]", "lstm", "tuned", "study s, trial 17 of 50, valid 94.1 %")
    assert rows[:-1] == list(listed(registry))


def test_another_recipe_of_the_file_stays_with_its_comments(registry, home, keep):
    keep("lstm", "sdigits", lr=0.3)
    file = home.path / "recipes" / "sdigits" / "lstm.toml"
    file.write_text(file.read_text() + "\n[mine.training]\nepochs = 3  # found by hand\n")
    keep("lstm", "sdigits", lr=0.4)
    assert "# found by hand" in file.read_text()
    assert named(registry, "lstm", "sdigits", "mine", home=home).recipe.training.epochs == 3
    assert named(registry, "lstm", "sdigits", "tuned", home=home).recipe.training.lr == 0.4


def test_writers_at_once_lose_nothing(registry, home, keep):
    names = [f"tuned{number}" for number in range(8)]
    threads = [threading.Thread(target=keep, args=("lstm", "sdigits", name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written.tables(home, "sdigits", "lstm")) == names


def test_a_disk_that_is_full_leaves_what_was_there(registry, home, keep, monkeypatch):
    keep("lstm", "sdigits", lr=0.3)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match="cannot write the recipe .*lstm.toml .No space left on device.: make room"):
        keep("lstm", "sdigits", lr=0.4)
    assert named(registry, "lstm", "sdigits", "tuned", home=home).recipe.training.lr == 0.3
    assert [file.name for file in (home.path / "recipes" / "sdigits").iterdir()] == ["lstm.toml"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[tuned", "are not TOML"),
        ("tuned = 3", "'tuned' does not belong at the top"),
        ("[tuned.trainig]\nlr = 1.0", "there is no table 'trainig'"),
        ("[tuned.training]\nlr = 'x'", "lr = 'x' is refused"),
    ],
)
def test_a_damaged_file_is_one_sentence(registry, home, content, told):
    file = home.path / "recipes" / "sdigits" / "lstm.toml"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    with pytest.raises(UserError) as caught:
        named(registry, "lstm", "sdigits", "tuned", home=home)
    assert told in str(caught.value)


def test_a_built_in_name_is_that_of_the_project(registry, home, keep):
    keep("cornn", "adding", name="published", lr=0.3)
    assert named(registry, "cornn", "adding", "published", home=home).recipe.training.lr == 2e-2


def test_without_a_home_there_are_only_those_of_the_project(registry, keep):
    keep("lstm", "sdigits")
    with pytest.raises(UserError, match="no recipe is called 'tuned' for lstm on sdigits .*'study show NAME --toml'"):
        named(registry, "lstm", "sdigits", "tuned")


def test_the_file_lies_where_the_documentation_says(home, keep):
    keep("lstm", "adding[length=500]")
    assert Path(home.path / "recipes" / "adding[length=500]" / "lstm.toml").is_file()
