from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasks import Sources
from tasks.cifar.files import CIFAR10
from tasks.cifar.task import CIFARTask, Images, NoisePaddedCIFAR10, SequentialCIFAR10

from .cifar_batches import Miniature, real_sources

CHECKSUMS: list[tuple[dict[str, Any], str]] = [
    ({}, "7db5884ce9bb981973c43aab7aa3dc2e747a6a180444e3611b14d0875fc0caca"),
    ({"validation": 3000}, "2a62f144d2de79b6969345d845475fa425069facb41f57c9632d75aab841cc9c"),
    ({"noise": "fresh"}, "0199b7ad7a953fd82a5affa41f9574861d8706a3ce1b250566214ba66655a86a"),
    ({"noise": "fresh", "validation": 3000}, "e2857301b6894deb239692e471aaf6e307fe3528266fbcbf2e9a8d14e05d5085"),
]


@pytest.fixture
def small(tmp_path: Path, torchvision: None) -> Miniature:
    return Miniature.write(tmp_path / "data")


@pytest.fixture
def real(torchvision: None) -> Sources:
    return real_sources()


def test_the_published_sizes() -> None:
    padded, sequential = NoisePaddedCIFAR10(), SequentialCIFAR10()
    assert (padded.length, padded.input_size, padded.output_size, padded.loss) == (1000, 96, 10, "cross_entropy")
    assert (sequential.length, sequential.input_size, sequential.output_size) == (1024, 3, 10)
    assert (padded.noise, padded.validation) == ("fixed", 2000)
    assert padded.pinned
    assert sequential.pinned


@pytest.mark.parametrize("noise", ["", "Fixed", None, 1])
def test_another_noise_is_refused_with_the_choices(noise: Any) -> None:
    with pytest.raises(ValueError, match="noise must be one of fixed, fresh, got"):
        NoisePaddedCIFAR10(noise=noise)


@pytest.mark.parametrize("validation", [0, 5000, "2000", None])
def test_another_validation_is_refused_with_the_choices(validation: Any) -> None:
    with pytest.raises(ValueError, match="validation must be one of 2000, 3000, got"):
        NoisePaddedCIFAR10(validation=validation)


def test_the_parts_are_disjoint_complete_and_shuffled(small: Miniature) -> None:
    splits = small.padded().load(small.sources)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [90, 10, 20]
    numbers = torch.cat((splits.train.inputs, splits.valid.inputs))[:, :2].long()
    assert (numbers[:, 1] * 20 + numbers[:, 0]).tolist() == np.random.RandomState(0).permutation(100).tolist()
    assert splits.test.inputs[:, 0].tolist() == list(range(20))
    assert splits.test.inputs[:, 1].unique().tolist() == [5]
    assert [part.part for part in (splits.train, splits.valid, splits.test) if isinstance(part, Images)] == [0, 1, 2]


def test_images_keep_their_labels_and_stay_bytes(small: Miniature) -> None:
    splits = small.sequential().load(small.sources)
    for part in (splits.train, splits.valid, splits.test):
        image, file = part.inputs[:, :2].long().T.numpy()
        assert part.inputs.dtype == torch.uint8
        assert np.array_equal(part.inputs.numpy(), small.pixels[file, image])
        assert part.targets.dtype == torch.int64
        assert np.array_equal(part.targets.numpy(), small.labels[file, image])


@pytest.mark.parametrize("noise", ["fixed", "fresh"])
def test_the_parts_are_views_of_one_tensor_as_large_as_the_pixels(small: Miniature, noise: Any) -> None:
    splits = small.padded(noise=noise).load(small.sources)
    parts = (splits.train, splits.valid, splits.test)
    assert len({part.inputs.untyped_storage().data_ptr() for part in parts}) == 1
    assert splits.train.inputs.untyped_storage().nbytes() == 120 * 3072
    assert sum(tensor.nbytes for part in parts for tensor in part.tensors().values()) == 120 * (3072 + 8)


