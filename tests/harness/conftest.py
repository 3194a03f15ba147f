"""A pair that trains in milliseconds, defined in a plugin file as a user would define one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.execution import Job
from harness.home import Home
from harness.machine import Machine
from harness.recipes import named
from harness.registry import Registry

from . import stores
from .postgresql import server

PLUGIN = '''"""A tiny pair for tests."""

import torch

from architectures import Architecture
from tasks import Data, Splits, Task


class Mean(torch.nn.Module):
    """One linear map of the running mean; a keyword makes it misbehave at a step of the training."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, *, scale: float = 1.0,
                 dropout: float = 0.0, trouble: str = "none", at: int = 5, batch_first: bool = False):
        super().__init__()
        if scale <= 0:
            raise ValueError(f"scale must be positive, got {scale}")
        self.linear = torch.nn.Linear(input_size, hidden_size)
        self.dropout = torch.nn.Dropout(dropout)
        self.scale, self.trouble, self.at, self.steps = scale, trouble, at, 0

    def forward(self, input, hx=None):
        if self.training:
            self.steps += 1
            if self.steps == self.at and self.trouble == "memory":
                raise MemoryError
            if self.steps == self.at and self.trouble == "bug":
                raise RuntimeError("mat1 and mat2 do not fit")
            if self.steps == self.at and self.trouble == "exit":
                raise SystemExit(3)
        means = input.cumsum(0) / torch.arange(1, len(input) + 1).view(-1, 1, 1)
        output = self.dropout(torch.tanh(self.scale * self.linear(means)))
        if self.training and self.trouble == "nan" and self.steps >= self.at:
            output = output * float("nan")
        if self.training and self.trouble == "explode" and self.steps >= self.at:
            output = output * 1e9
        return output if self.trouble == "contract" else (output, None)


MEAN = Architecture(name="mean", title="Mean", layer=Mean, defaults={"hidden_size": 4, "num_layers": 1})


class Sign(Task):
    """Is the mean of the sequence positive?"""

    name, title, kind, metric = "sign", "Sign", "classification", "accuracy"
    protocol = source = licence = citation = "made for tests"
    input_size, output_size = 1, 2

    def __init__(self, length: int = 5, bad: bool = False):
        if length < 1:
            raise ValueError(f"length must be at least 1, got {length}")
        self.length, self.bad = length, bad

    def load(self, sources):
        if self.bad:
            raise FileNotFoundError("sign lacks signs.csv: put it there")
        inputs = torch.randn(130, self.length, 1, generator=torch.Generator().manual_seed(0))
        targets = (inputs.mean(dim=(1, 2)) > 0).long()
        parts = (slice(0, 70), slice(70, 100), slice(100, 130))
        return Splits.of(*(Data(inputs[part], targets[part]) for part in parts))
'''


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of a PostgreSQL server of this test process; without one the test is skipped."""
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[stores.Places]:
    """``places("other")``: the URL of an empty place for a store; the test is done on both kinds of database."""
    if request.param == "sqlite":
        yield stores.files(tmp_path)
        return
    with stores.databases(request.getfixturevalue("server_url")) as place:
        yield place


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    """Path of the plugin file with the architecture ``mean`` and the task ``sign``."""
    file = tmp_path / "tiny.py"
    file.write_text(PLUGIN)
    return str(file)


@pytest.fixture
def registry(plugin: str) -> Registry:
    return Registry((plugin,))


@pytest.fixture
def job(registry: Registry, tmp_path: Path) -> Callable[..., Job]:
    """``job(epochs=3, dropout=0.5)``: the tiny pair with these keys changed, ready on this machine."""

    def make(task: str = "sign", checkpoint_every: float = 10.0, **changes: object) -> Job:
        settings = {"epochs": 3, "batch_size": 16, "lr": 0.05, **changes}
        machine = Machine(Home(tmp_path / "home"), tmp_path, True, "cpu", None, checkpoint_every)
        return Job(registry, named(registry, "mean", task, "standard", settings), machine)

    return make
