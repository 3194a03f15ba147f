import json

import pytest

from harness.cli import run_command
from harness.cli.training import Wanted, exit_code, parse_changes, parse_seeds, seconds, this_command
from harness.errors import UserError
from harness.home import Home
from harness.machine import Machine
from harness.recipes import Named, named, write
from harness.registry import Registry
from harness.store import Run


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), (" 10 m ", 600), (None, None)]
)
def test_times(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "-3", "0", "0s", "10 d", "1e3"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UserError, match="write a time"):
        seconds(text)


@pytest.mark.parametrize(
    ("seed", "seeds", "found"),
    [
        (None, None, (0,)),
        (3, None, (3,)),
        (None, "0-4", (0, 1, 2, 3, 4)),
        (None, "1,5,7", (1, 5, 7)),
        (None, "5, 0-2, 1", (5, 0, 1, 2)),
    ],
)
def test_seeds(seed, seeds, found):
    assert parse_seeds(seed, seeds) == found


@pytest.mark.parametrize("seeds", ["", "a", "3-1", "1-", "-2", "1,,2"])
def test_what_are_no_seeds_is_refused(seeds):
    with pytest.raises(UserError, match="write numbers and ranges such as 0-4 or 1,5,7"):
        parse_seeds(None, seeds)


def test_short_options_and_set_are_one_mapping_without_contradictions():
    assert parse_changes(["lr=0.1", "epochs=3"], 3, "10s", None) == {"lr": 0.1, "epochs": 3, "max_time": 10.0}
    with pytest.raises(UserError, match="epochs is given twice, as 3 and as 4"):
        parse_changes(["epochs=4"], 3, None, None)


def a_run(state, reason=None):
    return Run("a", "t", 0, "mse", {}, "standard", "0" * 16, state=state, reason=reason)


def test_exit_codes_tell_done_from_failed_from_interrupted():
    done, failed = a_run("done"), a_run("failed", "diverged")
    assert exit_code([done, done]) == 0
    assert exit_code([failed, done]) == 1
    assert exit_code([failed, a_run("interrupted", "stopped by SIGINT")]) == 130
    assert exit_code([done, a_run("interrupted", "stopped by SIGTERM")]) == 143


@pytest.fixture
def machine(tmp_path):
    return Machine(Home(tmp_path / "home"), tmp_path, True, "cpu")


def test_a_wanted_recipe_may_be_one_of_the_home(machine):
    found = named(Registry(), "lstm", "psdigits", changes={"lr": 0.3})
    write(machine.home, Named("tuned", found.recipe), "psdigits")
    _, wanted = Wanted("lstm", "psdigits", "tuned").resolve(machine)
    assert (wanted.name, wanted.recipe.hash) == ("tuned", found.recipe.hash)


def test_a_wanted_size_is_solved_for(machine):
    _, wanted = Wanted("lstm", "psdigits", match_params="50k").resolve(machine)
    assert wanted.recipe.layer["hidden_size"] == 109
    assert wanted.name == "standard, hidden_size=109 (50k parameters)"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"match_params": "50k", "match_step_time": "5ms"},
            "--match-params and --match-step-time both say the hidden size",
        ),
        (
            {"match_params": "50k", "changes": {"layer.hidden_size": 3}},
            "--match-params and --set hidden_size both say the hidden size",
        ),
        (
            {"match_step_time": "5ms", "changes": {"hidden_size": 3}},
            "--match-step-time and --set hidden_size both say the hidden size",
        ),
        ({"match_params": "big"}, "--match-params big: write a number"),
        ({"match_step_time": "soon"}, "--match-step-time soon: neither a time"),
    ],
)
def test_the_hidden_size_is_said_once(machine, options, told):
    with pytest.raises(UserError, match=told):
        Wanted("lstm", "psdigits", **options).resolve(machine)


def test_a_dry_run_shows_the_size_that_was_found(tmp_path, capsys):
    words = (
        "run",
        "--arch",
        "gru",
        "--task",
        "psdigits",
        "--match-params",
        "20k",
        "--dry-run",
        "--home",
        str(tmp_path),
    )
    assert run_command(words) == 0
    assert "# standard, hidden_size=79 (20k parameters), hash" in (text := capsys.readouterr().out)
    assert "hidden_size = 79\n" in text
    assert run_command((*words, "--json")) == 0
    content = json.loads(capsys.readouterr().out)
    assert abs(content["parameters_without_embedding"] - 20_000) <= 400
    assert content["recipe"]["layer"]["hidden_size"] == 79


@pytest.mark.parametrize("option", [["--match-step-time", "lstm"], ["--match-step-time=lstm"]])
def test_the_command_that_goes_on_does_not_measure_again(monkeypatch, option):
    monkeypatch.setattr("sys.argv", ["harness", "run", "--arch", "gru", *option, "--again", "--epochs", "3"])
    assert this_command(87) == "python -m harness run --arch gru --set hidden_size=87 --epochs 3"
