"""BIDMC from the time series archive, on a miniature in the format of its files; and what both sources share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.evaluation import evaluate
from tasks import Sources
from tasks.bidmc import archive
from tasks.bidmc.task import HeartRate, OxygenSaturation, RespiratoryRate, parts

HEADER = """\
# Thirty-two seconds of photoplethysmogram and electrocardiogram, and a number that belongs to them.
@problemName BIDMC32RR
@timeStamps false
@missing false
@univariate false
@dimensions 2
@equalLength true
@seriesLength 4000
@targetlabel true
@data
"""
WINDOWS = {"TRAIN": 14, "TEST": 6}


def line(window: np.ndarray, target: float) -> str:
    """A window (2, 4000) as the archive writes it: values by comma, channels and target by colon."""
    return ":".join([*(",".join(f"{value:.5g}" for value in channel) for channel in window), f"{target}"])


class MiniatureRate(RespiratoryRate):
    """Twenty windows."""

    datasets = (replace(archive.RESPIRATORY_RATE, downloads=()), RespiratoryRate.datasets[1])
    windows = 20
    windows_sha256 = hashlib.sha256(np.random.RandomState(0).permutation(20).astype("<i8").tobytes()).hexdigest()


@dataclass
class Archive:
    """The two files below `root` and what they hold, pooled."""

    root: Path
    inputs: np.ndarray
    targets: np.ndarray

    @property
    def sources(self) -> Sources:
        return Sources(self.root, offline=True)

    def file(self, part: str) -> Path:
        return self.root / "BIDMC32RR" / f"BIDMC32RR_{part}.ts"

    def load(self, **variant: Any) -> tuple[MiniatureRate, Any]:
        task = MiniatureRate(**variant)
        return task, task.load(self.sources)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    random = np.random.default_rng(0)
    inputs = np.float32(np.round(random.normal((0.6, 0.3), (0.2, 0.5), (20, 4000, 2)), 3))
    targets = np.round(random.uniform(8, 27, 20), 4)
    made = Archive(tmp_path / "data", inputs, np.float32(targets))
    made.file("TRAIN").parent.mkdir(parents=True)
    first = 0
    for part, count in WINDOWS.items():
        rows = [line(inputs[row].T, targets[row]) for row in range(first, first + count)]
        made.file(part).write_text(HEADER + "\n".join(rows) + "\n")
        first += count
    return made


@pytest.mark.parametrize("task", [RespiratoryRate, HeartRate, OxygenSaturation])
def test_the_published_sizes_and_variants(task: Any) -> None:
    plain = task()
    assert (plain.length, plain.input_size, plain.output_size, plain.loss) == (4000, 2, 1, "mse")
    assert (plain.metric, plain.higher_is_better) == ("rmse", False)
    assert [len(part) for part in parts(np.arange(task.windows))] == [5565, 1192, 1192]
    assert [dataset.name for dataset in plain.needs()] == [f"bidmc32{task.name.removeprefix('bidmc-')}"]
    assert [dataset.name for dataset in task(source="recordings").needs()] == ["bidmc"]
    assert (plain.pinned, task(source="recordings").pinned) == (False, True)
    for keyword, choices in {"source": "archive, recordings", "targets": "raw, standardised"}.items():
        with pytest.raises(ValueError, match=f"{keyword} must be one of {choices}, got 'other'"):
            task(**{keyword: "other"})


def test_the_page_says_which_split_leaks() -> None:
    assert "It leaks" in HeartRate.protocol
    assert HeartRate().protocol == HeartRate(source="archive").protocol == HeartRate.protocol
    recordings = HeartRate(source="recordings")
    assert "split by patient" in recordings.protocol
    assert "leaks" not in recordings.protocol
    assert "PhysioNet" in recordings.source
    assert recordings.source != HeartRate.source


def test_the_pooled_windows_are_dealt_in_a_frozen_order(archive: Archive) -> None:
    task, splits = archive.load()
    order = np.random.RandomState(0).permutation(20)
    dealt = splits.train, splits.valid, splits.test
    assert [len(part) for part in dealt] == [14, 3, 3]
    assert np.array_equal(torch.cat([part.inputs for part in dealt]).numpy(), archive.inputs[order])
    assert np.array_equal(torch.cat([part.targets for part in dealt]).numpy(), archive.targets[order, None])
    assert splits.test.inputs.dtype == splits.test.targets.dtype == torch.float32
    batch = task.batch(splits.train, torch.tensor([4, 0]))
    assert batch.inputs.shape == (4000, 2, 2)
    assert np.array_equal(batch.inputs[:, 0].numpy(), archive.inputs[order[4]])
    assert torch.equal(task.restore(batch.targets), batch.targets)


def test_standardised_targets_are_fitted_on_the_training_part_alone(archive: Archive) -> None:
    _, raw = archive.load()
    task, scaled = archive.load(targets="standardised")
    numbers = raw.train.targets.double()
    mean, deviation = numbers.mean(), numbers.std(correction=0)
    for before, after in ((raw.train, scaled.train), (raw.valid, scaled.valid), (raw.test, scaled.test)):
        assert torch.equal(before.inputs, after.inputs)
        torch.testing.assert_close(
            after.targets.double(), (before.targets.double() - mean) / deviation, rtol=1e-5, atol=1e-6
        )
        torch.testing.assert_close(task.restore(after.targets), before.targets, rtol=1e-6, atol=1e-5)


class Off(nn.Module):
    """Predicts targets on the scale of the training, but off by `errors` (n, 1) on that scale."""

    def __init__(self, targets: Tensor, errors: Tensor) -> None:
        super().__init__()
        self.predictions, self.done = targets + errors, 0

    def forward(self, inputs: Tensor, lengths: Tensor | None) -> Tensor:
        self.done += inputs.shape[1]
        return self.predictions[self.done - inputs.shape[1] : self.done]


@pytest.mark.parametrize("targets", ["raw", "standardised"])
def test_the_metric_is_exact_and_in_breaths_a_minute_whatever_the_scale(archive: Archive, targets: str) -> None:
    task, splits = archive.load(targets=targets)
    deviation = 1.0 if task.scale is None else task.scale.deviation
    breaths = torch.tensor([[1.0], [-2.0], [3.0]])
    model = Off(splits.test.targets, breaths / deviation)
    # Batches of two: the mean over batches would be 2.29 or, of squares, 2.40; on the scale of the training, below 1.
    score = evaluate(model, task, splits.test, batch_size=2)
    assert score.metric == pytest.approx((14 / 3) ** 0.5, rel=1e-5)


def test_restoring_before_loading_is_a_mistake_that_shows() -> None:
    with pytest.raises(RuntimeError, match=re.escape("only after load()")):
        HeartRate(targets="standardised").restore(torch.zeros(1, 1))


def test_normalised_inputs_are_fitted_on_the_training_part_alone(archive: Archive) -> None:
    _, raw = archive.load()
    _, scaled = archive.load(normalise=True)
    values = raw.train.inputs.double().flatten(0, 1)
    mean, deviation = values.mean(dim=0), values.std(dim=0, correction=0)
    for before, after in ((raw.train, scaled.train), (raw.valid, scaled.valid), (raw.test, scaled.test)):
        torch.testing.assert_close(after.inputs.double(), (before.inputs - mean) / deviation, rtol=1e-5, atol=1e-5)
        assert torch.equal(before.targets, after.targets)


def classes(text: str) -> str:
    """The file as one of a classification."""
    return text.replace("@targetlabel true", "@classLabel true a b")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda text: text[:-9000], "cannot be read as time series"),
        (lambda text: re.sub(r"@data\n\S+?,", "@data\n1x2,", text), r"could not convert string to float: '1x2'"),
        (lambda text: re.sub(r"@data\n\S+?,", "@data\nNaN,", text), "missing or no numbers"),
        (lambda text: re.sub(r":[^:]*:", ":", text), "does not hold series of 4000 steps in 2 channels"),
        (lambda text: re.sub(r":[\d.]+\n", ":a\n", classes(text)), "targets that are no numbers"),
        (lambda text: re.sub(r":[\d.]+\n", ":NaN\n", text), "targets that are missing or infinite"),
        (lambda text: "", "does not hold series of 4000 steps in 2 channels"),
    ],
    ids=["cut off", "letters", "not a number", "one channel", "classes", "no target", "empty"],
)
def test_a_file_of_something_else_is_one_sentence(archive: Archive, damage: Callable[[str], str], told: str) -> None:
    file = archive.file("TEST")
    file.write_text(damage(file.read_text()))
    with pytest.raises((OSError, ValueError), match=told) as caught:
        archive.load()
    assert str(caught.value).startswith(f"{file} ")
    assert "\n" not in str(caught.value)


def test_another_number_of_windows_is_refused(archive: Archive) -> None:
    file = archive.file("TEST")
    file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(ValueError, match=r"BIDMC32RR holds 19 windows instead of 20 in its two files: put a good copy"):
        archive.load()


def test_a_missing_file_is_named(archive: Archive) -> None:
    archive.file("TEST").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks BIDMC32RR_TEST\.ts"):
        archive.load()
    assert "BIDMC32RR_TEST.ts" in (MiniatureRate().missing(archive.sources) or "")
