"""A recipe that was used with other code of a plugin is refused wherever it is named, unless that is accepted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import run_command
from harness.errors import UserError
from harness.home import Home
from harness.machine import Machine
from harness.recipe import OtherCode, compose
from harness.recipes import Named, named, write
from harness.registry import Registry
from harness.store import open_store
from harness.suites.file import load
from harness.suites.grid import work_out


@pytest.fixture
def edited(plugin: str) -> str:
    """The plugin with another line, in a file of its own: a process imports a file once."""
    file = Path(plugin).with_name("edited.py")
    file.write_text(Path(plugin).read_text() + "\n# another line\n")
    return str(file)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def keep(plugin: str, tmp_path: Path, home: Home) -> Callable[[str], str]:
    """``keep("tuned")`` or ``keep("file")``: a recipe of the plugin is kept there; what ``--recipe`` names it by."""

    def kept(where: str) -> str:
        found = named(Registry((plugin,)), "mean", "sign", changes={"epochs": 2})
        if where == "tuned":
            write(home, Named("tuned", found.recipe), "sign")
            return "tuned"
        (tmp_path / "r.toml").write_text(found.recipe.to_toml())
        return str(tmp_path / "r.toml")

    return kept


def code_of(plugin: str) -> dict[str, str]:
    return Registry((plugin,)).fingerprints("mean", "sign")


@pytest.mark.parametrize("where", ["tuned", "file"])
def test_the_same_code_is_taken_and_other_code_refused_or_accepted_under_another_name(
    where: str, keep: Callable[[str], str], plugin: str, edited: str, home: Home
) -> None:
    name = keep(where)
    same = named(Registry((plugin,)), "mean", "sign", name, home=home)
    assert same.name in ("tuned", "r")
    assert same.recipe.code == code_of(plugin)
    with pytest.raises(OtherCode) as refusal:
        named(Registry((edited,)), "mean", "sign", name, home=home)
    for told in (edited, code_of(plugin)["architecture"], code_of(edited)["architecture"], name, "--accept-code"):
        assert told in str(refusal.value)
    accepted = named(Registry((edited,)), "mean", "sign", name, home=home, accept_code=True)
    assert accepted.name == f"{same.name}, other code"
    assert accepted.recipe.code == code_of(edited)
    assert accepted.recipe.hash != same.recipe.hash
    assert accepted.recipe.layer == same.recipe.layer


def test_a_recipe_that_names_no_code_takes_any(keep: Callable[[str], str], edited: str, home: Home) -> None:
    file = Path(keep("file"))
    file.write_text(file.read_text().partition("[code]")[0])
    assert named(Registry((edited,)), None, None, str(file)).name == "r"
    keep("tuned")
    table = home.recipes / "sign" / "mean.toml"
    assert "[tuned.code]" in table.read_text()
    table.write_text(table.read_text().partition("[tuned.code]")[0])  # as earlier versions wrote it
    assert named(Registry((edited,)), "mean", "sign", "tuned", home=home).name == "tuned"


def test_a_plugin_that_has_become_built_in_is_other_code() -> None:
    with pytest.raises(OtherCode, match="the code 0123456789abcdef of architecture 'lstm', but it is built-in"):
        compose(Registry(), "lstm", "sdigits", {"code": {"architecture": "0123456789abcdef"}})


@pytest.mark.parametrize("code", ["0123", {"architecture": 5}, [1]])
def test_code_that_is_no_table_of_hashes(code: Any) -> None:
    with pytest.raises(UserError, match="code must be a table of hashes"):
        compose(Registry(), "lstm", "sdigits", {"code": code})


@pytest.mark.parametrize("verb", [("run",), ("run", "--dry-run"), ("tune", "--show-space"), ("tune", "--trials", "1")])
def test_the_verbs_refuse_it_in_one_line_and_store_nothing(
    verb: tuple[str, ...], keep: Callable[[str], str], edited: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*verb, "--recipe", keep("file"), "--plugin", edited, "--home", str(home.path)]
    assert run_command(command) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: --recipe ")
    assert told.count("\n") == 1
    assert edited in told
    assert list(open_store(home.path).runs()) == []
    if verb != ("tune", "--trials", "1"):
        assert run_command([*command, "--accept-code"]) == 0


def test_what_show_prints_is_refused_with_edited_code_too(
    plugin: str, edited: str, tmp_path: Path, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--home", str(home.path)]
    pair = ["run", "--plugin", plugin, "--arch", "mean", "--task", "sign", "--epochs", "1", *at]
    assert run_command(pair) == 0
    capsys.readouterr()
    (run,) = open_store(home.path).runs()
    assert run_command(["show", run.id, "--toml", *at]) == 0
    (tmp_path / "r.toml").write_text(capsys.readouterr().out)
    again = ["run", "--recipe", str(tmp_path / "r.toml"), *at]
    assert run_command([*again, "--plugin", edited]) == 2
    assert run_command([*again, "--plugin", plugin]) == 0
    assert [one.id for one in open_store(home.path).runs()] == [run.id], "the same run, done before"
    assert run_command([*again, "--plugin", edited, "--accept-code"]) == 0
    new = next(one for one in open_store(home.path).runs() if one.id != run.id)
    assert (new.recipe_name, new.recipe["code"]) == ("r, other code", code_of(edited))


@pytest.mark.parametrize("where", ["tuned", "file"])
def test_a_suite_refuses_it_with_its_place_and_may_accept_it(
    where: str, keep: Callable[[str], str], edited: str, tmp_path: Path, home: Home
) -> None:
    file = tmp_path / "mine.toml"
    words = f'architectures = ["mean"]\ntasks = ["sign"]\nrecipe = "{keep(where)}"\nplugins = ["{edited}"]\n'
    file.write_text(words)
    suite = load(str(file))
    with pytest.raises(UserError) as refusal:
        work_out(suite, home, suite.registry())
    told = str(refusal.value)
    assert told.startswith("suite mine.toml: ")
    assert edited in told
    assert "accept_code = true" in told
    assert "--accept-code" not in told
    file.write_text(f"{words}accept_code = true\n")
    suite = load(str(file))
    (cell,) = work_out(suite, home, suite.registry()).cells
    assert cell.recipe is not None
    assert cell.recipe.name.endswith(", other code")
    assert cell.recipe.recipe.code == code_of(edited)


def test_a_worker_with_other_code_leaves_the_trials_of_a_study_to_others(
    plugin: str, edited: str, tmp_path: Path, home: Home
) -> None:
    from harness.interruption import listening
    from harness.tuning.search import Search, begin, best
    from harness.tuning.storage import open_storage
    from harness.tuning.study import Study
    from harness.tuning.summary import place
    from harness.tuning.worker import Worker

    registry, machine = Registry((plugin,)), Machine(home, tmp_path, True, "cpu")
    base = named(registry, "mean", "sign", changes={"epochs": 1})
    search = Search(base, space={"lr": "1e-3..1e-1 log"}, sampler="random")
    opened = open_storage(place(None, home, "s"), home)
    begin(registry, search, machine, opened, "s", 1, lambda line: None)
    other = Registry((edited,))
    study, store = Study.load(opened, "s", other), open_store(home.path)
    with listening() as asked:
        with pytest.raises(UserError, match=f"study s was made with the code .* {edited} has "):
            Worker(study, other, machine, store).train_one(1, asked)
        assert list(store.runs()) == []
        study = Study.load(opened, "s", registry)
        assert Worker(study, registry, machine, store).train_one(1, asked)[0] == "done"
    with pytest.raises(UserError, match=code_of(edited)["architecture"]):
        best(Study.load(opened, "s", other), other)
    found = best(study, registry)
    assert found is not None
    assert found[1].recipe.code == code_of(plugin)
