"""A run that is killed at any moment and started again by the same command ends with the same numbers."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

KILLS = 20
RUN = [
    *("run", "--arch", "unicornn", "--task", "psdigits", "--train-limit", "320", "--threads", "1", "--seed", "7"),
    *("--set", "hidden_size=8", "--set", "epochs=25", "--set", "batch_size=32", "--checkpoint-every", "0"),
]


def start(home: Path) -> subprocess.Popen[str]:
    """The command as a person types it, with a home of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *RUN, "--home", str(home)],
        cwd=home,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill(process: subprocess.Popen[str], after: float) -> str:
    """Kill a process `after` seconds of training, unless it has ended by then; what it had said."""
    first = process.stdout.readline()  # "... begins" or "... goes on after ...": the training starts now
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
    return first + process.communicate()[0]


def numbers(home: Path, command) -> dict:
    """The one stored run without what a clock or a random id wrote."""
    exported = command("export", "--home", str(home)).stdout.splitlines()
    assert len(exported) == 1, "no run lost, no duplicate"
    run = json.loads(exported[0])
    curve = [{key: value for key, value in point.items() if key != "seconds"} for point in run["curve"]]
    return {key: run[key] for key in ("state", "metrics", "seed", "recipe_hash", "data_checksum")} | {"curve": curve}


def test_twenty_kills_at_random_moments_leave_no_trace_in_the_numbers(tmp_path, command):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    process = start(whole)
    process.stdout.readline()
    began = time.monotonic()
    done = process.stdout.readline()
    took = time.monotonic() - began  # so that kills come as early in a run on a slow machine as on a fast one
    process.communicate()
    assert process.returncode == 0, done
    expected = numbers(whole, command)
    assert expected["state"] == "done"

    moments = random.Random(0)
    kills = resumed = 0
    while kills < KILLS:
        said = kill(start(killed), moments.uniform(0.0, took / 5))
        assert "begins" in said or "goes on after" in said or "done before" in said, said
        resumed += "goes on after" in said
        if "done" not in said:
            kills += 1
        else:  # it came to its end between two kills: that counts, and the next kill hits a new run
            assert numbers(killed, command) == expected
            run = json.loads(command("list", "runs", "--json", "--home", str(killed)).stdout)[0]["run"]
            assert command("delete", run, "--yes", "--home", str(killed)).returncode == 0
    final = start(killed)
    output, _ = final.communicate()
    assert final.returncode == 0, output
    assert numbers(killed, command) == expected
    assert resumed > KILLS / 3, "the kills came too early to interrupt anything"
