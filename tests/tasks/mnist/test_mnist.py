from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch

from tasks import Sources, permutations
from tasks.mnist.task import Permutation, PermutedMNIST, SequentialMNIST

CHECKSUMS = {
    "unicornn": "c4d5fd0341596ff489c0a5ef191181688240b17e461e7e30b65af6bbbd087c02",
    "lmu": "8f528ce98423996eea2f30c0aa6026ed4020220a0feab6689bf554e1d0c21a98",
}


def test_the_published_sizes() -> None:
    for task in (SequentialMNIST(), PermutedMNIST()):
        assert (task.length, task.input_size, task.output_size, task.loss) == (784, 1, 10, "cross_entropy")
    assert PermutedMNIST().order == "unicornn"


@pytest.mark.parametrize("permutation", get_args(Permutation))
def test_every_permutation_can_be_chosen(permutation: Any) -> None:
    assert len(permutations.read(PermutedMNIST(permutation).order)) == 784


@pytest.mark.parametrize("permutation", ["exprnn", "digits", "", None, 12008])
def test_another_permutation_is_refused_with_the_choices(permutation: Any) -> None:
    with pytest.raises(ValueError, match="must be one of unicornn, cornn, expRNN, lmu, bitreversal, got"):
        PermutedMNIST(permutation=permutation)


@pytest.mark.usefixtures("torchvision")
def test_the_parts_are_disjoint_complete_and_shuffled(miniature) -> None:
    splits = miniature.sequential().load(miniature.sources)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [50, 10, 10]
    numbers = torch.cat((splits.train.inputs, splits.valid.inputs))[:, 0].tolist()
    assert numbers == np.random.RandomState(0).permutation(60).tolist()
    assert splits.test.inputs[:, 0].tolist() == list(range(10))
    assert splits.test.inputs[:, 1].unique().tolist() == [1]


@pytest.mark.usefixtures("torchvision")
def test_images_keep_their_labels_and_stay_bytes(miniature) -> None:
    splits = miniature.sequential().load(miniature.sources)
    for part, files in ((splits.train, "train"), (splits.valid, "train"), (splits.test, "t10k")):
        number = part.inputs[:, 0].long()
        images, labels = miniature.arrays[f"{files}-images-idx3-ubyte"], miniature.arrays[f"{files}-labels-idx1-ubyte"]
        assert part.inputs.dtype == torch.uint8
        assert np.array_equal(part.inputs.numpy(), images[number].reshape(-1, 784))
        assert part.targets.dtype == torch.int64
        assert np.array_equal(part.targets.numpy(), labels[number])


@pytest.mark.usefixtures("torchvision")
def test_a_batch_is_pixel_by_pixel_from_zero_to_one(miniature) -> None:
    task = miniature.sequential()
    train = task.load(miniature.sources).train
    batch = task.batch(train, torch.tensor([4, 49, 4]))
    assert batch.inputs.shape == (784, 3, 1)
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.is_contiguous()
    assert torch.equal(batch.inputs[:, 1, 0], train.inputs[49].float() / 255)
    assert torch.equal(batch.targets, train.targets[[4, 49, 4]])


@pytest.mark.usefixtures("torchvision")
@pytest.mark.parametrize("permutation", get_args(Permutation))
def test_steps_are_permuted_in_the_batch_and_not_in_the_data(miniature, permutation: Any) -> None:
    raster, permuted = miniature.sequential(), miniature.permuted(permutation)
    plain, data = raster.load(miniature.sources), permuted.load(miniature.sources)
    assert torch.equal(plain.test.inputs, data.test.inputs)
    assert plain.checksum != data.checksum
    index = torch.tensor([2, 9])
    steps = permutations.read(permutation)
    assert torch.equal(permuted.batch(data.test, index).inputs, raster.batch(plain.test, index).inputs[steps])


@pytest.fixture(scope="module")
def official() -> dict[str, list[int]]:
    """Images of each class in the official parts."""
    return {
        "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    }


def test_the_real_files_in_the_published_parts(real_mnist: Sources, official: dict[str, list[int]]) -> None:
    splits = SequentialMNIST().load(real_mnist)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [57_000, 3000, 10_000]
    classes = splits.train.targets.bincount() + splits.valid.targets.bincount()
    assert classes.tolist() == official["train"]
    assert splits.test.targets.bincount().tolist() == official["test"]
    assert splits.test.targets[:8].tolist() == [7, 2, 1, 0, 4, 1, 4, 9]
    brightness = (splits.train.inputs.sum() + splits.valid.inputs.sum()).item() / (60_000 * 784 * 255)
    assert brightness == pytest.approx(0.1307, abs=5e-5)  # the mean that is used everywhere to normalise MNIST
    assert splits.checksum == "7c009b7d53e9cbdafe4930103db2ac78424be4a0ac0d70d6608ea25c4b7783f8"


def test_validation_is_like_training(real_mnist: Sources, official: dict[str, list[int]]) -> None:
    valid = SequentialMNIST().load(real_mnist).valid.targets.bincount()
    share = torch.tensor(official["train"]) / 60_000
    deviation = (3000 * share * (1 - share)).sqrt()
    assert ((valid - 3000 * share).abs() < 4 * deviation).all()


@pytest.mark.parametrize(("permutation", "checksum"), CHECKSUMS.items())
def test_the_real_files_with_a_permutation(real_mnist: Sources, permutation: Any, checksum: str) -> None:
    task = PermutedMNIST(permutation)
    splits = task.load(real_mnist)
    assert splits.checksum == checksum
    batch = task.batch(splits.test, torch.tensor([0]))
    assert torch.equal(batch.inputs[:, 0, 0] * 255, splits.test.inputs[0][permutations.read(permutation)].float())


def test_what_is_missing_is_told_without_reading(miniature, tmp_path) -> None:
    task = SequentialMNIST()
    assert task.missing(miniature.sources) is None
    (miniature.raw / "t10k-labels-idx1-ubyte").unlink()
    told = task.missing(miniature.sources)
    assert told is not None
    assert "lacks t10k-labels-idx1-ubyte: import an archive or a folder" in told
    assert "harness data fetch mnist" in (task.missing(Sources(tmp_path)) or "")


def test_packed_files_are_not_missing(miniature) -> None:
    miniature.pack("t10k-labels-idx1-ubyte")
    assert SequentialMNIST().missing(miniature.sources) is None
