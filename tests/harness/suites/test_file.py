"""The file of a suite: what it may say, and one sentence with the place for every mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.suites.file import Suite, load, shipped
from harness.suites.written import Match, Tune

Write = Callable[..., Path]
PAIR = 'architectures = ["mean"]\ntasks = ["sign"]\n'


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(text: str, name: str = "mine.toml") -> Path:
        file = tmp_path / name
        file.write_text(text)
        return file

    return make


def read(write: Write, text: str) -> Suite:
    return load(str(write(text)))


def told(write: Write, text: str) -> str:
    with pytest.raises(UserError) as caught:
        read(write, text)
    return str(caught.value)


def test_the_top_alone_is_one_grid(write):
    suite = read(write, f'title = "T"\nthreads = 2\nplugins = ["cell.py"]\n{PAIR}seeds = "0-2,7"\n[set]\nepochs = 5')
    assert (suite.name, suite.title, suite.threads) == ("mine", "T", 2)
    assert suite.plugins == (str(suite.file.parent / "cell.py"),)
    [part] = suite.parts
    assert (part.architectures, part.tasks, part.seeds) == (("mean",), ("sign",), (0, 1, 2, 7))
    assert (part.changes, part.recipe, part.match, part.tune) == ({"epochs": 5}, "standard", None, None)


def test_a_grid_inherits_what_stands_at_the_top_and_replaces_some(write):
    suite = read(
        write,
        f"""{PAIR}seeds = [3, 4, 3]
        match.parameters = 2_000
        [tune]
        trials = 3
        [set]
        epochs = 5
        lr = 0.1
        [[skip]]
        arch = "mean"
        task = "sign"
        reason = "too easy"
        [[grid]]
        tasks = ["sign[length=9]"]
        [[grid]]
        architectures = "all"
        recipe = "mine.toml"
        seeds = "1"
        match = {{}}
        tune = {{}}
        set.layer.dt = 0.5
        [[grid.skip]]
        arch = "mean"
        task = "sign"
        reason = "and too short"
        """,
    )
    first, second = suite.parts
    assert (first.tasks, first.architectures, first.seeds) == (("sign[length=9]",), ("mean",), (3, 4))
    assert first.match == Match(parameters="2000")
    assert first.tune == Tune(trials=3)
    assert first.changes == {"epochs": 5, "lr": 0.1}
    assert (second.architectures, second.tasks, second.seeds) == (None, ("sign",), (1,))
    assert (second.match, second.tune) == (None, None), "an empty table switches off"
    assert second.changes == {"layer.dt": 0.5}, "a table of its own takes the place of that at the top"
    assert second.recipe == str(suite.file.parent / "mine.toml"), "relative to the file"
    assert [skip.reason for skip in second.skip] == ["too easy", "and too short"]
    assert second.place == "suite mine.toml, grid 2"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("seedz = 3", "there is no key 'seedz' (did you mean 'seeds'?)"),
        ('seeds = "a"', "seeds = 'a' is refused: write numbers and ranges such as 0-4 or 1,5,7"),
        ("seeds = 3", 'seeds = 3 is refused: write seeds as "0-2" or [0, 1, 2]'),
        ("seeds = [true]", 'seeds = [True] is refused: write seeds as "0-2" or [0, 1, 2]'),
        ("seeds = []", 'seeds = [] is refused: write seeds as "0-2" or [0, 1, 2]'),
        ('device = "gpu"', "device = 'gpu' is refused: write auto, cpu, cuda or cuda:1"),
        ("threads = 0", "threads = 0 is refused: input should be greater than or equal to 1"),
        ("[match]\nparamters = 5", "[match] has no key 'paramters' (did you mean 'parameters'?)"),
        ('[match]\nparameters = "5x"', "[match] parameters = '5x' is refused: write a number of parameters such as"),
        ('[match]\nparameters = 5\nstep_time = "5ms"', "[match] says parameters and step_time, which both mean"),
        ('[tune]\nsampler = "tpe"', "[tune] must say how many trials each search has, such as trials = 30"),
        ('[tune]\ntrials = 2\nsampler = "tpee"', "[tune] sampler = 'tpee' is refused: input should be 'tpe', "),
        ("[tune]\ntrials = 0", "[tune] trials = 0 is refused: input should be greater than or equal to 1"),
        ("[resources]\ncpu = 1", "[resources] has no key 'cpu' (did you mean 'cpus'?)"),
        ('[[skip]]\narch = "mean"\ntask = "sign"', "[skip 1] lacks 'reason'"),
        ('[[skip]]\narch = "mean"\ntsk = "sign"\nreason = "x"', "[skip 1] has no key 'tsk' (did you mean 'task'?)"),
        ("[set]\nepochs = 2020-01-01", "set = {'epochs': datetime.date(2020, 1, 1)} is refused: epochs must be"),
        ('[grid]\ntasks = ["sign"]', "write each grid as a table of its own, [[grid]]"),
        ("epochs = 5", "there is no key 'epochs'"),
    ],
)
def test_a_mistake_at_the_top_is_one_sentence(write, text, sentence):
    said = told(write, PAIR + text)
    assert said.startswith(f"suite mine.toml: {sentence}")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[grid]]\n[[grid]]\ntask = []", "grid 2: there is no key 'task' (did you mean 'tasks'?)"),
        ("[[grid]]\nthreads = 2", "grid 1: 'threads' stands at the top of the file only"),
        ("[[grid]]\n[[grid]]\n[[grid]]\n[grid.tune]\ntrial = 2", "grid 3: [tune] has no key 'trial' (did you mean 't"),
        ("[[grid]]\ntasks = []", 'grid 1: tasks = [] is refused: write a list of names, such as ["psdigits", '),
        ('[[grid]]\narchitectures = "lstm"', "grid 1: architectures = 'lstm' is refused: write a list of names"),
    ],
)
def test_a_mistake_in_a_grid_names_the_grid(write, text, sentence):
    assert told(write, PAIR + text).startswith(f"suite mine.toml, {sentence}")


def test_what_no_grid_says_is_missed_there(write):
    assert told(write, 'tasks = ["sign"]') == 'suite mine.toml: names no architectures: write architectures = ["lstm"]'
    assert told(write, 'architectures = ["mean"]\n[[grid]]') == (
        'suite mine.toml, grid 1: names no tasks: write tasks = ["psdigits"]'
    )


def test_what_is_no_toml_is_told_with_its_line(write):
    said = told(write, PAIR + "seeds = = 3")
    assert said.startswith("suite mine.toml: not TOML: ")
    assert "line 3" in said


def test_files_and_names_that_are_not_there(write, tmp_path, monkeypatch):
    assert "quick" in shipped()
    with pytest.raises(UserError, match=r"is called 'quik' \(did you mean 'quick'\?\); the name of a file must end in"):
        load("quik")
    with pytest.raises(UserError, match=r"there is no suite file .*/none.toml$"):
        load(str(tmp_path / "none.toml"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="there is no suite file quick.toml; the suite 'quick' that comes with the pr"):
        load("quick.toml")
    write(PAIR)
    with pytest.raises(UserError, match=r"is called 'mine' \(did you mean the file mine.toml\?\)"):
        load("mine")
    assert load("mine.toml").place == "suite mine.toml"
    assert load("quick").place == "suite quick"
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    with pytest.raises(UserError, match="there is no suite file"):
        load(str(folder))
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(UserError, match="suite bytes.toml: byte 0, line 1"):
        load("bytes.toml")
