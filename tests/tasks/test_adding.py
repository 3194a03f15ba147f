from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tasks import Batch, Data, Sources
from tasks.adding import Adding

SOURCES = Sources(Path("not-needed"), offline=True)
LENGTHS = [2, 3, 7, 100]
CHECKSUMS = {
    7: "3b1f1cd078232f8727ba410d3b2fee403ea33edf9aafea734a923068f03f9d43",
    100: "9782c7396b9b649a781f51db0cc620086ec4d4f1d5b1fe3a210a51a8ba91cba3",
}


def fresh(task: Adding, n: int, seed: int = 0) -> Batch:
    train = task.load(SOURCES).train
    return task.batch(train, torch.arange(n), torch.Generator().manual_seed(seed))


def every_batch(task: Adding) -> list[Batch]:
    splits = task.load(SOURCES)
    return [fresh(task, 1000), *(task.batch(part, torch.arange(1000)) for part in (splits.valid, splits.test))]


def marked_steps(inputs: Tensor) -> Tensor:
    """(N, 2) the marked steps of each sequence, in order; fails unless there are two, marked by exactly 1."""
    markers = inputs[:, :, 1].t()
    assert set(markers.unique().tolist()) <= {0.0, 1.0}
    sequences, steps = markers.nonzero(as_tuple=True)
    assert torch.equal(sequences, torch.arange(len(markers)).repeat_interleave(2))
    return steps.view(-1, 2)


@pytest.mark.parametrize("length", LENGTHS)
def test_shapes_and_types(length: int) -> None:
    task = Adding(length)
    splits = task.load(SOURCES)
    assert (task.length, task.input_size, task.output_size, task.loss) == (length, 2, 1, "mse")
    assert (len(splits.train), len(splits.valid), len(splits.test)) == (5000, 1000, 1000)
    assert (splits.train.fresh, splits.valid.fresh, splits.test.fresh) == (True, False, False)
    for batch in every_batch(task):
        assert batch.inputs.shape == (length, 1000, 2)
        assert batch.targets.shape == (1000, 1)
        assert batch.inputs.dtype == batch.targets.dtype == torch.float32
        assert batch.inputs.is_contiguous()


@pytest.mark.parametrize("length", LENGTHS)
def test_one_marker_lies_anywhere_in_each_half(length: int) -> None:
    half = length // 2
    for batch in every_batch(Adding(length)):
        first, second = marked_steps(batch.inputs).unbind(1)
        assert set(first.tolist()) == set(range(half))
        assert set(second.tolist()) == set(range(half, length))


@pytest.mark.parametrize("length", LENGTHS)
def test_the_target_is_the_sum_of_the_marked_numbers(length: int) -> None:
    for batch in every_batch(Adding(length)):
        values, markers = batch.inputs.unbind(-1)
        assert torch.equal(batch.targets[:, 0], (values * markers).sum(0))


def test_numbers_are_multiples_of_two_to_the_minus_24_below_one() -> None:
    for batch in every_batch(Adding(100)):
        values = batch.inputs[:, :, 0]
        assert values.min() >= 0
        assert values.max() < 1
        assert torch.equal(values * 2**24, (values * 2**24).round())


@pytest.mark.parametrize("length", [2, 100])
def test_the_constant_answer_one_has_an_error_of_one_sixth(length: int) -> None:
    deviation = math.sqrt(1 / 15 - 1 / 36)  # of the squared error: the sum has a triangular density on [0, 2]
    for batch in [*every_batch(Adding(length)), fresh(Adding(length), 20_000)]:
        error = (batch.targets - 1).square().mean().item()
        assert error == pytest.approx(1 / 6, abs=4 * deviation / math.sqrt(len(batch.targets)))


def test_the_same_generator_draws_the_same_batch_and_another_does_not() -> None:
    one, same, other = (fresh(Adding(), 50, seed) for seed in (3, 3, 4))
    assert torch.equal(one.inputs, same.inputs)
    assert torch.equal(one.targets, same.targets)
    assert not torch.equal(one.inputs, other.inputs)
    assert not torch.equal(marked_steps(one.inputs), marked_steps(other.inputs))


def test_of_fresh_data_just_the_number_of_indices_counts() -> None:
    task = Adding()
    train = task.load(SOURCES).train.head(120)
    assert len(train) == 120
    low, high = torch.arange(20), torch.arange(100, 120)
    drawn = [task.batch(train, index, torch.Generator().manual_seed(1)).inputs for index in (low, high)]
    assert torch.equal(*drawn)


def test_consecutive_draws_of_one_generator_differ() -> None:
    task, generator = Adding(), torch.Generator().manual_seed(1)
    train, index = task.load(SOURCES).train, torch.arange(50)
    one, two = (task.batch(train, index, generator).inputs for _ in range(2))
    assert not torch.equal(one, two)


def test_fresh_data_need_a_generator_and_frozen_data_ignore_it() -> None:
    task = Adding()
    splits, index = task.load(SOURCES), torch.tensor([5, 1])
    with pytest.raises(ValueError, match="need a generator"):
        task.batch(splits.train, index)
    generator = torch.Generator().manual_seed(1)
    before = generator.get_state()
    assert torch.equal(task.batch(splits.test, index, generator).inputs, task.batch(splits.test, index).inputs)
    assert torch.equal(generator.get_state(), before)


def test_nothing_is_drawn_from_the_global_generators() -> None:
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    every_batch(Adding())
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert np.random.get_state()[1].tolist() == numpy_before


@pytest.mark.parametrize(("length", "checksum"), CHECKSUMS.items())
def test_validation_and_test_are_frozen(length: int, checksum: str) -> None:
    assert Adding(length).load(SOURCES).checksum == checksum


def test_validation_and_test_share_no_sequence() -> None:
    splits = Adding().load(SOURCES)
    rows = {tuple(row) for part in (splits.valid, splits.test) for row in part.inputs[:, :, 0].tolist()}
    assert len(rows) == 2000


def test_a_fresh_batch_goes_to_the_device_of_its_split() -> None:
    task = Adding(10)
    train = Data(torch.empty(5, 0), torch.empty(5, 0), fresh=True).to("meta")
    batch = task.batch(train, torch.arange(3), torch.Generator())
    assert batch.inputs.device.type == batch.targets.device.type == "meta"


@pytest.mark.parametrize("length", [1, 0, -5])
def test_a_length_without_two_halves_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"length must be at least 2.*got {length}"):
        Adding(length)
