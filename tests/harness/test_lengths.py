"""A layer that asks for the lengths of the sequences gets them wherever it is called."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.cli import run_command
from harness.errors import UserError
from harness.evaluation import evaluate
from harness.execution import Job
from harness.home import Home
from harness.machine import Machine
from harness.model import takes_lengths
from harness.recipes import named
from harness.registry import Registry
from harness.speed.cases import Case
from harness.speed.subject import Subject, turn
from harness.store import open_store

PLUGIN = '''"""Layers that read both ways, and a task whose sequences differ in length."""

import torch

from architectures import Architecture
from tasks import Data, Splits, Task

CALLS = []


class Both(torch.nn.Module):
    """Forward and backward, then as wide as asked for, or not."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, *, wide: bool = False):
        super().__init__()
        self.gru = torch.nn.GRU(input_size, hidden_size, num_layers, bidirectional=True)
        if not wide:
            self.output_size = 2 * hidden_size

    def forward(self, input, hx=None):
        return self.gru(input, hx)


class Lengths(Both):
    """The same without padding."""

    def forward(self, input, hx=None, *, lengths):
        CALLS.append((self.training, tuple(input.shape[:2]), lengths))
        if lengths is None:
            return self.gru(input, hx)
        packed = torch.nn.utils.rnn.pack_padded_sequence(input, lengths.cpu(), enforce_sorted=False)
        output, state = self.gru(packed, hx)
        return torch.nn.utils.rnn.pad_packed_sequence(output, total_length=len(input))[0], state


BOTH = Architecture(name="both", title="Both ways", layer=Both, defaults={"hidden_size": 3})
LENGTHS = Architecture(name="lengths", title="Both ways, packed", layer=Lengths, defaults={"hidden_size": 3})


class Ragged(Task):
    """Is the mean of the sequence positive?"""

    name, title, kind, metric = "ragged", "Ragged", "classification", "accuracy"
    protocol = source = licence = citation = "made for tests"
    input_size, output_size = 1, 2

    def __init__(self, equal: bool = False):
        self.length = 6 if equal else None

    def load(self, sources):
        random = torch.Generator().manual_seed(0)
        inputs, lengths = torch.randn(60, 6, 1, generator=random), torch.randint(1, 7, (60,), generator=random)
        targets = (inputs.mean(dim=(1, 2)) > 0).long()
        parts = (slice(0, 40), slice(40, 50), slice(50, 60))
        return Splits.of(*(Data(inputs[p], targets[p], None if self.length else lengths[p]) for p in parts))
'''


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "both.py"
    path.write_text(PLUGIN)
    return str(path)


@pytest.fixture
def pair(file: str, tmp_path: Path) -> list[str]:
    home = str(tmp_path / "home")
    return ["run", "--plugin", file, "--home", home, "--set", "batch_size=16", "--epochs", "1", "--device", "cpu"]


def job_of(file: str, tmp_path: Path, arch: str, task: str = "ragged", **changes: Any) -> Job:
    registry = Registry((file,))
    found = named(registry, arch, task, changes={"epochs": 1, "batch_size": 16, **changes})
    return Job(registry, found, Machine(Home(tmp_path / "home"), tmp_path, True, "cpu"))


def test_training_and_evaluation_give_a_layer_the_lengths_of_each_batch(file: str, tmp_path: Path) -> None:
    job = job_of(file, tmp_path, "lengths")
    calls = job.architecture.layer.forward.__globals__["CALLS"]
    calls.clear()
    trainer = job.trainer(0)
    assert takes_lengths(trainer.model.backbone)
    trainer.run()
    batches = [trainer.batches(0)[number] for number in range(trainer.steps)]
    trained = [lengths.tolist() for training, _, lengths in calls if training]
    assert trained == [job.splits.train.lengths[index].tolist() for index in batches]
    evaluated = [lengths.tolist() for training, _, lengths in calls if not training]
    assert evaluated == [job.splits.valid.lengths.tolist(), job.splits.test.lengths.tolist()]


def test_what_the_padding_holds_changes_no_score(file: str, tmp_path: Path) -> None:
    job = job_of(file, tmp_path, "lengths")
    model, data = job.model(0), job.splits.valid
    behind = torch.arange(6) >= data.lengths.unsqueeze(1)
    other = replace(data, inputs=torch.where(behind.unsqueeze(-1), 7.0, data.inputs))
    assert evaluate(model, job.task, data, 4) == evaluate(model, job.task, other, 4)
    ignorant = job_of(file, tmp_path, "both").model(0)
    assert evaluate(ignorant, job.task, data, 4) != evaluate(ignorant, job.task, other, 4), "this would tell"


def test_sequences_of_one_length_have_none_to_tell(file: str, tmp_path: Path) -> None:
    job = job_of(file, tmp_path, "lengths", "ragged[equal=true]")
    calls = job.architecture.layer.forward.__globals__["CALLS"]
    calls.clear()
    job.trainer(0).run()
    assert {lengths for _, _, lengths in calls} == {None}


def test_a_case_of_speed_has_one_length(file: str) -> None:
    subject = Subject(Case("lengths", 5, 2, 3), Registry((file,)))
    calls = subject.backbone.forward.__globals__["CALLS"]  # type: ignore[attr-defined]
    calls.clear()
    turn(subject)
    assert {(shape, lengths) for _, shape, lengths in calls} == {((5, 2), None)}


def test_a_case_of_speed_tells_a_width_that_is_not_the_expected_one(file: str) -> None:
    subject = Subject(Case("both", 5, 2, 3, changes=(("wide", True),)), Registry((file,)))
    with pytest.raises(UserError, match="output of width 6, but its hidden_size is 3: set self.output_size = 6"):
        subject.step()


@pytest.mark.parametrize("size", ["'wide'", "0", "2.5", "True", "None"])
def test_an_attribute_output_size_that_is_no_width(file: str, tmp_path: Path, size: str) -> None:
    path = tmp_path / "odd.py"
    path.write_text(PLUGIN.replace("self.output_size = 2 * hidden_size", f"self.output_size = {size}"))
    with pytest.raises(UserError, match="output_size"):
        job_of(str(path), tmp_path, "both").model(0)


@pytest.mark.parametrize("dry", [True, False])
def test_lengths_decide_what_run_takes(
    dry: bool, pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = ["--dry-run", "--json"] if dry else []
    for arch, task in (("lengths", "ragged"), ("lengths", "ragged[equal=true]"), ("both", "ragged[equal=true]")):
        assert run_command([*pair, "--arch", arch, "--task", task, *extra]) == 0, capsys.readouterr().err
        told = capsys.readouterr().out
        assert not dry or json.loads(told)["steps_per_epoch"] == 3
    before = [] if dry else list(open_store(tmp_path / "home").runs())
    assert run_command([*pair, "--arch", "both", "--task", "ragged", *extra]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: architecture both: its layer reads steps that come after the one it answers")
    assert told.count("\n") == 1
    assert dry or list(open_store(tmp_path / "home").runs()) == before
