"""The verbs as a new user types them, on data that need no download."""

import json
import subprocess
import sys

import pytest

PAIR = ("run", "--arch", "gru", "--task", "psdigits", "--epochs", "2", "--train-limit", "64", "--set", "hidden_size=6")


@pytest.mark.parametrize("arguments", [("--help",), ("list", "architectures"), ("list", "tasks"), ("list", "recipes")])
def test_what_only_tells_imports_nothing_heavy(arguments):
    code = (
        "import sys; from harness.cli import run_command; code = run_command(sys.argv[1:]);"
        "heavy = {'torch', 'pandas', 'sqlalchemy', 'matplotlib', 'optuna', 'sklearn'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_a_run_from_the_command_to_the_page(command, tmp_path):
    done = command(*PAIR, "--seeds", "0-1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": done (valid") == 2
    assert "stored in" in done.stdout
    assert "mean over 2 seeds, with its 95 % interval: test " in done.stdout

    again = command(*PAIR, "--seeds", "0-1")
    assert again.stdout.count("done before") == 2

    runs = json.loads(command("list", "runs", "--json").stdout)
    assert [(run["arch"], run["task"], run["state"]) for run in runs] == [("gru", "psdigits", "done")] * 2
    assert {run["seed"] for run in runs} == {0, 1}

    ids = [run["run"] for run in runs]
    shown = json.loads(command("show", ids[0], "--json").stdout)
    assert shown["run"] == ids[0]
    assert len(shown["curve"]) == 2
    assert "learning curve" in command("show", ids[0][:6]).stdout
    assert json.loads(command("compare", *ids, "--json").stdout)["runs"][1]["run"] == ids[1]

    exported = [json.loads(line) for line in command("export").stdout.splitlines()]
    wanted = {
        *("run", "arch", "task", "seed", "state", "recipe", "recipe_hash", "metrics", "curve", "parameters"),
        *("seconds", "environment", "backends"),
    }
    assert all(wanted <= set(line) for line in exported)
    assert set(exported[0]["metrics"]) == {"valid", "test", "chance_valid", "chance_test"}
    assert {name: list(counts) for name, counts in exported[0]["backends"].items()} == {"gru (native)": ["torch"]}

    page = command("report", "--out", "site")
    assert page.returncode == 0, page.stderr
    assert "psdigits" in (tmp_path / "site" / "index.html").read_text()


def test_a_recipe_that_was_shown_can_be_run(command, tmp_path):
    command(*PAIR)
    run = json.loads(command("list", "runs", "--json").stdout)[0]["run"]
    (tmp_path / "recipe.toml").write_text(command("show", run, "--toml").stdout)
    same = command("run", "--recipe", "recipe.toml")
    assert "done before" in same.stdout, "the same recipe and seed are the same run"


def test_a_dry_run_prints_recipe_parameters_and_a_measured_estimate_and_stores_nothing(command):
    plain = command(*PAIR, "--dry-run", "--seeds", "0-2")
    assert plain.returncode == 0, plain.stderr
    assert "hidden_size = 6" in plain.stdout
    assert "for 3 seeds" in plain.stdout
    told = json.loads(command(*PAIR, "--dry-run", "--json").stdout)
    assert told["parameters"] == 3 * (6 + 36 + 12) + 70
    assert told["step_seconds"] > 0
    assert told["seconds"] > 2 * told["steps_per_epoch"] * told["step_seconds"]
    assert told["recipe"]["layer"]["hidden_size"] == 6
    assert json.loads(command("list", "runs", "--json").stdout) == []


def test_a_published_dry_run_says_where_it_deviates(command):
    told = command(
        "run", "--arch", "cornn", "--task", "adding", "--recipe", "published", "--set", "length=20", "--dry-run"
    )
    assert told.returncode == 0, told.stderr
    assert "# deviation: " in told.stdout


def test_a_dry_run_tells_the_recipe_where_nothing_can_be_measured(command):
    told = command("run", "--arch", "cornn", "--task", "har2", "--recipe", "published", "--dry-run", "--offline")
    assert told.returncode == 2
    assert "gamma = 0.2 # default argument of the script" in told.stdout
    assert "# deviation: " in told.stdout
    assert told.stderr.startswith("error: ")
    assert "data import uci-har" in told.stderr


def test_a_diverged_run_ends_with_code_1_and_its_reason(command):
    failed = command("run", "--arch", "cornn", "--task", "psdigits", "--set", "lr=1e30", "--train-limit", "64")
    assert failed.returncode == 1
    assert "failed: diverged at step" in failed.stdout
    [run] = json.loads(command("list", "runs", "--json").stdout)
    assert run["state"] == "failed"
    assert run["reason"].startswith("diverged at step")
    report = command("report")
    assert report.returncode == 0, report.stderr


def test_doctor_says_what_works_and_what_is_missing(command, tmp_path):
    told = command("doctor", "--json", "--data-root", str(tmp_path))
    findings = {finding["name"]: finding for finding in json.loads(told.stdout)["findings"]}
    assert told.returncode == int(not json.loads(told.stdout)["healthy"])
    assert findings["torch"]["state"] == "ok"
    assert findings["unicornn"]["detail"].startswith("runs by ")
    assert findings["lstm"]["detail"] == "runs by torch; also has eager"
    assert findings["psdigits"]["state"] == "ok"
    assert findings["psmnist"]["state"] == "absent"
    assert "--data-root" in findings["psmnist"]["advice"]
    shown = command("doctor", "--data-root", str(tmp_path)).stdout
    assert f"\ndata sets\n  ok  folder: {tmp_path}\n" in shown
    assert "\n  --  psmnist: not there\n" in shown
    assert shown.count("harness data fetch") == 1, "once for all that is not there"


def test_doctor_tells_of_a_data_set_what_stands_in_its_way(command, tmp_path):
    (tmp_path / "UCI HAR Dataset").write_text("a file where the folder should be")
    shown = command("doctor", "--data-root", str(tmp_path)).stdout
    assert "\n  !!  har2: cannot be used\n" in shown
    assert str(tmp_path / "UCI HAR Dataset") in shown


def test_doctor_fails_where_something_needed_is_missing(command, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "store.sqlite").write_bytes(b"no database" * 100)
    told = command("doctor", "--home", str(tmp_path / "home"))
    assert told.returncode == 1
    assert "!!  store" in told.stdout


def test_in_python_the_runs_are_a_data_frame(command, monkeypatch):
    import harness

    command(*PAIR)
    frame = harness.runs()
    assert list(frame["arch"]) == ["gru"]
    assert frame["test"].notna().all()
    assert len(harness.curves()) == 2


def test_without_a_compiler_a_run_goes_on_and_says_why_once(command, tmp_path):
    small = ("run", "--arch", "sru", "--task", "sdigits", "--epochs", "1", "--train-limit", "20")
    done = command(*small, CXX="/nowhere/c++", HARNESS_KERNELS=str(tmp_path / "cache"))
    assert done.returncode == 0
    (warning,) = (line for line in done.stderr.splitlines() if line.startswith("warning: "))
    reason = "the compiler that CXX names is not there: /nowhere/c++"
    assert warning == f"warning: {reason}; recurrences run as plain PyTorch, which is slower"
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "cache").exists()
