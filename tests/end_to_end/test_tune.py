"""The verb tune as a person types it: to a recipe, tested runs and pages about the study; and what can go wrong."""

import json
import os
import resource
import subprocess
import sys

import pytest

PAIR = ("tune", "--arch", "gru", "--task", "sdigits", "--set", "hidden_size=4", "--train-limit", "64")
SMALL = (*PAIR, "--epochs", "2")


def shown(command, name="gru-sdigits", *options):
    told = command("study", "show", name, "--json", *options)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_a_study_from_the_command_to_a_tested_recipe(command, tmp_path):
    first = command(*SMALL, "--trials", "4", "--workers", "2", "--final-seeds", "2")
    assert first.returncode == 0, first.stderr
    assert "study gru-sdigits begins" in first.stderr
    assert "trial 0 is standard" in first.stderr
    told = "it trains for 2 epochs, as its trials did, and 'standard' for 30: --epochs 30 makes them even"
    assert told in first.stdout
    assert first.stdout.count(": done (valid") == 2
    study = shown(command)
    assert study["counts"] == {"complete": 4, "pruned": 0, "failed": 0, "running": 0, "waiting": 0, "replaced": 0}
    assert [trial["trial"] for trial in study["all"]] == [0, 1, 2, 3]
    assert study["best"]["value"] == max(trial["value"] for trial in study["all"])
    assert [point["trials"] for point in study["curve"]] == [1, 2, 3, 4]
    assert study["curve"][-1]["expected"] == pytest.approx(study["best"]["value"])

    runs = json.loads(command("list", "runs", "--json").stdout)
    assert len(runs) == 2, "trials are listed for their study alone"
    assert all(run["test"] is not None and run["recipe"] == "tuned" for run in runs)
    trials = json.loads(command("list", "runs", "--study", "gru-sdigits", "--json").stdout)
    assert {run["run"] for run in trials} == {trial["run"] for trial in study["all"]}
    assert all(run["test"] is None for run in trials)

    [tuned] = [row for row in json.loads(command("list", "recipes", "--json").stdout) if row["recipe"] == "tuned"]
    assert tuned["source"].startswith(f"study gru-sdigits, trial {study['best']['trial']} of 4, valid ")
    same = command("run", "--arch", "gru", "--task", "sdigits", "--recipe", "tuned", "--seeds", "0-1")
    assert same.stdout.count("done before") == 2
    file = command("study", "show", "gru-sdigits", "--toml").stdout
    assert file.startswith(f"# {tuned['source']}\n")
    (tmp_path / "mine.toml").write_text(file)
    same = command("run", "--recipe", str(tmp_path / "mine.toml"), "--seeds", "0-1")
    assert same.stdout.count("done before") == 2

    more = command(*SMALL, "--trials", "6", "--final-seeds", "0")
    assert more.returncode == 0, more.stderr
    assert "goes on with 4 trials, 4 of them over" in more.stderr
    assert shown(command)["counts"]["complete"] == 6

    [row] = json.loads(command("list", "studies", "--json").stdout)
    assert (row["study"], row["trials"], row["counts"]["complete"]) == ("gru-sdigits", 6, 6)
    assert "tuning curve" in command("study", "show", "gru-sdigits").stdout
    other = command(*PAIR, "--epochs", "3", "--trials", "6")
    assert other.returncode == 2
    assert "study gru-sdigits has another plan (training.epochs was 2, is now 3)" in other.stderr
    gone = command("study", "delete", "gru-sdigits", "--yes")
    assert gone.stdout == "deleted study gru-sdigits with 6 trials and 6 runs\n"
    assert json.loads(command("list", "studies", "--json").stdout) == []
    assert len(json.loads(command("list", "runs", "--json").stdout)) == 2


def test_the_space_is_shown_and_nothing_begins(command, tmp_path):
    told = command(*SMALL, "--space", "lr=1e-3..1e-2 log", "--show-space", "--json")
    assert told.returncode == 0, told.stderr
    content = json.loads(told.stdout)
    assert {row["key"] for row in content["space"]} >= {"lr", "clip_norm"}
    assert content["first"][0]["origin"].startswith("standard")
    assert "lr" in command(*SMALL, "--show-space").stdout
    assert json.loads(command("list", "studies", "--json").stdout) == []


