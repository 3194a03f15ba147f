"""A suite worked out into cells: merged, skipped with a reason, matched; one cell never depends on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from harness.execution import Job, Monitor, execute
from harness.home import Home
from harness.machine import Machine
from harness.recipes import named, write
from harness.registry import Registry
from harness.store import open_store
from harness.suites import sizes
from harness.suites.cells import Cell
from harness.suites.file import load
from harness.suites.grid import work_out

BOTH = '["mean", "other"]'


def test_cells_go_by_task_and_then_architecture(worked_out):
    grid = worked_out('seeds = "0-1"', architectures=BOTH, tasks='["sign[length=9]", "sign"]')
    assert [cell.name for cell in grid.cells] == [
        "mean on sign[length=9]",
        "other on sign[length=9]",
        "mean on sign",
        "other on sign",
    ]
    assert all(cell.seeds == (0, 1) and cell.skip is None for cell in grid.cells)
    apart = worked_out('[[grid]]\n[[grid]]\narchitectures = ["other"]', tasks='["sign[length=9]", "sign"]')
    assert [cell.name for cell in apart.cells] == [cell.name for cell in grid.cells], "whichever grid they are of"
    assert grid.name == "mine"
    assert len(grid.plugins) == 2


def test_equal_recipes_are_one_cell_with_the_seeds_of_all(worked_out):
    grid = worked_out('[[grid]]\nseeds = "0-1"\n[[grid]]\nseeds = "1-3"\ntasks = ["sign[length=5]"]')
    [cell] = grid.cells
    assert (cell.seeds, cell.task) == ((0, 1, 2, 3), "sign"), "5 is the length that the task has by itself"
    apart = worked_out('[[grid]]\n[[grid]]\ndevice = "cpu"\n[[grid]]\nset.epochs = 3')
    assert len(apart.cells) == 3, "another device and another recipe are other runs"


def test_all_architectures_are_those_of_plugins_too(worked_out):
    grid = worked_out(architectures='"all"')
    assert {"cornn", "lstm", "mean", "other"} <= {cell.arch for cell in grid.cells}


@pytest.mark.parametrize(
    ("text", "more", "sentence"),
    [
        ("", {"architectures": '["maen"]'}, "no architecture is called 'maen' (did you mean 'mean'?); see 'harness"),
        ("", {"tasks": '["sing"]'}, "no task is called 'sing' (did you mean 'sign'?); see 'harness list tasks'"),
        ("", {"tasks": '["sign[lenth=3]"]'}, "task sign: there is no key 'lenth' (did you mean 'length'?)"),
        ("", {"tasks": '["sign[length=0]"]'}, "task sign[length=0]: length must be at least 1, got 0"),
        ("set.epoch = 5", {}, "there is no key 'epoch' for mean on sign (did you mean 'epochs'?)"),
        ("set.epochs = -5", {}, "recipe standard, training: epochs = -5 is refused: "),
        ('recipe = "publised"', {}, "no recipe is called 'publised' for mean on sign (known: standard; a file must"),
        ('recipe = "none.toml"', {}, "--recipe "),
        ('match.step_time = "gruu"', {}, "[match] step_time: no architecture is called 'gruu' (did you mean 'gru'?)"),
        ("set.hidden_size = 4\nmatch.parameters = 50", {}, "[match] and [set] hidden_size both say the hidden size"),
        ('[tune]\ntrials = 2\nspace.scal = "1..2"', {}, "--space scal=1..2: there is no key 'scal' for mean on sign"),
        ('recipe = "tuned"\ntune.trials = 2', {}, "recipe = 'tuned' is what a search leaves"),
        (
            '[[skip]]\narch = "mean"\ntask = "sing"\nreason = "no"',
            {},
            "[skip 1] task = 'sing' is nothing that the suite trains (did you mean 'sign'?)",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(worked_out, text, more, sentence):
    with pytest.raises(UserError) as caught:
        worked_out(text, **more)
    assert str(caught.value).startswith(f"suite mine.toml: {sentence}")
    assert "\n" not in str(caught.value)


def test_the_place_of_a_mistake_is_its_grid(worked_out):
    with pytest.raises(UserError, match="^suite mine.toml, grid 2: no task is called 'sing'"):
        worked_out('[[grid]]\n[[grid]]\ntasks = ["sing"]')


def test_a_plugin_that_is_not_there_is_told_with_its_path(suite_file, home, tmp_path):
    suite = load(str(suite_file()))
    (tmp_path / "other.py").unlink()
    with pytest.raises(UserError, match=r"^suite mine.toml: --plugin .*/other.py: there is no such file$"):
        work_out(suite, home, suite.registry())


def test_a_pair_without_the_recipe_is_skipped_for_that_reason(worked_out, home, registry):
    mine = replace(named(registry, "mean", "sign"), name="mine")
    write(home, mine, "sign")
    lacking, there = sorted(worked_out('recipe = "mine"', architectures=BOTH).cells, key=lambda c: c.arch, reverse=True)
    assert (lacking.arch, lacking.skip, lacking.recipe) == ("other", "it has no recipe 'mine'", None)
    assert there.skip is None


def test_what_the_file_skips_is_a_cell_with_the_reason(worked_out):
    text = '[[skip]]\narch = "other"\ntask = "sign"\nreason = "it cannot add"'
    first, second = worked_out(text, architectures=BOTH).cells
    assert (first.skip, second.skip) == (None, "it cannot add")
    assert second.task == "sign"


def test_what_was_taken_out_of_the_file_may_stay_skipped(worked_out):
    text = '[[skip]]\narch = "other"\ntask = "psdigits"\nreason = "it cannot add"'
    assert [cell.skip for cell in worked_out(text).cells] == [None]


def test_parameters_are_matched_or_the_cell_says_why_not(worked_out):
    """mean has 4 h + 2 parameters and takes every size, other the same and takes even ones."""
    mean, other = worked_out("match.parameters = 50", architectures=BOTH).cells
    assert mean.recipe.recipe.layer["hidden_size"] == other.recipe.recipe.layer["hidden_size"] == 12
    assert mean.recipe.name.endswith("hidden_size=12 (50 parameters)")
    mean, other = worked_out("match.parameters = 54", architectures=BOTH).cells
    assert mean.recipe.recipe.layer["hidden_size"] == 13
    assert other.recipe is None
    assert other.skip.startswith("cannot be matched: 54: no hidden size of other on sign comes within 2 % of 54 param")


def test_a_size_by_step_time_is_measured_once_and_remembered(worked_out, machine, monkeypatch):
    asked = []

    def measured(registry, wanted, machine, target, tell):
        asked.append((wanted.recipe.arch, target, machine.device))
        return replace(wanted, recipe=sizes.resized(registry, wanted.recipe, 6 + len(asked)), name="slower")

    monkeypatch.setattr(sizes, "match_step_time", measured)
    text = 'device = "cpu"\nmatch.step_time = "5ms"'
    [first] = worked_out(text).cells
    assert first.skip == "cannot be matched: its size is not measured yet, which 'suite plan' and 'suite run' do"
    assert asked == []
    [second] = worked_out(text, machine).cells
    [third] = worked_out(text).cells
    assert asked == [("mean", "5ms", "cpu")]
    assert second.recipe == third.recipe
    assert second.recipe.recipe.layer["hidden_size"] == 7
    worked_out(text.replace("5ms", "6ms"), machine)
    assert len(asked) == 2


def test_a_step_time_that_cannot_be_had_skips_the_cell(worked_out, machine, monkeypatch):
    def refused(*_):
        raise UserError("--match-step-time 1us: no hidden size takes so little")

    monkeypatch.setattr(sizes, "match_step_time", refused)
    [cell] = worked_out('match.step_time = "1us"', machine).cells
    assert cell.skip == "cannot be matched: 1us: no hidden size takes so little"


def test_a_search_has_a_study_that_goes_by_what_is_searched(worked_out):
    text = 'seeds = "0-1"\n[tune]\ntrials = 4\nsampler = "random"\nspace.scale = "0.5..2"'
    [cell] = worked_out(text).cells
    assert (cell.search.trials, cell.search.sampler, cell.search.space) == (4, "random", {"scale": "0.5..2"})
    assert cell.study.startswith("mine-mean-sign-")
    [more] = worked_out(text.replace("trials = 4", "trials = 9")).cells
    assert more.study == cell.study, "more trials go on with it"
    [wider] = worked_out(text.replace("0.5..2", "0.5..3")).cells
    [longer] = worked_out("set.epochs = 3\n" + text).cells
    assert len({cell.study, wider.study, longer.study}) == 3, "another plan is another study"


def train(cells: Sequence[Cell], plugins: tuple[str, ...], folder: Path) -> list[tuple[Any, ...]]:
    """What becomes of all cells, trained in turns in one process: architecture, seed, scores and losses."""
    registry, home = Registry(plugins), Home(folder)
    machine, store = Machine(home, folder, True, "cpu"), open_store(home.path)
    job: Job | None = None
    found = []
    for seed in cells[0].seeds:
        for cell in cells:
            assert cell.recipe is not None
            job = Job(registry, cell.recipe, machine) if job is None else job.other(cell.recipe)
            [run] = execute(job, store, [seed], Monitor())
            losses = [(point.train_loss, point.valid_loss, point.valid) for point in store.get(run.id).curve]
            found.append((run.arch, seed, run.recipe_hash, run.metrics["valid"], run.metrics["test"], losses))
    return found


def test_another_architecture_changes_no_other_recipe_and_no_number(worked_out, tmp_path):
    """What a suite says of mean is the same with and without other before it: hashes, studies, and what is trained."""
    text = 'seeds = "0-1"\n[[grid]]\n[[grid]]\n[grid.tune]\ntrials = 2'
    alone = worked_out(text)
    both = worked_out(text, architectures='["other", "mean"]')
    assert len(both.cells) == 4
    assert [cell for cell in both.cells if cell.arch == "mean"] == list(alone.cells)
    trained = train([cell for cell in both.cells if not cell.study], both.plugins, tmp_path / "both")
    assert len(trained) == 4
    assert [row for row in trained if row[0] == "mean"] == train(alone.cells[:1], alone.plugins, tmp_path / "alone")
