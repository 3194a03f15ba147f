"""A suite by the command line: killed, interrupted, begun twice, mistyped, and in the end as if nothing happened."""

import json
import os
import random
import signal
import subprocess
import sys

import psutil
import pytest

from harness.store import open_store

from ..harness.conftest import PLUGIN
from ..processes import PATIENCE, until

EPOCHS = 150
SEEDS = 3
KILLS = 3
SUITE = f"""
title = "Two small layers on a small task"
architectures = ["mean", "lstm"]
tasks = ["sign"]
seeds = "0-{SEEDS - 1}"
plugins = ["tiny.py"]
threads = 1
[set]
epochs = {EPOCHS}
batch_size = 4
hidden_size = 4
"""
ENGINES = {"local": [], "processes": ["--engine", "processes", "--workers", "2"]}


@pytest.fixture
def suite(tmp_path):
    """The file of a suite, with its plugin."""
    (tmp_path / "tiny.py").write_text(PLUGIN)
    (tmp_path / "small.toml").write_text(SUITE)
    return tmp_path / "small.toml"


@pytest.fixture
def endless(suite):
    """The same, but for runs that only a signal ends."""
    suite.write_text(SUITE.replace(f"epochs = {EPOCHS}", "epochs = 1000000"))
    return suite


def start(suite, home, *options):
    """``suite run`` as a person types it, in a session of its own so that nothing else hears its signals."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "suite", "run", str(suite), "--checkpoint-every", "0.1", *options],
        cwd=suite.parent,
        env={**os.environ, "HARNESS_HOME": str(home), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(suite, home, *options):
    """The suite to its end: what it printed."""
    out, complaints = start(suite, home, *options).communicate(timeout=PATIENCE)
    assert "6 of 6 runs over" in complaints, out + complaints
    return out


def epochs_done(home):
    """Epochs that the store knows of, over all runs."""
    if not (home / "store.sqlite").is_file():
        return 0
    runs = open_store(home).runs(with_curves=True)
    return sum(run.epochs_done if run.state == "done" else len(run.curve) for run in runs)


def numbers(home, command):
    """All that is stored but for what a clock or a random id wrote."""
    runs = [json.loads(line) for line in command("export", "--home", str(home)).stdout.splitlines()]
    kept = {}
    for run in runs:
        if "recipe_hash" not in run:
            continue
        curve = [{key: value for key, value in point.items() if key != "seconds"} for point in run["curve"]]
        key = (run["arch"], run["seed"])
        assert key not in kept, "no run twice"
        kept[key] = {name: run[name] for name in ("state", "metrics", "recipe_hash", "epochs_done")} | {"curve": curve}
    return kept


def table(out):
    """The lines of the table at the end of a campaign."""
    lines = out.splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith("task "))
    return lines[begin : lines.index("", begin)]


def test_killed_at_random_moments_it_ends_with_the_same_table(suite, tmp_path, command):
    whole = tmp_path / "whole"
    expected_table = table(finish(suite, whole))
    expected = numbers(whole, command)
    assert len(expected) == 2 * SEEDS
    assert len(expected_table) == 3

    for engine, options in ENGINES.items():
        home = tmp_path / engine
        moments = random.Random(engine)
        total, cut = 2 * SEEDS * EPOCHS, 0
        for moment in sorted(moments.uniform(0.05, 0.85) * total for _ in range(KILLS)):
            process = start(suite, home, *options)
            until(lambda moment=moment, home=home: epochs_done(home) >= moment, process)
            process.kill()
            process.communicate()
            cut += sum(run.state == "done" for run in open_store(home).runs()) < 2 * SEEDS
        assert cut, "every kill came too late"
        out = finish(suite, home, *options)  # at once: workers of the driver that was killed may still be ending
        assert table(out) == expected_table
        assert numbers(home, command) == expected


def test_ctrl_c_stops_all_and_the_same_command_goes_on(suite, tmp_path, command):
    home, options = tmp_path / "home", ENGINES["processes"]
    process = start(suite, home, *options)
    until(lambda: epochs_done(home) > 10, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    process.send_signal(signal.SIGINT)
    out, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, out + complaints
    assert "stopped by SIGINT; to go on: python -m harness suite run" in out
    assert "warning" not in complaints
    assert "error" not in complaints
    assert not any(worker.is_running() for worker in workers)
    runs = open_store(home).runs()
    assert {run.state for run in runs} <= {"done", "interrupted"}
    assert any(run.state == "interrupted" for run in runs)
    before = {run.id for run in runs}
    finish(suite, home, *options)
    assert before <= {run.id for run in open_store(home).runs()}
    assert len(numbers(home, command)) == 2 * SEEDS


def test_ctrl_c_here_stops_the_run_and_the_campaign(endless, tmp_path):
    home = tmp_path / "home"
    process = start(endless, home)
    until(lambda: epochs_done(home) > 10, process)
    process.send_signal(signal.SIGTERM)
    out, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143, out + complaints
    assert "stopped by SIGTERM; to go on" in out
    runs = open_store(home).runs()
    assert [run.state for run in runs].count("interrupted") == 1
    assert len(runs) < 2 * SEEDS, "no other was begun"


def test_two_drivers_on_one_suite(endless, tmp_path, command):
    home = tmp_path / "home"
    process = start(endless, home)
    until(lambda: epochs_done(home) > 0, process)
    second = command("suite", "run", str(endless), "--home", str(home), "--engine", "processes")
    process.kill()
    process.communicate()
    assert second.returncode == 2, second.stdout
    [sentence] = second.stderr.strip().splitlines()
    assert f"suite small is being trained by another process now: it is process {process.pid} on" in sentence


def test_a_driver_can_be_looked_at_from_another_terminal(endless, tmp_path, command):
    home = tmp_path / "home"
    process = start(endless, home)
    until(lambda: epochs_done(home) > 0, process)
    status = command("suite", "status", str(endless), "--home", str(home), "--json")
    process.kill()
    process.communicate()
    content = json.loads(status.stdout)
    assert content["at_work"] is True
    assert content["runs"]["running"] == 1
    after = json.loads(command("suite", "status", str(endless), "--home", str(home), "--json").stdout)
    assert after["at_work"] is False
    assert after["runs"]["running"] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("small.toml", "--engine", "proceses"), ("did you mean 'processes'?",)),
        (("small.toml", "--only", "mean/sing"), ("--only mean/sing", "did you mean 'mean/sign'?")),
        (("qick",), ("did you mean 'quick'?",)),
        (("typo.toml",), ("typo.toml", "architecturs", "did you mean 'architectures'?")),
        (("small.toml", "--workers", "0"), ("--workers",)),
    ],
)
def test_a_mistake_is_told_in_one_sentence(suite, command, arguments, told):
    (suite.parent / "typo.toml").write_text(SUITE.replace("architectures", "architecturs"))
    result = command("suite", "run", *arguments)
    assert result.returncode == 2, result.stdout + result.stderr
    [sentence] = result.stderr.strip().splitlines()
    for words in told:
        assert words in sentence


def test_a_part_of_a_suite_then_the_rest(suite, command, tmp_path):
    small = tmp_path / "short.toml"
    small.write_text(SUITE.replace(f"epochs = {EPOCHS}", "epochs = 2"))
    first = command("suite", "run", "short.toml", "--only", "mean/*")
    assert first.returncode == 0, first.stderr
    assert "3 of 3 runs over" in first.stderr
    second = command("suite", "run", "short.toml")
    assert second.returncode == 0, second.stderr
    assert "6 of 6 runs over" in second.stderr
    assert second.stderr.count(": done (") == SEEDS
    third = command("suite", "run", "short.toml")
    assert third.returncode == 0
    assert ": done" not in third.stderr
    assert table(third.stdout) == table(second.stdout)


def test_what_failed_is_trained_anew_when_that_is_asked_for(suite, command, tmp_path):
    plugin = tmp_path / "tiny.py"
    file = tmp_path / "short.toml"
    file.write_text(
        SUITE.replace(f"epochs = {EPOCHS}", "epochs = 2").replace('["mean", "lstm"]', '["mean"]') + 'trouble = "bug"\n'
    )
    first = command("suite", "run", "short.toml")
    assert first.returncode == 1, first.stderr
    assert "mat1 and mat2 do not fit" in first.stdout
    assert "--redo-failed" in first.stdout.splitlines()[-1]
    again = command("suite", "run", "short.toml")
    assert again.returncode == 1
    assert "0 under way" not in again.stderr
    redone = command("suite", "run", "short.toml", "--redo-failed")
    assert redone.returncode == 1
    assert redone.stderr.count(": failed: ") == SEEDS
    assert plugin.is_file()
