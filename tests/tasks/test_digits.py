from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from tasks import Sources, Splits, permutations
from tasks.digits import PermutedDigits, SequentialDigits, stratified

SOURCES = Sources(Path("not-needed"), offline=True)


@pytest.fixture(scope="module")
def splits() -> Splits:
    return SequentialDigits().load(SOURCES)


def test_sizes_and_types(splits: Splits) -> None:
    task = SequentialDigits()
    assert (task.length, task.input_size, task.output_size, task.loss) == (64, 1, 10, "cross_entropy")
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [1257, 180, 360]
    for part in (splits.train, splits.valid, splits.test):
        assert part.inputs.dtype == torch.uint8
        assert part.inputs.shape[1:] == (64,)
        assert part.targets.dtype == torch.int64


def test_the_parts_are_disjoint_and_complete() -> None:
    parts = stratified(load_digits().target)
    assert sorted(np.concatenate(parts)) == list(range(1797))


def test_images_keep_their_labels(splits: Splits) -> None:
    digits = load_digits()
    for part, index in zip((splits.train, splits.valid, splits.test), stratified(digits.target), strict=True):
        assert np.array_equal(part.inputs.numpy(), digits.data[index])
        assert np.array_equal(part.targets.numpy(), digits.target[index])


def test_every_class_is_in_every_part_by_its_share(splits: Splits) -> None:
    parts = [part.targets.bincount(minlength=10) for part in (splits.train, splits.valid, splits.test)]
    total = sum(parts)
    for counts, share in zip(parts, (0.7, 0.1, 0.2), strict=True):
        assert (counts - share * total).abs().max() <= 1.2001  # what dealing in rounds of ten allows


def test_the_head_of_training_is_a_mixture_of_all_classes(splits: Splits) -> None:
    assert splits.train.head(100).targets.bincount(minlength=10).min() >= 3


def test_a_batch_is_the_image_pixel_by_pixel(splits: Splits) -> None:
    batch = SequentialDigits().batch(splits.test, torch.tensor([7, 0]))
    assert batch.inputs.shape == (64, 2, 1)
    assert batch.inputs.dtype == torch.float32
    assert torch.equal(batch.inputs[:, 0, 0] * 16, splits.test.inputs[7].float())
    assert torch.equal(batch.targets, splits.test.targets[[7, 0]])


def test_all_batches_together_span_zero_to_one(splits: Splits) -> None:
    whole = SequentialDigits().batch(splits.train, torch.arange(1257)).inputs
    assert (whole.min(), whole.max()) == (0, 1)


def test_the_permuted_task_feeds_the_same_pixels_in_the_frozen_order(splits: Splits) -> None:
    permuted = PermutedDigits().load(SOURCES)
    assert torch.equal(permuted.train.inputs, splits.train.inputs)
    index = torch.tensor([3, 1])
    raster = SequentialDigits().batch(splits.train, index).inputs
    assert torch.equal(PermutedDigits().batch(permuted.train, index).inputs, raster[permutations.read("digits")])


def test_the_splits_are_frozen(splits: Splits) -> None:
    assert splits.checksum == "f73b39fcb1092a2a17f62abd347fab6e18e5686dda7602a1f539e7f8f17e347b"
    assert PermutedDigits().load(SOURCES).checksum == "ccd0adc5c127fb03ec1561a3e0312612274590e774e5d400fd8666c9bce5d35d"


def test_other_digits_than_the_frozen_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = load_digits()
    other.data[5, 20] += 1
    monkeypatch.setattr("sklearn.datasets.load_digits", lambda: other)
    with pytest.raises(ValueError, match=r"not the ones the split was frozen for \(sha256 .* another release"):
        SequentialDigits().load(SOURCES)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_batch_on_the_gpu_is_the_batch_of_the_cpu(splits: Splits) -> None:
    task, index = PermutedDigits(), torch.arange(50)
    batch = task.batch(splits.train.to("cuda"), index)
    assert batch.inputs.is_cuda
    assert torch.equal(batch.inputs.cpu(), task.batch(splits.train, index).inputs)


def test_the_stated_chance_is_the_share_of_the_commonest_class_of_the_test(splits: Splits) -> None:
    found = splits.test.targets
    assert SequentialDigits().chance == PermutedDigits().chance == int(found.bincount().max()) / len(found)
