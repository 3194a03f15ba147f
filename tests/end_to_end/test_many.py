"""Several commands at once on one store."""

import os
import subprocess
import sys
from collections import Counter

from harness.store import Store

SHORT = ("--epochs", "1", "--train-limit", "32", "--set", "hidden_size=4", "--threads", "1")


def test_four_processes_store_two_hundred_runs_in_one_file(tmp_path):
    home = tmp_path / "home"
    commands = [
        [*("run", "--arch", arch, "--task", "sdigits", "--seeds", "0-49"), *SHORT, "--home", str(home)]
        for arch in ("cornn", "unicornn", "lstm", "gru")
    ]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "harness", *command],
            cwd=tmp_path,
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in commands
    ]
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    runs = Store.open(f"sqlite:///{home / 'store.sqlite'}").runs(with_curves=True)
    assert len(runs) == 200
    assert Counter((run.arch, run.state) for run in runs) == {
        (arch, "done"): 50 for arch in ("cornn", "unicornn", "lstm", "gru")
    }
    assert all(len(run.curve) == 1 and run.metrics["test"] is not None for run in runs)
