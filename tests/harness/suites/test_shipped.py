"""The suites that come with the project: each can be worked out, and means what its title says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from harness.home import Home
from harness.machine import Machine
from harness.recipes import FOLDER, named
from harness.registry import Registry
from harness.suites.cells import Grid
from harness.suites.document import document
from harness.suites.file import find, load, shipped
from harness.suites.grid import work_out

from .conftest import OTHER


def worked_out(name: str, home: Home) -> Grid:
    suite = load(name)
    return work_out(suite, home, suite.registry())


@pytest.mark.parametrize("name", shipped())
def test_every_suite_is_worked_out_without_a_skipped_cell(name, home):
    """Were a pair skipped on purpose, the file would say so in [[skip]]."""
    grid = worked_out(name, home)
    said = {(skip.arch, skip.task) for part in load(name).parts for skip in part.skip}
    skipped = {(cell.arch, cell.task): cell.skip for cell in grid.cells if cell.skip is not None}
    assert {pair: why for pair, why in skipped.items() if pair not in said} == {}
    assert len(grid.cells) > 1
    assert find(name).read_text(encoding="utf-8").startswith("# "), "it begins with what it is for"


def test_the_file_in_the_guide_can_be_worked_out(home, tmp_path):
    guide = (Path(__file__).parents[3] / "docs" / "campaigns.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```toml\n(.*?)```", guide, flags=re.DOTALL)
    (tmp_path / "my_cell.py").write_text(OTHER)
    (tmp_path / "mine.toml").write_text(example)
    grid = worked_out(str(tmp_path / "mine.toml"), home)
    assert [len(cell.seeds) for cell in grid.cells] == [5] * 9
    told = set(re.findall(r"`(\w+)`", guide))
    assert {*document(grid, [], [], 1, False)} <= told, "the keys of the document are in the guide"


def test_these_four_are_shipped():
    assert shipped() == ["fair", "long", "papers", "quick"]


def test_quick_has_all_architectures_on_every_task_and_needs_no_download(home, tmp_path):
    grid = worked_out("quick", home)
    tasks = {cell.task for cell in grid.cells}
    built_in = set(Registry().architectures)
    assert all({cell.arch for cell in grid.cells if cell.task == task} >= built_in for task in tasks)
    sources = Machine(home, tmp_path / "nothing", True, "cpu").sources()
    for cell in grid.cells:
        recipe = cell.recipe.recipe
        assert Registry().task(recipe.task)(**recipe.variant).missing(sources) is None


def test_papers_has_every_pair_with_a_published_recipe_in_its_variant(home):
    published = {
        (file.stem, file.parent.name)
        for file in Path(FOLDER).glob("*/*.toml")
        if "published" in tomllib.loads(file.read_text(encoding="utf-8"))
    }
    grid = worked_out("papers", home)
    hashes = {cell.recipe.recipe.hash for cell in grid.cells}
    assert len(published) > 10
    for arch, task in published:
        assert named(Registry(), arch, task, "published").recipe.hash in hashes, f"{arch} on {task} is not in papers"
    assert all(len(cell.seeds) >= 3 for cell in grid.cells)


def test_fair_gives_all_cells_the_same(home):
    """Equal parameters within 2 %, equal trials, equal epochs a task."""
    from harness.matching import parameters

    grid = worked_out("fair", home)
    counts = [parameters(Registry(), cell.recipe.recipe) for cell in grid.cells]
    assert max(counts) <= 1.02 * 10_000
    assert min(counts) >= 0.98 * 10_000
    assert {(cell.search.trials, cell.search.parameters, len(cell.seeds)) for cell in grid.cells} == {(30, "10k", 5)}
    for task in {cell.task for cell in grid.cells}:
        assert len({cell.recipe.recipe.training.epochs for cell in grid.cells if cell.task == task}) == 1


def test_long_has_tasks_of_a_thousand_steps_and_more_with_equal_budgets(home):
    grid = worked_out("long", home)
    for task in {cell.task for cell in grid.cells}:
        recipes = [cell.recipe.recipe for cell in grid.cells if cell.task == task]
        assert len({(one.training.epochs, one.training.steps_per_epoch) for one in recipes}) == 1
        length = Registry().task(recipes[0].task)(**recipes[0].variant).length
        assert length >= 1000