def test_both_ways_to_read_an_image_have_the_same_split(small: Miniature) -> None:
    padded, sequential = small.padded().load(small.sources), small.sequential().load(small.sources)
    assert torch.equal(padded.train.inputs, sequential.train.inputs)
    assert padded.checksum != sequential.checksum != small.padded(noise="fresh").load(small.sources).checksum


def test_a_row_is_its_red_values_then_its_green_then_its_blue(small: Miniature) -> None:
    image = np.arange(3072).reshape(3, 32, 32) % 251  # colour, row, column
    small.pixels[5, 7] = image.reshape(-1)
    (small.folder / "test_batch").write_bytes(small.content(5))
    small.vouch()
    task = small.padded()
    batch = task.batch(task.load(small.sources).test, torch.tensor([3, 7]))
    assert batch.inputs.shape == (1000, 2, 96)
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.is_contiguous()
    steps = (batch.inputs[:32, 1] * 255).round().int().numpy()
    assert steps[0].tolist() == [*image[0, 0], *image[1, 0], *image[2, 0]]
    assert np.array_equal(steps, image.transpose(1, 0, 2).reshape(32, 96))
    assert torch.equal(batch.inputs[0, 1, :32], torch.arange(32) / 255)  # exactly as torchvision's ToTensor divides
    assert batch.targets.tolist() == small.labels[5, [3, 7]].tolist()


def test_a_pixel_is_three_colours_normalised(small: Miniature) -> None:
    task = small.sequential()
    batch = task.batch(task.load(small.sources).test, torch.tensor([4, 0]))
    assert batch.inputs.shape == (1024, 2, 3)
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.is_contiguous()
    colours = small.pixels[5, 4].reshape(3, 1024).T / 255
    wanted = (colours - [0.4914, 0.4822, 0.4465]) / [0.247, 0.243, 0.261]
    assert np.allclose(batch.inputs[:, 0].numpy(), wanted, rtol=0, atol=1e-6)
    assert batch.targets.tolist() == small.labels[5, [4, 0]].tolist()


@pytest.mark.parametrize("folder", CIFAR10.folders)
def test_both_layouts_of_the_folder_are_found(small: Miniature, folder: str) -> None:
    wanted = small.sequential().load(small.sources).checksum
    place = small.root / "moved" / folder
    place.parent.mkdir(parents=True)
    small.folder.rename(place)
    assert small.sequential().load(Sources(small.root / "moved", offline=True)).checksum == wanted


@pytest.mark.parametrize(("variant", "checksum"), CHECKSUMS)
def test_the_real_files_in_the_published_parts(real: Sources, variant: dict[str, Any], checksum: str) -> None:
    splits = NoisePaddedCIFAR10(**variant).load(real)
    held_out = variant.get("validation", 2000)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [50_000 - held_out, held_out, 10_000]
    assert splits.checksum == checksum


def test_the_real_images_are_those_of_everybody(real: Sources) -> None:
    splits = SequentialCIFAR10().load(real)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [45_000, 5000, 10_000]
    assert (splits.train.targets.bincount() + splits.valid.targets.bincount()).tolist() == [5000] * 10
    assert splits.test.targets.bincount().tolist() == [1000] * 10
    assert splits.test.targets[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    total = sum(part.inputs.view(-1, 3, 1024).sum((0, 2)).double() for part in (splits.train, splits.valid))
    # The means that are used everywhere to normalise CIFAR-10.
    assert (total / (50_000 * 1024 * 255)).tolist() == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
    assert splits.checksum == "2ff6409ea4b2d8581fefa8e55ea06c946a24e5c0d44c8e380e8b152c3dc98bf5"


@pytest.mark.parametrize("task", [NoisePaddedCIFAR10(), NoisePaddedCIFAR10(validation=3000), SequentialCIFAR10()])
def test_validation_is_like_training(real: Sources, task: CIFARTask) -> None:
    valid = task.load(real).valid.targets.bincount()
    deviation = (task.held_out * 0.1 * 0.9) ** 0.5
    assert ((valid - task.held_out / 10).abs() < 4 * deviation).all()
