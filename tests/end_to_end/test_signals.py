"""A signal before the training began ends a command as one in it does: with a sentence and the code of the signal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

TASK = '''"""Data that are still being loaded when the signal comes."""

import os
import signal

from tasks import Task


class Slow(Task):
    name, title, kind, metric = "slow", "Slow", "classification", "accuracy"
    protocol = source = licence = citation = "made for tests"
    input_size, output_size, length = 1, 2, 5

    def load(self, sources):
        os.kill(os.getpid(), signal.{signal})
        raise AssertionError("the signal was not heeded")
'''


@pytest.mark.parametrize(("signal", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_while_data_are_loaded(
    signal: str, code: int, command: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    plugin = tmp_path / "slow.py"
    plugin.write_text(TASK.format(signal=signal))
    done = command("run", "--plugin", str(plugin), "--arch", "lstm", "--task", "slow")
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == "interrupted; what was stored is kept, and the same command goes on from there\n"