def test_where_every_trial_fails_one_sentence_says_so(command):
    failing = ("tune", "--arch", "cornn", "--task", "psdigits", "--train-limit", "64", "--epochs", "4")
    told = command(*failing, "--space", "lr=1e30", "--trials", "3")
    assert told.returncode == 1
    sentence = told.stderr.splitlines()[-1]  # the lines before it are progress
    assert sentence.startswith("study cornn-psdigits: all 3 trials that ended failed, the last: diverged at step")
    study = shown(command, "cornn-psdigits")
    assert study["counts"]["failed"] == 3
    assert all(trial["reason"].startswith("diverged at step") for trial in study["all"])
    assert "tuned" not in command("list", "recipes").stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--sampler", "tp"), "--sampler tp is not known (did you mean 'tpe'?)"),
        (("--pruner", "hyper"), "--pruner hyper is not known (did you mean 'hyperband'?)"),
        (("--timeout", "soon"), "--timeout soon: write a time"),
        (("--space", "lr"), "--space lr: write KEY=RANGE"),
        (("--space", "learning_rate=0.1"), "there is no key 'learning_rate'"),
        (("--storage", "postgresql://me:hush%21@127.0.0.1:9/db"), "me:***@127.0.0.1:9/db cannot be used"),
        (("--storage", "nonsense://me:hush%21@h/db"), "studies cannot be kept in nonsense"),
        (("--match-params", "50k", "--match-step-time", "5ms"), "give one of them"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(command, options, told):
    result = command(*SMALL, "--trials", "2", *options)
    assert result.returncode == 2, result.stdout
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "hush" not in result.stderr + result.stdout


def test_matched_trials_have_the_same_number_of_parameters(command):
    pair = ("tune", "--arch", "unicornn", "--task", "sdigits", "--train-limit", "64", "--epochs", "1")
    done = command(*pair, "--trials", "4", "--match-params", "3k", "--space", "num_layers=[1, 2]", "--final-seeds", "1")
    assert done.returncode == 0, done.stderr
    study = shown(command, "unicornn-sdigits")
    assert all(abs(trial["parameters"] - 3000) <= 60 for trial in study["all"])
    [run] = json.loads(command("list", "runs", "--json").stdout)
    assert abs(json.loads(command("show", run["run"], "--json").stdout)["parameters"] - 3000) <= 60


def test_a_full_disk_is_one_sentence_and_the_study_goes_on_afterwards(command, tmp_path):
    journal = tmp_path / "small.journal"
    limit = 2**14  # bytes in any one file, too few for the journal of so many trials

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    full = subprocess.run(
        [sys.executable, "-m", "harness", *SMALL, "--trials", "200", "--storage", str(journal), "--final-seeds", "0"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        preexec_fn=small,
    )
    assert full.returncode == 2
    [sentence] = full.stderr.splitlines()
    assert "cannot be written (File too large): make room" in sentence
    done = command(*SMALL, "--trials", "3", "--storage", str(journal), "--final-seeds", "0")
    assert done.returncode == 0, done.stderr
    assert shown(command, "gru-sdigits", "--storage", str(journal))["counts"]["complete"] == 3


def test_in_python_the_trials_are_a_data_frame(command):
    import harness

    assert len(harness.trials()) == 0
    command(*SMALL, "--trials", "2", "--final-seeds", "0")
    frame = harness.trials()
    assert list(frame["trial"]) == [0, 1]
    assert set(frame["state"]) == {"complete"}
    assert frame["value"].notna().all()
    assert "lr" in frame["values"][0]


def test_to_delete_a_study_leaves_the_runs_of_another_with_its_name(command, tmp_path):
    small = ("--arch", "gru", "--task", "sdigits", "--train-limit", "64", "--epochs", "1", "--final-seeds", "0")
    for place in ("one", "two"):
        done = command("tune", *small, "--trials", "2", "--study", "s", "--storage", str(tmp_path / f"{place}.journal"))
        assert done.returncode == 0, done.stderr
    deleted = command("study", "delete", "s", "--yes", "--storage", str(tmp_path / "one.journal"))
    assert "with 2 trials and 2 runs" in deleted.stdout
    left = json.loads(command("study", "show", "s", "--json", "--storage", str(tmp_path / "two.journal")).stdout)["all"]
    assert len(left) == 2
    for trial in left:
        assert command("show", trial["run"]).returncode == 0


def test_the_table_stands_though_a_first_point_has_no_size(command):
    done = command(
        *("tune", "--arch", "indrnn", "--task", "sdigits", "--train-limit", "64", "--epochs", "1", "--trials", "1"),
        *("--match-params", "200", "--final-seeds", "1"),
    )
    assert done.returncode == 0, done.stderr
    assert "num_layers is searched in 5, 8, 11" in done.stderr
    assert "test, 95 % interval" in done.stdout
