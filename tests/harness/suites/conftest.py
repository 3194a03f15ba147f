"""Suites of the tiny pair ``mean`` on ``sign``, of another architecture, and of a task without data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.home import Home
from harness.machine import Machine
from harness.suites.cells import Grid
from harness.suites.file import load
from harness.suites.grid import work_out

OTHER = '''"""Another architecture, and a task without data."""

import torch

from architectures import Architecture
from tasks import Task


class Net(Task):
    """A task whose data would be downloaded."""

    name, title, kind, metric = "net", "Net", "classification", "accuracy"
    protocol = source = licence = citation = "made for tests"
    input_size, output_size, length = 1, 2, 5

    def load(self, sources):
        raise OSError("it must be fetched first" if sources.offline else "the network was asked")


class Other(torch.nn.Module):
    """One linear map of the last step, in sizes that are even."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, *, batch_first: bool = False):
        super().__init__()
        if hidden_size % 2:
            raise ValueError(f"hidden_size must be even, got {hidden_size}")
        self.linear = torch.nn.Linear(input_size, hidden_size)

    def forward(self, input, hx=None):
        return torch.tanh(self.linear(input)), None


OTHER = Architecture(name="other", title="Other", layer=Other, defaults={"hidden_size": 4, "num_layers": 1})
'''
SMALL = {"epochs": 2, "batch_size": 16, "lr": 0.05}

Write = Callable[..., Path]
WorkOut = Callable[..., Grid]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def machine(home: Home, tmp_path: Path) -> Machine:
    return Machine(home, tmp_path, True, "cpu")


@pytest.fixture
def suite_file(plugin: str, tmp_path: Path) -> Write:
    """``suite_file('seeds = "0-1"')``: a suite with both plugins, of ``mean`` on ``sign`` by default."""
    (tmp_path / "other.py").write_text(OTHER)

    def make(text: str = "", architectures: str = '["mean"]', tasks: str = '["sign"]', name: str = "mine") -> Path:
        file = tmp_path / f"{name}.toml"
        top = f'plugins = ["tiny.py", "other.py"]\narchitectures = {architectures}\ntasks = {tasks}\n'
        settings = "".join(f"set.{key} = {value}\n" for key, value in SMALL.items())
        file.write_text(top + ("" if "set" in text else settings) + text)
        return file

    return make


@pytest.fixture
def worked_out(suite_file: Write, home: Home) -> WorkOut:
    """``worked_out(text, architectures=..., machine=...)``: the grid of such a file."""

    def make(text: str = "", machine: Machine | None = None, tell: Callable[[str], None] = print, **kw: str) -> Grid:
        suite = load(str(suite_file(text, **kw)))
        return work_out(suite, home, suite.registry(), tell, machine)

    return make
