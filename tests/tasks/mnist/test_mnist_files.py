from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.mnist import files
from tasks.mnist.files import MNIST, NAMES
from tasks.mnist.task import PermutedMNIST, SequentialMNIST
from tasks.sources import Sources, library

IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = NAMES


def test_unpacked_files_are_read_and_nothing_is_written(miniature, torchvision: None) -> None:
    before = sorted(miniature.root.rglob("*"))
    images, labels, test_images, test_labels = files.read(miniature.sources, miniature.dataset)
    assert np.array_equal(images.numpy(), miniature.arrays[IMAGES])
    assert np.array_equal(labels.numpy(), miniature.arrays[LABELS])
    assert np.array_equal(test_images.numpy(), miniature.arrays[TEST_IMAGES])
    assert np.array_equal(test_labels.numpy(), miniature.arrays[TEST_LABELS])
    assert sorted(miniature.root.rglob("*")) == before


@pytest.mark.parametrize("names", [NAMES, [TEST_LABELS]], ids=["all", "one"])
def test_packed_files_are_unpacked_beside_their_packed_form(miniature, names) -> None:
    miniature.pack(*names)
    folder, _ = miniature.dataset.verified(miniature.sources)
    for name in NAMES:
        assert (folder / name).read_bytes() == miniature.content(name)
    assert all((folder / f"{name}.gz").is_file() for name in names)
    assert not list(miniature.root.rglob("*.work"))


def test_an_old_processed_folder_is_not_trusted(miniature, torchvision: None) -> None:
    processed = miniature.root / "MNIST" / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(1, 28, 28, dtype=torch.uint8), torch.zeros(1)), processed / name)
    assert len(files.read(miniature.sources, miniature.dataset)[0]) == 60


def test_missing_files_are_named_with_their_place_and_what_to_do(miniature) -> None:
    (miniature.raw / LABELS).unlink()
    (miniature.raw / TEST_IMAGES).unlink()
    with pytest.raises(FileNotFoundError) as caught:
        SequentialMNIST().load(miniature.sources)
    assert str(caught.value) == (
        f"MNIST lacks {LABELS}, {TEST_IMAGES} in {miniature.raw} and the network must not be used: "
        "import an archive or a folder that you have with harness data import mnist PATH, "
        "or name another data folder with --data-root or HARNESS_DATA, or leave out --offline (HARNESS_OFFLINE)"
    )


def test_a_folder_without_anything_lacks_all_four_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=re.escape(f"MNIST lacks {', '.join(NAMES[:3])} and 1 more in {tmp_path}")
    ):
        SequentialMNIST().load(Sources(tmp_path / "nowhere", offline=True))
    assert not (tmp_path / "nowhere").exists()


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


DAMAGE = {
    "one bit": flipped,
    "truncated": lambda content: content[:-7],
    "garbage": lambda content: b"<html>not found</html>",
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_refused_with_both_checksums(miniature, name: str, damage) -> None:
    (miniature.raw / name).write_bytes(damage(miniature.content(name)))
    with pytest.raises(OSError, match="is damaged or another file") as caught:
        miniature.sequential().load(miniature.sources)
    wanted = miniature.sha256s()[name]
    found = re.fullmatch(
        rf"{miniature.raw / name} is damaged or another file \(sha256 (\w{{64}}), wanted {wanted}\): "
        r"put a good copy there \(harness data import mnist PATH --again\)",
        str(caught.value),
    )
    assert found
    assert found[1] != wanted


@pytest.mark.parametrize(
    "damage",
    [flipped, lambda packed: packed[:-9], lambda packed: packed[:30] + b"\xff" * 30 + packed[60:], lambda _: b"<html>"],
    ids=["wrong sum", "truncated", "wrong stream", "not packed"],
)
def test_a_damaged_packed_file_is_refused_and_nothing_is_unpacked(miniature, damage) -> None:
    miniature.pack(IMAGES)
    packed = miniature.raw / f"{IMAGES}.gz"
    packed.write_bytes(damage(packed.read_bytes()))
    with pytest.raises(OSError, match=rf"^{packed} is damaged \(.+\): get a good copy$"):
        miniature.sequential().load(miniature.sources)
    assert not (miniature.raw / IMAGES).exists()


def test_another_file_that_is_well_packed_is_refused_by_its_own_name(miniature) -> None:
    miniature.pack(IMAGES)
    packed = miniature.raw / f"{IMAGES}.gz"
    packed.write_bytes(gzip.compress(b"another file"))
    with pytest.raises(OSError, match=rf"{packed} is damaged or another file"):
        miniature.sequential().load(miniature.sources)
    assert not (miniature.raw / IMAGES).exists()


def test_a_folder_of_packed_files_is_imported(miniature, tmp_path: Path) -> None:
    miniature.pack(*NAMES)
    folder = miniature.dataset.take(Sources(tmp_path / "other"), miniature.root).folder
    assert folder == tmp_path / "other" / "MNIST" / "raw"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        name: miniature.content(name) for name in NAMES
    }


def test_the_miniature_is_not_taken_for_the_real_one(miniature) -> None:
    with pytest.raises(OSError, match="is damaged or another file"):
        SequentialMNIST().load(miniature.sources)


def test_what_is_published_fits_torchvision(torchvision: None) -> None:
    there = library("torchvision.datasets.mnist", "torchvision").MNIST
    assert {(download.file, download.hash) for download in MNIST.downloads} == {
        (name, f"md5:{md5}") for name, md5 in there.resources
    }
    assert all(download.url.rpartition("/")[0] + "/" in there.mirrors for download in MNIST.downloads)
    assert MNIST.published().keys() == set(NAMES)


def test_the_tasks_name_their_data_set(miniature) -> None:
    assert SequentialMNIST().needs() == PermutedMNIST().needs() == (MNIST,)
    assert SequentialMNIST().pinned


def test_the_real_files_fit_their_published_checksums(real_mnist: Sources) -> None:
    assert MNIST.check(real_mnist).state == "verified"
