"""Whatever a plugin raises is its own mistake: told in one printable sentence with its place, and stored of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import run_command
from harness.errors import UserError, explained, with_place
from harness.registry import Registry
from harness.store import open_store

RAISED = {
    "BaseException": "class Own(BaseException): pass\ndef fail(): raise Own('of its own kind')\n",
    "SystemExit": "def fail(): raise SystemExit(3)\n",
    "GeneratorExit": "def fail(): raise GeneratorExit\n",
    "group": "def fail(): raise BaseExceptionGroup('two', [KeyError('first'), SystemExit(1)])\n",
    "mute": "class Mute(Exception):\n    def __str__(self): raise RuntimeError('no words')\ndef fail(): raise Mute\n",
    "escape": "def fail(): raise RuntimeError('\\x1b[2Jgone \\ud800\\n\\x07bell')\n",
}
LAYER = """
import torch
from architectures import Architecture

class Layer(torch.nn.LSTM):
    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, at: int = 1):
        super().__init__(input_size, hidden_size)
        self.at, self.steps = at, 0

    def forward(self, input, hx=None):
        self.steps += self.training
        if self.steps >= self.at:
            fail()
        return super().forward(input, hx)

X = Architecture(name="raises", title="Raises", layer=Layer, defaults={"hidden_size": 2, "num_layers": 1})
"""


def sentence(told: str) -> str:
    """The only line of standard error, without anything that steers a terminal."""
    assert told.startswith("error: ")
    assert told.endswith("\n")
    assert told[:-1].isprintable()
    assert "mistake of the program" not in told
    return told


@pytest.mark.parametrize("kind", RAISED)
def test_at_the_import(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "raises.py").write_text(f"{RAISED[kind]}\nfail()\n")
    assert run_command(["list", "tasks", "--plugin", str(tmp_path / "raises.py")]) == 2
    assert "raises.py" in sentence(capsys.readouterr().err)


@pytest.mark.parametrize("kind", RAISED)
def test_in_a_training_step(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "raises.py").write_text(RAISED[kind] + LAYER)
    pair = ["--plugin", str(tmp_path / "raises.py"), "--arch", "raises", "--task", "sdigits"]
    assert run_command(["run", *pair, "--epochs", "1", "--train-limit", "640", "--set", "at=4"]) == 1
    [run] = open_store().runs()
    assert run.state == "failed"
    assert "raises.py, line" in str(run.reason)
    out, told = capsys.readouterr()
    assert all(line.isprintable() for line in (out + told).splitlines())


@pytest.mark.parametrize("kind", RAISED)
def test_in_the_first_call(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "raises.py").write_text(RAISED[kind] + LAYER)
    pair = ["--plugin", str(tmp_path / "raises.py"), "--arch", "raises", "--task", "sdigits"]
    assert run_command(["run", *pair, "--epochs", "1", "--set", "at=0"]) == 2
    assert "raises.py, line" in sentence(capsys.readouterr().err)


def test_a_signal_is_no_mistake_of_a_plugin(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), explained("here"):
        raise KeyboardInterrupt
    (tmp_path / "stops.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        _ = Registry((str(tmp_path / "stops.py"),)).tasks


def test_the_first_error_of_a_group_is_told() -> None:
    with pytest.raises(UserError, match=r"two \(2 sub-exceptions\): KeyError: 'first'"), explained("here"):
        raise ExceptionGroup("two", [KeyError("first"), ValueError("second")])
    assert (
        with_place(ExceptionGroup("one", [ValueError("x")])) == "ExceptionGroup: one (1 sub-exception): ValueError: x"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("\x1b[31mred",),
        ("show", "\x1b]0;title\x07"),
        ("run", "--arch", "\x1b[2J", "--task", "sdigits"),
        ("run", "--arch", "lstm", "--task", "sdigits", "--set", "\x1b[2J"),
        ("run", "--arch", "lstm", "--task", "sdigits", "--device", "\udcff\x9b31m"),
        ("report", "--format", "\x1b[2J"),
        ("suite", "plan", "\r\x1b[2J"),
        ("import", "\x1b[2J\nno file"),
        ("run", "--arch", "x" * 100_000, "--task", "sdigits"),
    ],
    ids=ascii,
)
def test_what_a_person_gave_is_told_in_printable_letters(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(arguments) == 2
    told = capsys.readouterr().err
    assert told[:-1].isprintable()
    assert len(told) < 3000
