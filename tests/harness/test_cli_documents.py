"""With ``--json`` standard output is one JSON document, whatever a plugin or a program prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import run_command
from tests.harness.conftest import PLUGIN

PAIR = ("--arch", "mean", "--task", "sign")
NOISE = """
print("noise of the import")
_build, _forward = Mean.__init__, Mean.forward


def _noisy(self, *given, **named):
    print("noise of the constructor")
    _build(self, *given, **named)


def _loud(self, *given):
    print("noise of forward", end="")
    return _forward(self, *given)


_noisy.__signature__ = __import__("inspect").signature(_build)
_noisy.__annotations__ = _build.__annotations__
Mean.__init__, Mean.forward = _noisy, _loud
"""


@pytest.fixture
def noisy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The pair of the tests, which prints wherever it can."""
    monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "home"))
    file = tmp_path / "noisy.py"
    file.write_text(PLUGIN + NOISE)
    (tmp_path / "home").mkdir()
    (tmp_path / "suite.toml").write_text(
        f"architectures = ['mean']\ntasks = ['sign']\nseeds = [0]\nplugins = ['{file}']\n"
    )
    return str(file)


@pytest.mark.parametrize(
    "verb",
    [
        ("list", "architectures"),
        ("list", "tasks", "sign"),
        ("list", "recipes", "--arch", "mean"),
        ("run", *PAIR, "--dry-run"),
        ("tune", *PAIR, "--show-space"),
        ("suite", "plan", "{folder}/suite.toml"),
        ("suite", "status", "{folder}/suite.toml"),
        ("speed", "--arch", "mean", "--length", "4", "--hidden", "2", "--batch", "1", "--repeats", "1"),
        ("data", "list"),
    ],
    ids=lambda verb: " ".join(verb[:2]),
)
def test_standard_output_is_one_document(
    verb: tuple[str, ...], noisy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [word.replace("{folder}", str(tmp_path)) for word in verb]
    assert run_command([*given, "--json", "--plugin", noisy]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)
    assert "noise" not in told.out
    assert "noise of the import" in told.err
    if verb[0] in ("run", "speed"):
        assert "noise of the constructor" in told.err
        assert "noise of forward" in told.err


def test_standard_output_is_as_before_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    assert run_command(["list", "tasks", "--json", "--no-such-option"]) == 2
    assert run_command(["list", "tasks", "--json"]) == 0
    assert sys.stdout is before
    assert json.loads(capsys.readouterr().out)


def test_what_other_programs_print_is_no_part_of_a_document() -> None:
    code = (
        "import os; from harness.cli.streams import *\n"
        "with kept_for_document():\n"
        "    os.system('echo a program'); os.write(1, b'a library\\n'); print_document('{}'); os.system('echo late')\n"
        "print('after')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert done.stdout == "{}\nafter\n"
    assert done.stderr == "a program\na library\nlate\n"


def test_a_training_prints_its_result_alone(noisy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", *PAIR, "--epochs", "1", "--plugin", noisy]
    assert run_command(arguments) == 0
    told = capsys.readouterr()
    assert " begins" in told.err
    assert " begins" not in told.out
    assert "mean on sign, seed 0: done (" in told.out
    assert "stored in " in told.out
